"""An artifact's inputs, its reports, and the part of them that arrives."""

import hashlib
import json
import os
import subprocess
import sys
import unittest

from support import RUN, SCRATCHPAD, SOURCE, TRACEPARENT, ExecutorTest, Ran


class SuccessTest(ExecutorTest):
    def test_everything_that_is_reported_arrives(self) -> None:
        manifest = self.manifest(
            """
            from signalbox_executor import context
            context.metric("rmse", 2.5)
            context.metric("rmse", 1.25)
            context.metric("days", 365)
            context.table("main.ops.daily")
            context.table("main.ops.daily")
            context.capsule["weights"] = [1, 2.5]
            context.output = {"rows": [1, None, True, "ä"]}
            context.summary("it went well")
            context.finish("converged")
            """,
            capsule={"epochs": 3},
            policy={"writes": ["main.ops.daily", "main.ops.other"]},
        )
        ran = self.run_manifest(manifest)
        result = ran.result
        self.assertEqual(ran.code, 0)
        self.assertEqual(result["status"], "SUCCESS")
        self.assertEqual(result["metrics"], {"rmse": 1.25, "days": 365})
        self.assertEqual(result["produced_tables"], ["main.ops.daily"])
        self.assertEqual(result["capsule"], {"epochs": 3, "weights": [1, 2.5]})
        self.assertEqual(result["output"], {"rows": [1, None, True, "ä"]})
        self.assertEqual((result["summary"], result["finished"]), ("it went well", "converged"))
        self.assertEqual((result["run_id"], result["iter_n"], result["attempt"]), ("r-1", 1, 1))
        self.assertEqual(result["traceparent"], TRACEPARENT)
        as_written = self.real(f"{RUN}/iter_001.attempt_001.manifest.json").read_bytes()
        self.assertEqual(result["manifest_sha256"], hashlib.sha256(as_written).hexdigest())

    def test_what_was_measured_beside_arrives(self) -> None:
        result = self.succeed(
            """
            from signalbox_executor import context
            context.metric("rmse", 1.5, samples=365)
            context.metric("rmse", 2.5, samples=365, of="production")
            context.metric_failed("safety/mean", "the judge said 503")
            context.metric_failed("safety/mean", "no answer", of="production")
            context.no_baseline("staging")
            """
        )
        self.assertEqual(result["status"], "SUCCESS")
        self.assertEqual(result["metrics"], {"rmse": 1.5})
        self.assertEqual(result["samples"], {"rmse": 365})
        self.assertEqual(result["failed_metrics"], {"safety/mean": "the judge said 503"})
        production = {
            "metrics": {"rmse": 2.5},
            "samples": {"rmse": 365},
            "failed_metrics": {"safety/mean": "no answer"},
        }
        self.assertEqual(result["baselines"], {"production": production, "staging": None})

    def test_the_last_word_on_a_metric_counts_number_or_failure(self) -> None:
        result = self.succeed(
            """
            from signalbox_executor import context
            context.metric("a", 1, samples=5)
            context.metric_failed("a", "no rows")
            context.metric_failed("b", "no rows")
            context.metric("b", 2)
            """
        )
        self.assertEqual((result["metrics"], result["failed_metrics"]), ({"b": 2}, {"a": "no rows"}))
        self.assertNotIn("samples", result)

    def test_why_a_metric_failed_is_masked_and_bounded(self) -> None:
        result = self.succeed(
            """
            from signalbox_executor import context
            context.metric_failed("a", ValueError("password=hunter2hunter2 " + "x" * 900))
            """
        )
        why = result["failed_metrics"]["a"]
        self.assertTrue(why.startswith("password=[REDACTED] xxx"), why)
        self.assertEqual(len(why), 500)

    def test_an_artifact_that_says_nothing_succeeds_and_hands_its_capsule_on(self) -> None:
        for name, code in {
            "nothing": "pass\n",
            "exit": "import sys\nsys.exit()\n",
            "exit 0": "raise SystemExit(0)\n",
        }.items():
            with self.subTest(name):
                result = self.succeed(code, capsule={"n": 1}, scratchpad=f"{SCRATCHPAD}")
                self.assertEqual(
                    (result["capsule"], result["finished"], result["metrics"]), ({"n": 1}, None, {})
                )
                self.real(f"{SCRATCHPAD}/result.json").unlink()

    def test_what_the_artifact_is_given(self) -> None:
        data = self.planned("data.csv", "a,b\n1,2\n")
        result = self.succeed(
            """
            import os, sys
            from signalbox_executor import context
            context.output({
                "parameters": context.parameters, "capsule": context.capsule,
                "run_id": context.run_id, "workload": context.workload,
                "iteration": context.iteration, "attempt": context.attempt,
                "trace": [context.traceparent, os.environ["TRACEPARENT"]],
                "data": open(context.file("data.csv")).read(), "files": sorted(context.files),
                "name": __name__, "argv": [os.path.basename(each) for each in sys.argv],
                "file": os.path.basename(__file__), "stdin": sys.stdin.read(),
            })
            """,
            files=[data],
            parameters={"year": 2015},
            capsule={"n": 1},
            iter_n=4,
            attempt=7,
        )
        self.assertEqual(
            result["output"],
            {
                "parameters": {"year": 2015},
                "capsule": {"n": 1},
                "run_id": "r-1",
                "iteration": 4,
                "attempt": 7,
                "workload": "test",
                "trace": [TRACEPARENT, TRACEPARENT],
                "data": "a,b\n1,2\n",
                "files": ["data.csv", "entry.py"],
                "name": "__main__",
                "argv": ["entry.py"],
                "file": "entry.py",
                "stdin": "",
            },
        )

    def test_planned_modules_and_the_company_codebase_can_be_imported(self) -> None:
        self.put("/Volumes/main/ops/company_codebase/shared_code.py", "WHERE = 'codebase'\n")
        self.put("/Volumes/main/ops/company_codebase/both.py", "WHERE = 'codebase'\n")
        self.put("/Volumes/main/ops/second/both.py", "WHERE = 'second'\n")
        result = self.succeed(
            """
            import both, helper, shared_code
            from signalbox_executor import context
            context.output = [helper.WHERE, shared_code.WHERE, both.WHERE]
            """,
            files=[self.planned("helper.py", "WHERE = 'beside'\n")],
            code_paths=["/Volumes/main/ops/company_codebase", "/Volumes/main/ops/second"],
        )
        self.assertEqual(result["output"], ["beside", "codebase", "codebase"])
        self.assertFalse(list(self.volumes.rglob("__pycache__")), "reviewed code is left as it is")

    def test_artifacts_are_kept_under_safe_names(self) -> None:
        result = self.succeed(
            """
            import pathlib
            from signalbox_executor import context
            pathlib.Path("Über sicht.csv").write_text("x")
            kept = [
                context.artifact("Über sicht.csv"),
                context.artifact(b"1", "../../escape.txt"),
                context.artifact(bytearray(b"2"), "/etc/passwd"),
                context.artifact(b"3", "..."),
                context.artifact(b"4", "a b.txt"),
                context.artifact(b"5", "a:b.txt"),
                context.artifact(b"6", "result.json"),
                context.artifact(b"old", "again.txt"),
                context.artifact(pathlib.Path("Über sicht.csv"), "n" * 300 + ".csv"),
            ]
            context.artifact(b"new", "again.txt")
            context.output = kept
            """
        )
        folder = f"{SCRATCHPAD}/artifacts/"
        names = [path.removeprefix(folder) for path in result["output"]]
        self.assertEqual(
            names[:7],
            [
                "Uber_sicht.csv",
                "_.._escape.txt",
                "_etc_passwd",
                "artifact",
                "a_b.txt",
                "a_b-2.txt",
                "result.json",
            ],
        )
        self.assertEqual((len(names[8]), names[8][-5:]), (128, "n.csv"))
        self.assertEqual([each["path"] for each in result["produced_artifacts"]], result["output"])
        for each in result["produced_artifacts"]:
            content = self.real(each["path"]).read_bytes()
            self.assertEqual(
                (each["bytes"], each["sha256"]), (len(content), hashlib.sha256(content).hexdigest())
            )
        self.assertEqual(self.real(f"{folder}again.txt").read_bytes(), b"new")
        self.assertEqual(
            sorted(os.listdir(self.real(SCRATCHPAD))),
            ["artifacts", "progress.json", "result.json", "stderr.log", "stdout.log"],
        )

    def test_files_of_the_same_name_in_different_folders_are_both_kept(self) -> None:
        result = self.succeed(
            """
            import os
            from signalbox_executor import context
            for folder in ("a", "b"):
                os.mkdir(folder)
                open(f"{folder}/x.csv", "w").write(folder)
                context.artifact(f"{folder}/x.csv")
                context.artifact(f"./{folder}/x.csv")
            """
        )
        kept = {each["path"]: self.real(each["path"]) for each in result["produced_artifacts"]}
        self.assertEqual([path.rpartition("/")[2] for path in kept], ["x.csv", "x-2.csv"])
        self.assertEqual([real.read_text() for real in kept.values()], ["a", "b"])

    def test_an_artifact_is_kept_as_it_was_when_it_was_reported(self) -> None:
        result = self.succeed(
            """
            import os
            from signalbox_executor import context
            open("model.bin", "wb").write(b"then")
            context.artifact("model.bin")
            open("model.bin", "wb").write(b"later")
            os.remove("model.bin")
            """
        )
        self.assertEqual(self.real(result["produced_artifacts"][0]["path"]).read_bytes(), b"then")

    def test_numbers_of_other_libraries_are_metrics(self) -> None:
        result = self.succeed(
            """
            from decimal import Decimal
            from fractions import Fraction
            from signalbox_executor import context
            class Scalar:
                def __float__(self): return 0.5
            context.metric("d", Decimal("1.5"))
            context.metric("f", Fraction(1, 4))
            context.metric("s", Scalar())
            context.metric("big", 10 ** 20)
            """
        )
        self.assertEqual(result["metrics"], {"d": 1.5, "f": 0.25, "s": 0.5, "big": 1e20})

    def test_the_program_is_over_when_its_threads_and_exit_functions_are(self) -> None:
        result = self.succeed(
            """
            import atexit, threading, time
            from concurrent.futures import ThreadPoolExecutor
            from signalbox_executor import context
            def late():
                time.sleep(0.3)
                context.metric("thread", 1)
                context.capsule["thread"] = True
            threading.Thread(target=late).start()
            threading.Thread(target=time.sleep, args=(1000,), daemon=True).start()
            ThreadPoolExecutor().submit(late)   # never shut down
            atexit.register(lambda: context.metric("atexit", 1))
            """
        )
        self.assertEqual(result["metrics"], {"thread": 1, "atexit": 1})
        self.assertEqual(result["capsule"], {"thread": True})

    def test_processes_of_the_artifacts_own_report_too(self) -> None:
        for method in ("fork", "spawn"):
            with self.subTest(method):
                code = f"""
                    import multiprocessing
                    from signalbox_executor import context
                    def square(n):
                        return n * n
                    if __name__ == "__main__":
                        with multiprocessing.get_context("{method}").Pool(2) as pool:
                            context.output = pool.map(square, range(5))
                """
                self.assertEqual(self.succeed(code)["output"], [0, 1, 4, 9, 16])
                self.real(f"{SCRATCHPAD}/result.json").unlink()

    def test_a_fork_that_runs_on_to_the_end_does_not_end_the_attempt(self) -> None:
        result = self.succeed(
            """
            import os, time
            from signalbox_executor import context
            pid = os.fork()
            context.metric("child" if pid == 0 else "parent", 1)
            if pid:
                assert os.waitpid(pid, 0)[1] == 0
                time.sleep(0.1)
                context.metric("after", 1)
            """
        )
        self.assertEqual(result["metrics"], {"child": 1, "parent": 1, "after": 1})

    def test_relative_files_go_into_a_folder_that_is_gone_afterwards(self) -> None:
        self.succeed("open('scratch.txt', 'w').write('x')\n")
        self.assertEqual(list(self.local.iterdir()), [])

    def test_it_runs_where_its_text_has_no_file(self) -> None:
        """As Databricks runs it: exec'd text without __file__, in another program's process."""
        program = (
            "import sys; path = sys.argv[1]; sys.argv = [path, sys.argv[2]]; "
            "exec(compile(open(path).read(), NAME, 'exec'), {'__name__': '__main__'})"
        )
        script, manifest = (
            str(SOURCE / "run_executor.py"),
            self.put_manifest(self.manifest("print('ran')\n")),
        )
        for name in ("path", "'<string>'"):
            with self.subTest(name):
                command = [sys.executable, "-c", program.replace("NAME", name), script, manifest]
                done = subprocess.run(command, env=self.environment(), capture_output=True, cwd="/")
                ran = Ran(self, done.returncode, done.stdout, done.stderr)
                self.assertEqual(
                    (ran.result["status"], ran.code, ran.stdout), ("SUCCESS", 0, b"ran\n")
                )
                self.real(f"{SCRATCHPAD}/result.json").unlink()

    def test_where_the_exception_is_shown_it_says_why_the_attempt_failed(self) -> None:
        """A task's `error` in Databricks is the exception's text: `1` would help nobody."""
        program = (
            "import sys; sys.path.insert(0, sys.argv.pop(1))\n"
            "from signalbox_executor.main import run_and_exit\n"
            "try: run_and_exit()\n"
            "except SystemExit as failure: print(type(failure).__name__, failure.code, failure)\n"
        )
        manifest = self.put_manifest(self.manifest("raise ValueError('no rows')\n"))
        command = [sys.executable, "-c", program, str(SOURCE), manifest]
        done = subprocess.run(command, env=self.environment(), capture_output=True, text=True)
        self.assertIn("AttemptFailed 1 FAILED: ValueError: no rows (/Volumes/", done.stdout)

    def test_it_says_so_when_its_package_is_not_beside_it(self) -> None:
        alone = self.root / "run_executor.py"
        alone.write_bytes((SOURCE / "run_executor.py").read_bytes())
        done = subprocess.run(
            [sys.executable, str(alone), "x"], capture_output=True, text=True, cwd="/"
        )
        self.assertEqual(done.returncode, 1)
        self.assertIn("signalbox_executor was not found beside run_executor.py", done.stderr)

    def test_it_runs_as_a_module(self) -> None:
        environment = self.environment()
        environment["PYTHONPATH"] += os.pathsep + str(SOURCE)
        command = [
            sys.executable,
            "-m",
            "signalbox_executor",
            self.put_manifest(self.manifest("pass\n")),
        ]
        done = subprocess.run(command, env=environment, capture_output=True)
        self.assertEqual(
            Ran(self, done.returncode, done.stdout, done.stderr).result["status"], "SUCCESS"
        )

    def test_outside_of_an_attempt_the_context_says_so(self) -> None:
        for use in (
            "context.metric('a', 1)",
            "context.parameters",
            "context.capsule",
            "context.artifact(b'', 'x')",
            "context.output = 1",
        ):
            with self.subTest(use):
                code = f"from signalbox_executor import context; {use}"
                done = subprocess.run(
                    [sys.executable, "-c", code],
                    env={"PYTHONPATH": str(SOURCE)},
                    capture_output=True,
                    text=True,
                )
                self.assertIn("only while the executor runs the artifact", done.stderr)

    def test_the_result_is_compact_utf8(self) -> None:
        ran = self.run_code("from signalbox_executor import context\ncontext.output = 'ä😀'\n")
        self.assertEqual(
            json.dumps(ran.result, ensure_ascii=False, separators=(",", ":")).encode(), ran.bytes
        )


if __name__ == "__main__":
    unittest.main()
