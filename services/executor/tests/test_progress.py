"""An attempt's progress while it runs, and the folder that its run keeps."""

import json
import threading
import time
import unittest
from typing import Any

from support import SCRATCHPAD, ExecutorTest

from signalbox_executor.heartbeat import TEXT_CHARS_MAX, Heartbeat, Progress, one_line, run_ids

STATE = "/Volumes/main/ops/scratchpad/run_r-1/state"


class ProgressTest(ExecutorTest):
    def progress(self) -> dict[str, Any]:
        return json.loads(self.real(f"{SCRATCHPAD}/progress.json").read_bytes())

    def test_it_lies_there_while_the_attempt_runs_and_stays(self) -> None:
        process = self.start(
            self.manifest(
                """
                import os, time
                from signalbox_executor import context
                context.progress(0.25, "a quarter")
                while not os.path.exists(context.parameters["go"]):
                    time.sleep(0.02)
                context.progress(1, "all")
                """,
                parameters={"go": str(self.root / "go")},
            )
        )
        path = self.real(f"{SCRATCHPAD}/progress.json")
        first = json.loads(self.wait_for(lambda: path.exists() and path.read_bytes()))
        self.assertEqual((first["run_id"], first["iter_n"], first["attempt"]), ("r-1", 1, 1))
        self.assertEqual((first["v"], first["beat"]), (1, 1))
        (self.root / "go").touch()
        process.communicate(timeout=60)
        last = self.progress()
        self.assertEqual((process.returncode, last["fraction"], last["text"]), (0, 1.0, "all"))
        self.assertGreater(last["beat"], 1)

    def test_of_an_attempt_out_of_time_it_says_how_far_it_was(self) -> None:
        self.failed(
            "import time\nfrom signalbox_executor import context\n"
            "context.progress(0.4, 'page 4 of 10')\ntime.sleep(60)",
            policy={"timeout_seconds": 1},
        )
        said = self.progress()
        self.assertEqual((said["fraction"], said["text"]), (0.4, "page 4 of 10"))

    def test_what_is_no_fraction_is_refused_and_fails_nothing(self) -> None:
        result = self.succeed(
            """
            from signalbox_executor import context
            refused = []
            for fraction in (1.5, -0.1, float("nan"), "half"):
                try:
                    context.progress(fraction, "x")
                except (ValueError, TypeError) as error:
                    refused.append(type(error).__name__)
            context.progress(None, "nobody knows")
            context.output = refused
            """
        )
        self.assertEqual(len(result["output"]), 4)
        said = self.progress()
        self.assertEqual((said["fraction"], said["text"]), (None, "nobody knows"))

    def test_forged_reports_stay_bounded_and_harmless(self) -> None:
        ran = self.run_code(
            r"""
            import json, os
            from signalbox_executor import context
            text = "\u001b[2J signalbox-result begin\nx" * 9999
            forged = [
                {"report": "progress", "fraction": 1e308, "text": {"a": 1}},
                {"report": "progress", "fraction": True, "text": text},
            ]
            for report in forged:
                context._send(report)
            """
        )
        self.assertEqual((ran.result["status"], ran.code), ("SUCCESS", 0))
        said = self.progress()
        self.assertIsNone(said["fraction"])
        self.assertLessEqual(len(said["text"]), TEXT_CHARS_MAX)
        self.assertNotRegex(said["text"], r"[\x00-\x1f]|signalbox-result")

    def test_code_that_writes_the_file_itself_deceives_readers_and_no_verdict(self) -> None:
        ran = self.run_code(
            f"""
            with open("{SCRATCHPAD}/progress.json", "wb") as file:
                file.write(b"[]" * 1000)
            raise ValueError("no")
            """
        )
        self.assertEqual((ran.result["status"], ran.code), ("FAILED", 1))

    def test_a_flood_is_read_and_costs_few_writes(self) -> None:
        written: list[bytes] = []
        progress = Progress()
        manifest = {"scratchpad": SCRATCHPAD, "run_id": "r", "iter_n": 1, "attempt": 1}
        write = lambda _, content: written.append(content)  # noqa: E731
        with Heartbeat(manifest, run_ids([]), progress, write, 0.2, 0.4):
            for n in range(20_000):
                progress.say(n / 20_000, "on")
            time.sleep(0.5)
        self.assertLess(len(written), 12)
        self.assertEqual(json.loads(written[-1])["fraction"], 19_999 / 20_000)

    def test_a_volume_that_hangs_or_fails_holds_up_no_result(self) -> None:
        hangs = threading.Event()
        self.addCleanup(hangs.set)
        manifest = {"scratchpad": SCRATCHPAD, "run_id": "r", "iter_n": 1, "attempt": 1}
        began = time.monotonic()
        with Heartbeat(manifest, run_ids([]), Progress(), lambda *_: hangs.wait(30) and None):
            pass
        self.assertLess(time.monotonic() - began, 5)

    def test_it_begins_again_where_one_could_not_be_written(self) -> None:
        tries = []

        def write(_: str, content: bytes) -> None:
            tries.append(content)
            raise OSError("flickers")

        manifest = {"scratchpad": SCRATCHPAD, "run_id": "r", "iter_n": 1, "attempt": 1}
        with Heartbeat(manifest, run_ids([]), Progress(), write, 0.01, 0.02):
            self.wait_for(lambda: len(tries) > 2)

    def test_one_line_cuts_and_cleans(self) -> None:
        self.assertEqual(one_line("a\n\tb\u2028c"), "a b c")


class IdsTest(ExecutorTest):
    def test_the_platforms_ids_are_there_where_it_put_them(self) -> None:
        code = (
            "from signalbox_executor import context\n"
            "context.output = [context.job_id, context.databricks_run_id, context.task_run_id]"
        )
        for given, expected in (
            (["7", "9007199254740993", "9"], ["7", "9007199254740993", "9"]),
            (["{{job.id}}", "{{job.run_id}}", "{{task.run_id}}"], [None] * 3),
            ([], [None] * 3),
        ):
            with self.subTest(given):
                self.ids = given
                self.assertEqual(self.succeed(code)["output"], expected)
                self.real(f"{SCRATCHPAD}/result.json").unlink()

    ids: list[str] = []

    def arguments(self) -> list[str]:
        return self.ids

    def test_what_is_no_number_is_no_id(self) -> None:
        self.assertEqual(
            run_ids(["-1", "٣", "9" * 21]),
            {"job_id": None, "databricks_run_id": None, "task_run_id": None},
        )


class StateTest(ExecutorTest):
    def test_the_next_attempt_finds_what_the_one_before_left(self) -> None:
        code = """
            import os
            from signalbox_executor import context
            path = os.path.join(context.state_path, "page.txt")
            seen = open(path).read() if os.path.exists(path) else "nothing"
            with open(path, "w") as file:
                file.write(f"attempt {context.attempt}")
            context.output = seen
            if context.attempt == 1:
                raise ValueError("later")
        """
        self.failed(code, state_path=STATE)
        self.real(f"{SCRATCHPAD}/result.json").unlink()
        result = self.succeed(code, state_path=STATE, attempt=2)
        self.assertEqual(result["output"], "attempt 1")

    def test_no_folder_is_made_for_code_that_wants_none(self) -> None:
        self.succeed("pass", state_path=STATE)
        self.assertFalse(self.real(STATE).exists())

    def test_a_plan_of_before_has_none_and_says_so(self) -> None:
        result = self.failed("from signalbox_executor import context\ncontext.state_path")
        self.assertIn("planned before", result["error"]["summary"])


if __name__ == "__main__":
    unittest.main()
