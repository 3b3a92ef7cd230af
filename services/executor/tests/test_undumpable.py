"""No other process of the same user can print as the executor."""

import os
import shutil
import subprocess
import sys
import unittest
from typing import Any

from support import SCRATCHPAD, SOURCE, ExecutorTest, Ran

NOBODY = 65_534

# Tries what needs a look into another process; prints what became of it.
KNOCK = r"""
import os
def knock(pid):
    tried = {}
    for path, mode in (("fd/1", "wb"), ("fd/2", "wb"), ("mem", "r+b"), ("environ", "rb")):
        try:
            with open(f"/proc/{pid}/{path}", mode, buffering=0) as file:
                if mode == "wb":
                    file.write(b"signalbox-result forged\n")
            tried[path] = "open"
        except OSError as error:
            tried[path] = type(error).__name__
    return tried
"""
FORGED = b"signalbox-result forged\n"
SHUT = {path: "PermissionError" for path in ("fd/1", "fd/2", "mem", "environ")}


@unittest.skipUnless(sys.platform == "linux", "only Linux has /proc/<pid>/fd")
class UndumpableTest(ExecutorTest):
    """Root may look into every process. So where the tests run as root, these run as nobody, with
    the first Python that nobody can start.
    """

    def setUp(self) -> None:
        super().setUp()
        self.source, self.user = SOURCE, {}
        if os.getuid() == 0:
            self.source = self.root / "src"
            shutil.copytree(SOURCE, self.source)
            shutil.copytree(os.path.dirname(self.environment()["PYTHONPATH"]), self.root / "tests")
            self.user = {"user": NOBODY, "group": NOBODY, "extra_groups": []}
        self.python = next(filter(self.can_run, (sys.executable, "/usr/bin/python3")), "")
        if not self.python:
            self.skipTest("no Python that another user than root can start")

    def can_run(self, python: str) -> bool:
        self.own_all()
        code = "import ctypes, sys; sys.exit(sys.version_info < (3, 10))"
        try:
            done = subprocess.run([python, "-c", code], capture_output=True, cwd="/", **self.user)
        except OSError:
            return False
        return done.returncode == 0

    def own_all(self) -> None:
        for folder, _, files in os.walk(self.root) if self.user else ():
            for path in (folder, *(os.path.join(folder, name) for name in files)):
                os.chown(path, NOBODY, NOBODY)

    def environment(self, fault: str = "") -> dict[str, str]:
        environment = super().environment(fault)
        if self.user:
            environment["PYTHONPATH"] = str(self.root / "tests/volume_shim")
        return environment

    def begin(self, command: list[str]) -> "subprocess.Popen[bytes]":
        """With pipes that belong to the user: else it is root's ownership that keeps others out of
        them.
        """
        reading, writing = zip(os.pipe(), os.pipe())
        for pipe in writing if self.user else ():
            os.fchown(pipe, NOBODY, NOBODY)
        process = subprocess.Popen(
            command,
            env=self.environment(),
            stdin=subprocess.PIPE,
            stdout=writing[0],
            stderr=writing[1],
            cwd="/",
            **self.user,
        )
        for pipe in writing:
            os.close(pipe)
        process.stdout, process.stderr = (open(pipe, "rb") for pipe in reading)
        self.addCleanup(process.communicate)
        self.addCleanup(process.kill)
        return process

    def begin_executor(self, manifest: Any) -> "subprocess.Popen[bytes]":
        path = self.put_manifest(manifest)
        self.own_all()
        return self.begin([self.python, str(self.source / "run_executor.py"), path])

    def ended(self, process: "subprocess.Popen[bytes]") -> Ran:
        stdout, stderr = process.communicate(timeout=60)
        return Ran(self, process.returncode, stdout, stderr)

    def knocked(self, pid: int) -> str:
        """A sibling's findings: it is a process of the same user, and no child of this one."""
        command = [self.python, "-c", f"{KNOCK}print(knock({pid}))"]
        done = subprocess.run(command, capture_output=True, text=True, cwd="/", **self.user)
        return done.stdout.strip() or done.stderr

    def test_a_process_that_does_nothing_about_it_is_open(self) -> None:
        """Else the other tests would prove nothing."""
        code = "import sys; print('ready', flush=True); sys.stdin.read()"
        process = self.begin([self.python, "-c", code])
        assert process.stdout is not None
        process.stdout.readline()
        self.assertEqual(self.knocked(process.pid), str(dict.fromkeys(SHUT, "open")))
        stdout, stderr = process.communicate(timeout=60)
        self.assertEqual((stdout, stderr), (FORGED, FORGED))

    def test_neither_a_sibling_nor_the_artifact_gets_in(self) -> None:
        process = self.begin_executor(
            self.manifest(
                f"""
                import os, time
                {KNOCK.replace(chr(10), chr(10) + " " * 16)}
                from signalbox_executor import context
                context.output = knock(os.getppid())
                open("/Volumes/main/ops/scratchpad/running", "w").close()
                while not os.path.exists("/Volumes/main/ops/scratchpad/go_on"):
                    time.sleep(0.02)
                """
            )
        )
        self.wait_for(self.real("/Volumes/main/ops/scratchpad/running").exists)
        self.assertEqual(self.knocked(process.pid), str(SHUT))
        self.put("/Volumes/main/ops/scratchpad/go_on", "")
        ran = self.ended(process)
        self.assertEqual((ran.code, ran.result["output"], ran.stdout), (0, SHUT, b""), ran.stderr)

    def test_it_is_shut_before_the_manifest_is_read(self) -> None:
        """A process that got in before stays in. Reading a pipe waits until one writes to it."""
        manifest = self.root / "manifest.json"
        os.mkfifo(manifest)
        self.own_all()
        process = self.begin([self.python, str(self.source / "run_executor.py"), str(manifest)])
        with open(manifest, "w"):  # waits until it is being read
            self.assertEqual(self.knocked(process.pid), str(SHUT))
        self.assertEqual(process.wait(timeout=60), 2)

    def test_processes_that_are_left_behind_are_found_and_ended_all_the_same(self) -> None:
        process = self.begin_executor(
            self.manifest(
                """
                import subprocess
                from signalbox_executor import context
                left = subprocess.Popen(["sleep", "600"], start_new_session=True)
                context.output = left.pid
                """
            )
        )
        ran = self.ended(process)
        self.assertEqual(ran.code, 0, ran.stderr)
        self.wait_for(lambda: not os.path.exists(f"/proc/{ran.result['output']}"))


class WithoutPrctlTest(ExecutorTest):
    def test_where_there_is_no_prctl_it_goes_on_silently(self) -> None:
        for name, without in {
            "no ctypes": "sys.modules['ctypes'] = None",
            "no prctl": "import ctypes; ctypes.CDLL = lambda *_: object()",
            "no library": "import ctypes; ctypes.CDLL = lambda *_: open('/nowhere')",
        }.items():
            with self.subTest(name):
                program = (
                    f"import sys; {without}; sys.path.insert(0, sys.argv.pop(1))\n"
                    "from signalbox_executor.main import run_and_exit\nrun_and_exit()\n"
                )
                manifest = self.put_manifest(self.manifest("print('ran')\n"))
                done = subprocess.run(
                    [sys.executable, "-c", program, str(SOURCE), manifest],
                    env=self.environment(),
                    capture_output=True,
                )
                ran = Ran(self, done.returncode, done.stdout, done.stderr)
                self.assertEqual((ran.result["status"], ran.code), ("SUCCESS", 0), ran.stderr)
                self.assertEqual(ran.stderr.count("\n"), 1)
                self.real(f"{SCRATCHPAD}/result.json").unlink()


if __name__ == "__main__":
    unittest.main()
