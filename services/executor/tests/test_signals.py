"""Ended from outside, or in time: real processes, real signals, and nothing left behind."""

import os
import signal
import sys
import unittest

from support import SCRATCHPAD, ExecutorTest, Ran

TELL_PID = (
    "import os, signal, sys, time\nopen('/Volumes/main/ops/scratchpad/pid', "
    "'w').write(str(os.getpid()))\n"
)
RESULT = f"{SCRATCHPAD}/result.json"


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    try:
        with open(f"/proc/{pid}/stat") as stat:
            return stat.read().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return sys.platform != "linux"


class SignalsTest(ExecutorTest):
    def setUp(self) -> None:
        super().setUp()
        self.real("/Volumes/main/ops/scratchpad").mkdir(parents=True)

    def told_pid(self, name: str = "pid") -> int:
        path = self.real(f"/Volumes/main/ops/scratchpad/{name}")
        return int(self.wait_for(lambda: path.exists() and path.read_text()))

    def gone(self, pid: int) -> None:
        self.wait_for(lambda: not is_alive(pid))

    def ended(self, process: object, number: int, **options: object) -> Ran:
        stdout, stderr = process.communicate(timeout=30)
        return Ran(self, process.returncode, stdout, stderr)

    def test_told_to_stop_it_leaves_a_result_that_says_so(self) -> None:
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            with self.subTest(number.name):
                code = (
                    TELL_PID + "print('begun')\nfrom signalbox_executor import "
                    "context\ncontext.metric('a', 1)\ntime.sleep(600)\n"
                )
                process = self.start(self.manifest(code, capsule={"n": 1}))
                pid = self.told_pid()
                self.wait_for(lambda: is_alive(pid))
                process.send_signal(number)
                ran = self.ended(process, number)
                self.assertEqual(ran.code, 128 + number)
                self.assertEqual(ran.result["error"]["type"], "Terminated")
                self.assertIn(
                    f"with {number.name} while the artifact ran", ran.result["error"]["summary"]
                )
                self.assertEqual(ran.result["capsule"], {"n": 1})
                self.gone(pid)
                os.remove(self.real(RESULT))
                os.remove(self.real("/Volumes/main/ops/scratchpad/pid"))

    def test_an_artifact_that_will_not_stop_is_stopped(self) -> None:
        code = (
            "import signal\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
            + TELL_PID
            + "while True: pass\n"
        )
        process = self.start(self.manifest(code))
        pid = self.told_pid()
        process.send_signal(signal.SIGTERM)
        process.send_signal(signal.SIGTERM)
        ran = self.ended(process, signal.SIGTERM)
        self.assertEqual((ran.code, ran.result["error"]["type"]), (143, "Terminated"))
        self.gone(pid)

    def test_a_signal_to_all_processes_at_once_is_the_platforms(self) -> None:
        process = self.start(self.manifest(TELL_PID + "time.sleep(600)\n"))
        os.kill(self.told_pid(), signal.SIGTERM)
        process.send_signal(signal.SIGTERM)
        ran = self.ended(process, signal.SIGTERM)
        self.assertEqual((ran.code, ran.result["error"]["type"]), (143, "Terminated"))

    def test_a_signal_to_the_artifact_alone_is_its_own_end(self) -> None:
        process = self.start(self.manifest(TELL_PID + "time.sleep(600)\n"))
        os.kill(self.told_pid(), signal.SIGTERM)
        ran = self.ended(process, signal.SIGTERM)
        self.assertEqual((ran.code, ran.result["error"]["type"]), (1, "Vanished"))
        self.assertIn("killed by SIGTERM", ran.result["error"]["summary"])

    def test_killed_it_leaves_no_result_and_no_artifact_running(self) -> None:
        code = TELL_PID + (
            "if os.fork() == 0:\n"
            "    open('/Volumes/main/ops/scratchpad/child', 'w').write(str(os.getpid()))\n"
            "time.sleep(600)\n"
        )
        process = self.start(self.manifest(code))
        pids = [self.told_pid(), self.told_pid("child")]
        process.kill()
        process.wait()
        for pid in pids:
            self.gone(pid)
        self.assertFalse(self.real(RESULT).exists())

    def test_an_artifact_that_kills_its_executor_leaves_no_result(self) -> None:
        process = self.start(
            self.manifest(TELL_PID + "os.kill(os.getppid(), signal.SIGKILL)\ntime.sleep(600)\n")
        )
        self.assertEqual(process.wait(timeout=30), -signal.SIGKILL)
        self.assertFalse(self.real(RESULT).exists())
        self.gone(self.told_pid())

    def test_an_artifact_that_runs_too_long_is_ended(self) -> None:
        for name, code in {
            "sleeping": "time.sleep(600)",
            "spinning": "while True: pass",
            "deaf": "signal.signal(signal.SIGTERM, signal.SIG_IGN)\nwhile True: time.sleep(1)",
            "a handler that goes on": (
                "signal.signal(signal.SIGTERM, lambda *_: None)\nwhile True: time.sleep(1)"
            ),
            "in native code": "pow(7, 10 ** 9, 1) if False else sum(iter(int, 1))",
        }.items():
            with self.subTest(name):
                result = self.failed(TELL_PID + code + "\n", policy={"timeout_seconds": 1})
                self.assertEqual(result["error"]["type"], "Timeout")
                self.assertIn("longer than its limit of 1 s", result["error"]["summary"])
                self.gone(self.told_pid())
                os.remove(self.real(RESULT))

    def test_a_thread_that_never_ends_is_named(self) -> None:
        code = (
            "import threading, time\nthreading.Thread(target=time.sleep, args=(600,), "
            "name='uploader').start()\n"
        )
        error = self.failed(code, policy={"timeout_seconds": 1})["error"]
        self.assertIn("its main program was over, but not its threads: uploader", error["summary"])

    def test_processes_that_are_left_behind_are_ended(self) -> None:
        """One in the artifact's group, and where /proc shows them, one that left it and one that
        shed its output, too.
        """
        leave = {
            "in its group": "subprocess.Popen(['sleep', '600'])",
            "in a session of its own": "subprocess.Popen(['sleep', '600'], start_new_session=True)",
        }
        if sys.platform != "linux":
            del leave["in a session of its own"]
        for name, code in leave.items():
            with self.subTest(name):
                code = (
                    "import subprocess\nfrom signalbox_executor import "
                    f"context\ncontext.output = {code}.pid\n"
                )
                result = self.succeed(code)
                self.gone(result["output"])
                os.remove(self.real(RESULT))

    def test_an_artifact_that_ends_well_after_it_was_told_to_stop_has_not_succeeded(self) -> None:
        code = (
            "import signal, sys\nsignal.signal(signal.SIGTERM, lambda *_: sys.exit(0))\n"
            + TELL_PID
            + "time.sleep(600)\n"
        )
        process = self.start(self.manifest(code))
        self.told_pid()
        process.send_signal(signal.SIGTERM)
        ran = self.ended(process, signal.SIGTERM)
        self.assertEqual(
            (ran.code, ran.result["status"], ran.result["error"]["type"]),
            (143, "FAILED", "Terminated"),
        )


if __name__ == "__main__":
    unittest.main()
