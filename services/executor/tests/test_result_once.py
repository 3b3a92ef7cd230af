"""result.json is written once, whole, and the exit code is honest about it."""

import unittest

from support import SCRATCHPAD, ExecutorTest

RESULT = f"{SCRATCHPAD}/result.json"


class ResultOnceTest(ExecutorTest):
    def test_an_attempt_that_has_a_result_is_not_run_again(self) -> None:
        for existing in ("{}", "", self.run_code("pass\n").bytes):
            with self.subTest(existing):
                self.put(RESULT, existing)
                ran = self.run_code("print('it ran')\n")
                self.assertEqual((ran.code, ran.stdout), (4, b""))
                self.assertIn("this attempt has been run, and is not run twice", ran.stderr)
                self.assertEqual(
                    ran.bytes, existing.encode() if isinstance(existing, str) else existing
                )

    def test_a_result_that_somebody_else_wrote_meanwhile_fails_the_attempt_and_stays(self) -> None:
        for lie in ('{"status": "SUCCESS"}', ""):
            with self.subTest(lie):
                ran = self.run_code(f"open({RESULT!r}, 'w').write({lie!r})\n")
                self.assertEqual((ran.code, ran.bytes), (4, lie.encode()))
                self.assertIn("was written by somebody else while this attempt ran", ran.stderr)
                self.real(RESULT).unlink()

    def test_a_result_that_cannot_be_written_is_no_success(self) -> None:
        for fault in ("open", "close", "torn"):
            with self.subTest(fault):
                ran = self.run_code("pass\n", fault=f"result.json={fault}")
                self.assertEqual(ran.code, 3)
                self.assertIn(
                    "result.json could not be written, so the attempt counts for nothing",
                    ran.stderr,
                )
                self.real(RESULT).unlink(missing_ok=True)

    def test_a_flickering_volume_is_tried_again(self) -> None:
        for path in ("result.json", "stdout.log", "a.txt"):
            with self.subTest(path):
                code = (
                    "from signalbox_executor import context\ncontext.artifact(b'x', "
                    "'a.txt')\nprint('y')\n"
                )
                ran = self.run_code(code, fault=f"{path}=once")
                self.assertEqual((ran.code, ran.result["status"]), (0, "SUCCESS"), ran.stderr)
                self.assertEqual(self.real(f"{SCRATCHPAD}/artifacts/a.txt").read_bytes(), b"x")
                self.assertEqual(self.real(f"{SCRATCHPAD}/stdout.log").read_bytes(), b"y\n")
                self.real(RESULT).unlink()

    def test_logs_that_cannot_be_written_cost_the_logs(self) -> None:
        ran = self.run_code("print('x')\n", fault="stdout.log=open")
        self.assertEqual(
            (ran.code, ran.result["logs"]["stdout"], ran.result["logs"]["stdout_tail"]),
            (0, None, "x\n"),
        )
        self.assertIn("stdout.log could not be written, its tail is in the result", ran.stderr)

    def test_artifacts_that_cannot_be_written_cost_the_attempt(self) -> None:
        code = (
            "from signalbox_executor import context\ncontext.artifact(b'1', "
            "'a.txt')\ncontext.artifact(b'2', 'b.txt')\n"
        )
        result = self.failed(code, fault="b.txt=close")
        self.assertEqual(result["error"]["type"], "ExecutorError")
        self.assertIn("Input/output error", result["error"]["summary"])
        self.assertTrue(result["error"]["transient"], "the next attempt may find the volume well")
        self.assertEqual(
            [each["path"] for each in result["produced_artifacts"]],
            [f"{SCRATCHPAD}/artifacts/a.txt"],
        )

    def test_a_scratchpad_that_is_a_file_is_no_success(self) -> None:
        self.put(SCRATCHPAD, "a file")
        ran = self.run_code("print('it ran')\n")
        self.assertEqual((ran.code, ran.stdout), (3, b""))
        self.assertIn("the scratchpad cannot be used, so nothing was run", ran.stderr)

    def test_logs_that_an_earlier_try_left_are_replaced(self) -> None:
        self.put(f"{SCRATCHPAD}/stdout.log", "of a driver that was lost")
        logs = self.succeed("print('mine')\n")["logs"]
        self.assertEqual(self.real(logs["stdout"]).read_text(), "mine\n")


if __name__ == "__main__":
    unittest.main()
