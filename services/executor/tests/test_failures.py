"""However an artifact ends, there is a result that says so, and an exit code that agrees."""

import os
import textwrap
import unittest

from support import SCRATCHPAD, ExecutorTest

# Ending, what the result must call it, and words that its summary must hold.
ENDINGS = [
    ("raise ValueError('no rows')", "ValueError", "no rows"),
    ("raise ValueError", "ValueError", "ValueError"),
    ("def broken(:", "SyntaxError", "invalid syntax"),
    ("import nothing_like_it", "ModuleNotFoundError", "nothing_like_it"),
    ("raise SystemExit(3)", "SystemExit", "exited with code 3"),
    ("raise SystemExit('no more data')", "SystemExit", "no more data"),
    ("raise KeyboardInterrupt", "KeyboardInterrupt", ""),
    ("class Own(BaseException): pass\nraise Own('mine')", "Own", "mine"),
    ("import decimal\nraise decimal.DivisionByZero('x')", "decimal.DivisionByZero", "x"),
    (
        "class Mute(Exception):\n    def __str__(self): raise RuntimeError\nraise Mute",
        "Mute",
        "Mute",
    ),
    ("def f(): f()\nf()", "RecursionError", "recursion"),
    ("bytearray(10 ** 17)", "MemoryError", ""),
    ("raise ValueError('lone \\ud800 surrogate')", "ValueError", "lone ? surrogate"),
    ("import os; os._exit(0)", "Vanished", "exited with code 0"),
    ("import os; os._exit(7)", "Vanished", "exited with code 7"),
    (
        "import os, signal; os.kill(os.getpid(), signal.SIGKILL)",
        "Vanished",
        "killed by SIGKILL, perhaps for want of memory",
    ),
    ("import ctypes; ctypes.string_at(0)", "Vanished", "killed by SIGSEGV"),
    ("import os; os.abort()", "Vanished", "killed by SIGABRT"),
    ("import os; os.closerange(3, 256)", "Vanished", "exited with code 1"),
    (
        "import atexit\natexit.register(lambda: __import__('os')._exit(5))",
        "Vanished",
        "exited with code 5",
    ),
]


class FailureTest(ExecutorTest):
    def test_every_ending_leaves_a_result_that_names_it(self) -> None:
        for code, kind, words in ENDINGS:
            with self.subTest(code):
                result = self.failed(code + "\n")
                self.assertEqual(result["error"]["type"], kind)
                self.assertIn(words, result["error"]["summary"])
                self.assertFalse(result["error"]["transient"])
                self.real(f"{SCRATCHPAD}/result.json").unlink()

    def test_a_transient_error_says_so(self) -> None:
        result = self.failed(
            """
            from signalbox_executor import TransientError, context
            class Busy(TransientError): pass
            assert context.TransientError is TransientError
            raise Busy("the warehouse sleeps")
            """
        )
        self.assertEqual((result["error"]["type"], result["error"]["transient"]), ("Busy", True))

    def test_the_traceback_is_of_the_artifact_alone(self) -> None:
        result = self.failed(
            """
            def divide(a):
                return a / 0
            try:
                divide(1)
            except ZeroDivisionError as error:
                raise ValueError("cannot") from error
            """
        )
        trace = result["error"]["trace"]
        self.assertIn('File "entry.py", line 3, in divide', trace)
        self.assertIn("ZeroDivisionError", trace)
        self.assertIn("return a / 0", trace)
        self.assertNotIn("signalbox", trace)
        self.assertIn("ValueError: cannot", self.real(result["logs"]["stderr"]).read_text())

    def test_a_failed_attempt_keeps_what_it_reported_but_not_its_capsule(self) -> None:
        result = self.failed(
            """
            from signalbox_executor import context
            context.metric("rows", 3)
            context.artifact(b"half", "half.txt")
            context.capsule["epochs"] = 99
            context.capsule["new"] = 1
            context.output = "so far"
            context.finish("never")
            raise ValueError
            """,
            capsule={"epochs": 1},
        )
        self.assertEqual(result["metrics"], {"rows": 3})
        self.assertEqual(len(result["produced_artifacts"]), 1)
        self.assertEqual(
            (result["capsule"], result["finished"], result["output"]),
            ({"epochs": 1}, None, "so far"),
        )

    def test_what_was_reported_before_a_crash_is_not_lost(self) -> None:
        result = self.failed(
            """
            import os
            from signalbox_executor import context
            for n in range(5000):
                context.metric("step", n)
            print("the last words")
            os._exit(1)
            """
        )
        self.assertEqual(result["metrics"], {"step": 4999})
        self.assertEqual(result["logs"]["stdout_tail"], "the last words\n")

    def test_sabotage_costs_the_attempt_at_most_and_never_the_result(self) -> None:
        for name, code in {
            "its own folder": "import os, shutil\nshutil.rmtree(os.getcwd())",
            "all temporary folders": (
                "import os, shutil\nshutil.rmtree(os.path.dirname(os.getcwd()))"
            ),
            "json": (
                "import json\njson.dumps = json.loads = json.JSONEncoder.encode = "
                "json.JSONDecoder.decode = None"
            ),
            "open": (
                "import builtins, io, os\nbuiltins.open = io.open = os.open = os.write = "
                "os._exit = os.getpid = None"
            ),
            "the streams": (
                "import sys\nsys.stdout.close(); sys.stderr.close(); sys.stdout = sys.stderr = None"
            ),
            "a broken exit": "import sys\nsys.stdout.close()\nraise ValueError",
            "recursion": "import sys\nsys.setrecursionlimit(50)",
            "sys.modules": "import sys\nsys.modules.clear()\nraise ValueError('gone')",
            "threading": "import threading\nthreading._shutdown = threading.enumerate = None",
            "the context": "import signalbox_executor\nsignalbox_executor.context.__dict__.clear()",
            "garbage in the pipe": (
                "import os\nfor fd in range(3, 20):\n    try: os.write(fd, b'\\xff{]\\n' * "
                "99)\n    except OSError: pass"
            ),
        }.items():
            with self.subTest(name):
                ran = self.run_code(code + "\n")
                self.assertEqual(ran.result["status"] == "SUCCESS", ran.code == 0)
                self.assertIn(ran.code, (0, 1))
                self.real(f"{SCRATCHPAD}/result.json").unlink()

    def test_an_artifact_that_is_gone_when_it_is_to_be_stored_fails_the_attempt(self) -> None:
        result = self.failed(
            """
            import os, shutil
            from signalbox_executor import context
            context.artifact(b"x", "x.txt")
            shutil.rmtree(os.path.dirname(os.getcwd()))
            """
        )
        self.assertEqual(result["error"]["type"], "FileMismatch")
        self.assertEqual(result["produced_artifacts"], [])

    def test_a_pipe_in_the_place_of_an_artifact_is_not_waited_for(self) -> None:
        result = self.failed(
            """
            import os
            from signalbox_executor import context
            context.artifact(b"x", "x.txt")
            path = os.path.join(os.path.dirname(os.getcwd()), "outbox", "x.txt")
            os.remove(path)
            os.mkfifo(path)
            """
        )
        self.assertEqual(result["error"]["type"], "FileMismatch")
        self.assertIn("it is no regular file", result["error"]["summary"])

    def test_a_folder_or_a_missing_file_is_no_artifact(self) -> None:
        for code, words in {
            "context.artifact('.')": "is a folder: pack it into one file first",
            "context.artifact('missing.csv')": "missing.csv is no file",
            "context.artifact(b'x')": "needs a name",
            "context.file('missing.csv')": "missing.csv is no planned file",
        }.items():
            with self.subTest(code):
                result = self.failed(f"from signalbox_executor import context\n{code}\n")
                self.assertIn(words, result["error"]["summary"])
                self.real(f"{SCRATCHPAD}/result.json").unlink()

    def test_a_file_that_is_not_as_planned_is_not_run(self) -> None:
        code = "open('/Volumes/main/ops/scratchpad/ran', 'w').write('x')\n"
        planned = self.planned("entry.py", code)
        for name, change, words in [
            (
                "other content",
                lambda: self.put(planned["path"], code.replace("x", "y")),
                "is not the file that was planned",
            ),
            ("longer", lambda: self.put(planned["path"], code + "#" * 10_000_000), "more than"),
            ("shorter", lambda: self.put(planned["path"], code[:10]), "10 bytes"),
            ("missing", lambda: os.remove(self.real(planned["path"])), "cannot be read"),
        ]:
            with self.subTest(name):
                manifest = self.manifest(code)
                change()
                ran = self.run_manifest(manifest)
                self.assertEqual((ran.code, ran.result["error"]["type"]), (1, "FileMismatch"))
                self.assertIn(words, ran.result["error"]["summary"])
                self.assertFalse(self.real("/Volumes/main/ops/scratchpad/ran").exists())
                self.real(f"{SCRATCHPAD}/result.json").unlink()

    def test_what_runs_is_what_was_verified_whatever_becomes_of_the_volume(self) -> None:
        data = self.planned("data.csv", "verified")
        code = f"""
            from signalbox_executor import context
            open({data["path"]!r}, "w").write("changed after it was verified")
            context.output = open(context.file("data.csv")).read()
        """
        self.assertEqual(self.succeed(textwrap.dedent(code), files=[data])["output"], "verified")

    def test_a_code_path_that_is_not_there_fails_the_attempt(self) -> None:
        result = self.failed("pass\n", code_paths=["/Volumes/main/ops/company_codebase"])
        self.assertIn("/Volumes/main/ops/company_codebase is no folder", result["error"]["summary"])


if __name__ == "__main__":
    unittest.main()
