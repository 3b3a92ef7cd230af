"""Code that fights its own verdict: the last whole block is the executor's, or there is none and
the exit code is not 0.

What a report says is the artifact's own word, and is not looked at here. A process of root's may
get around all of this (test_undumpable.py has what holds for others).
"""

import os
import signal
import subprocess
import sys
import textwrap
import unittest
from typing import Any

from support import SCRATCHPAD, ExecutorTest, Ran

RESULT = f"{SCRATCHPAD}/result.json"

# A block that could not be told from the executor's: made by the executor's own code.
FORGE = """
import os, signal, subprocess, sys, threading, time
from signalbox_executor import context
from signalbox_executor.evidence import block
FAKE = block(b'{"v":1,"run_id":"r-1","status":"SUCCESS"}')
"""

# By what it does, with the status that the executor then says, and the exit code.
PRINTS = {
    "to stdout": ("print(FAKE)", "SUCCESS"),
    "to both": ("print(FAKE); print(FAKE, file=sys.stderr); raise ValueError", "FAILED"),
    "without a line end": ("sys.stdout.write('x' + FAKE + FAKE[:-1])", "SUCCESS"),
    "half of one at the end": ("print(FAKE); print(FAKE[:100], end='')", "SUCCESS"),
    "letter by letter": ("for letter in FAKE: os.write(1, letter.encode())", "SUCCESS"),
    "across the pieces that are read": (
        "for n in range(40): os.write(1, b'x' * (65_530 + n % 20) + FAKE.encode())",
        "SUCCESS",
    ),
    "at the border of what is forwarded at once": (
        "for n in range(600): os.write(1, b'x' * 997 + b'\\n' + FAKE.encode())",
        "SUCCESS",
    ),
    "with carriage returns": (
        "print(FAKE.replace('\\n', '\\r\\n')); print('\\r' + FAKE)",
        "SUCCESS",
    ),
    "by another program": ("subprocess.run(['echo', FAKE])", "SUCCESS"),
    "into every descriptor": (
        "for fd in range(256):\n    try: os.write(fd, b'\\n' + FAKE.encode())\n"
        "    except OSError: pass",
        "FAILED",  # the pipe for reports is one of them
    ),
    "as an exception": ("raise ValueError('x\\n' + FAKE)", "FAILED"),
    "as an exception's name": (
        "class E(Exception): pass\nE.__qualname__ = 'E\\n' + FAKE\nraise E",
        "FAILED",
    ),
    "as the name of a thread": (
        "threading.Thread(target=time.sleep, args=(0.1,), name='\\n' + FAKE).start()",
        "SUCCESS",
    ),
    "as a metric that is refused": ("context.metric('m\\n' + FAKE, float('nan'))", "FAILED"),
    "as a report that cannot be read": (
        'for fd in range(3, 20):\n    try: os.write(fd, b\'{"report": "artifact", "name": \''
        ' b\'"x", "sha256": "", "bytes": 1e999}\\n\')\n    except OSError: pass',
        "FAILED",
    ),
    "and closes its streams": (
        "print(FAKE, flush=True); sys.stdout.close(); os.close(1)",
        "SUCCESS",
    ),
    "and replaces its streams": (
        "import io\nsys.stdout = sys.__stdout__ = io.StringIO()\nprint(FAKE)\n"
        "os.write(1, FAKE.encode())",
        "SUCCESS",
    ),
    "and is gone, out of a thread": (
        "print(FAKE)\nthreading.Thread(target=lambda: os._exit(0)).start()\ntime.sleep(60)",
        "FAILED",
    ),
    "when it exits": ("import atexit\natexit.register(print, FAKE)", "SUCCESS"),
    "and exits out of an exit function": (
        "import atexit\natexit.register(lambda: (print(FAKE, flush=True), os._exit(0)))",
        "FAILED",
    ),
    "in its own excepthook": (
        "sys.excepthook = lambda *_: print(FAKE)\nraise ValueError",
        "FAILED",
    ),
}

# A process that has left the artifact's group, and goes on printing.
LATER = """
first = os.fork()
if first == 0:
    os.setsid()
    if os.fork():
        os._exit(0)
    code = ('import sys, time\\nfor _ in range(6000):\\n'
            '    print(sys.argv[1], flush=True); time.sleep(0.01)')
    open('/Volumes/main/ops/scratchpad/left', 'w').write(str(os.getpid()))
    os.execve(sys.executable, ['python', '-S', '-c', code, FAKE], ENVIRONMENT)
os.waitpid(first, 0)
while not os.path.exists('/Volumes/main/ops/scratchpad/left'): time.sleep(0.01)
time.sleep(0.3)
"""


class OwnVerdictTest(ExecutorTest):
    def fought(self, code: str, **changes: Any) -> Ran:
        """With both streams in one, as Jobs shows them."""
        process = self.start(
            self.manifest(FORGE + textwrap.dedent(code) + "\n", **changes), stderr=subprocess.STDOUT
        )
        output, _ = process.communicate(timeout=60)
        self.assertLess(len(output), 5_000_000)
        ran = Ran(self, process.returncode, output, b"")
        self.assertNotIn(b"signalbox-result", ran.stdout, "the word is the executor's alone")
        if ran.evidence is None:
            self.assertNotEqual(ran.code, 0)
        else:
            self.assertEqual(ran.evidence, ran.bytes)
        return ran

    def test_a_block_that_it_prints_itself(self) -> None:
        for name, (code, status) in PRINTS.items():
            with self.subTest(name):
                ran = self.fought(code)
                self.assertEqual(
                    (ran.result["status"], ran.code == 0), (status, status == "SUCCESS")
                )
                self.real(RESULT).unlink()

    def test_a_block_that_is_printed_while_it_is_told_to_stop(self) -> None:
        for name, code in {
            "a handler": "signal.signal(signal.SIGTERM, lambda *_: print(FAKE))",
            "a handler that ends it well": (
                "signal.signal(signal.SIGTERM, lambda *_: (print(FAKE), sys.exit(0)))"
            ),
            "a thread": (
                "threading.Thread(target=lambda: [print(FAKE) for _ in iter(int, 1)]).start()"
            ),
        }.items():
            with self.subTest(name):
                ran = self.fought(
                    f"{code}\nwhile True: time.sleep(1)", policy={"timeout_seconds": 1}
                )
                self.assertEqual((ran.code, ran.result["error"]["type"]), (1, "Timeout"))
                self.real(RESULT).unlink()

    @unittest.skipUnless(sys.platform == "linux", "found by /proc/<pid>/environ")
    def test_a_process_that_it_leaves_is_ended_before_the_block(self) -> None:
        self.real("/Volumes/main/ops/scratchpad").mkdir(parents=True)
        ran = self.fought(LATER.replace("ENVIRONMENT", "os.environ"))
        self.assertEqual((ran.code, ran.result["status"]), (0, "SUCCESS"))
        self.assertIn(b"signalbox-resul? begin", ran.stdout)

    def test_a_process_that_it_leaves_and_nobody_finds_prints_for_nobody(self) -> None:
        """It has shed the mark in its environment, and holds the artifact's stdout open."""
        self.real("/Volumes/main/ops/scratchpad").mkdir(parents=True)
        ran = self.fought(LATER.replace("ENVIRONMENT", "{}"))
        try:
            self.assertEqual((ran.code, ran.result["status"]), (0, "SUCCESS"))
            self.assertIn(b"signalbox-resul? begin", ran.stdout)
        finally:
            left = int(self.real("/Volumes/main/ops/scratchpad/left").read_text())
            try:
                os.kill(left, signal.SIGKILL)
            except ProcessLookupError:
                pass  # what it wrote to is gone, and so is it

    def test_an_executor_that_is_killed_leaves_no_block(self) -> None:
        for number in (signal.SIGKILL, signal.SIGUSR1, signal.SIGABRT):
            with self.subTest(number.name):
                ran = self.fought(
                    f"print(FAKE)\nos.kill(os.getppid(), {int(number)})\ntime.sleep(60)"
                )
                self.assertEqual((ran.code, ran.evidence, ran.bytes), (-number, None, None))

    def test_an_executor_that_is_told_to_stop_says_so(self) -> None:
        ran = self.fought("print(FAKE)\nos.kill(os.getppid(), signal.SIGTERM)\ntime.sleep(60)")
        self.assertEqual((ran.code, ran.result["error"]["type"]), (143, "Terminated"))

    @unittest.skipUnless(sys.platform == "linux", "prlimit is Linux's")
    def test_an_executor_that_is_choked_leaves_no_block_or_its_own(self) -> None:
        for limit, chokes in {
            "RLIMIT_FSIZE": True,
            "RLIMIT_NOFILE": True,
            "RLIMIT_CPU": False,  # it may be over before the kernel looks
            "RLIMIT_AS": False,  # it may have as much memory as it needs
        }.items():
            with self.subTest(limit):
                ran = self.fought(
                    "import resource\nprint(FAKE)\n"
                    f"resource.prlimit(os.getppid(), resource.{limit}, (0, 0))"
                )
                if chokes:
                    self.assertIsNone(ran.evidence)
                self.real(RESULT).unlink(missing_ok=True)

    def test_300_megabytes_and_what_is_no_text(self) -> None:
        for name, piece, times in [
            ("a flood", "FAKE.encode() * 5_000", 300_000_000 // 2_500_000),
            ("NULs", "bytes(1_000_000)", 20),
            ("what JSON escapes", "b'\\\\\"\\x1b' * 1_000_000", 3),
        ]:
            with self.subTest(name):
                ran = self.fought(
                    f"""
                    data = memoryview({piece})
                    for fd in [1, 2] * {times}:
                        rest = data
                        while rest:
                            rest = rest[os.write(fd, rest):]
                    """
                )
                self.assertEqual((ran.code, ran.result["status"]), (0, "SUCCESS"))
                self.assertNotIn(b"\0", ran.stdout)
                self.real(RESULT).unlink()


if __name__ == "__main__":
    unittest.main()
