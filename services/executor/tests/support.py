"""Runs the real executor as a real process, on a folder that behaves as a Volume does."""

import base64
import hashlib
import json
import os
import re
import subprocess
import sys
import tempfile
import textwrap
import time
import unittest
import zlib
from pathlib import Path
from typing import Any

SOURCE = Path(__file__).parent.parent / "src"
SHIM = Path(__file__).parent / "volume_shim"
sys.path.insert(0, str(SOURCE))

from signalbox_executor.limits import RESULT_BYTES_MAX, RESULT_SCHEMA  # noqa: E402
from signalbox_executor.schema import problems  # noqa: E402

RUN = "/Volumes/main/ops/facts/run_r-1"
SCRATCHPAD = "/Volumes/main/ops/scratchpad/run_r-1/iter_001/attempt_001"
TRACEPARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


class ExecutorTest(unittest.TestCase):
    """A folder for /Volumes, and one attempt in it."""

    maxDiff = None

    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory(prefix="signalbox-test-")
        self.addCleanup(folder.cleanup)
        self.root = Path(folder.name)
        self.local = self.root / "tmp"
        self.local.mkdir()
        self.volumes = self.root / "Volumes"
        self.volumes.mkdir()

    def real(self, path: str) -> Path:
        return Path(str(self.volumes) + path.removeprefix("/Volumes"))

    def put(self, path: str, content: "bytes | str") -> str:
        real = self.real(path)
        real.parent.mkdir(parents=True, exist_ok=True)
        real.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    def planned(self, name: str, content: "bytes | str") -> dict[str, Any]:
        data = content if isinstance(content, bytes) else content.encode()
        sha256 = hashlib.sha256(data).hexdigest()
        path = self.put(f"{RUN}/files/{sha256}/{name}", data)
        return {"name": name, "path": path, "sha256": sha256, "bytes": len(data)}

    def manifest(self, artifact: "bytes | str", **changes: Any) -> dict[str, Any]:
        """A valid manifest whose entry is this code; `files` adds to it, `policy` changes its
        policy.
        """
        code = artifact if isinstance(artifact, bytes) else textwrap.dedent(artifact)
        policy = {
            "timeout_seconds": 50,
            "allowed_modules": None,
            "writes": [],
            **changes.pop("policy", {}),
        }
        return {
            "v": 1,
            "plane_id": "0b8f2a52-6f0d-4f0e-9a3e-0d8d6a1d7c11",
            "run_id": "r-1",
            "workload": "test",
            "chapter": 1,
            "iter_n": 1,
            "attempt": 1,
            "try": 1,
            "created_at": "2026-11-21T06:00:00.000Z",
            "submit_before": "2026-11-28T06:00:00.000Z",
            "files": [self.planned("entry.py", code), *changes.pop("files", [])],
            "entry": "entry.py",
            "code_paths": [],
            "parameters": {},
            "capsule": {},
            "policy": policy,
            "mode": "PROD",
            "limits": {"iterations": 1, "attempts": 1, "timeout_seconds": 60, "queue_seconds": 0},
            "gate": [],
            "allow_failures": False,
            "single_iteration": True,
            "scratchpad": SCRATCHPAD,
            "traceparent": TRACEPARENT,
            **changes,
        }

    def put_manifest(self, manifest: Any) -> str:
        content = manifest if isinstance(manifest, (str, bytes)) else json.dumps(manifest)
        return self.put(f"{RUN}/iter_001.attempt_001.manifest.json", content)

    def command(self) -> list[str]:
        return [sys.executable, str(SOURCE / "run_executor.py")]

    def arguments(self) -> list[str]:
        """The platform's arguments besides the manifest."""
        return []

    def environment(self, fault: str = "") -> dict[str, str]:
        return {
            **os.environ,
            "PYTHONPATH": str(SHIM),
            "SIGNALBOX_TEST_VOLUMES": str(self.volumes),
            "SIGNALBOX_TEST_FAULT": fault,
            "TMPDIR": str(self.local),
        }

    def start(self, manifest: Any, fault: str = "", **options: Any) -> "subprocess.Popen[bytes]":
        """Starts the executor and does not wait for it."""
        process = subprocess.Popen(
            [*self.command(), self.put_manifest(manifest), *self.arguments()],
            env=self.environment(fault),
            stdin=subprocess.DEVNULL,
            **{"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **options},
        )
        self.addCleanup(_end, process)
        return process

    def run_manifest(self, manifest: Any, fault: str = "") -> "Ran":
        process = self.start(manifest, fault)
        stdout, stderr = process.communicate(timeout=60)
        return Ran(self, process.returncode, stdout, stderr)

    def run_code(self, artifact: "bytes | str", fault: str = "", **changes: Any) -> "Ran":
        return self.run_manifest(self.manifest(artifact, **changes), fault)

    def succeed(self, artifact: "bytes | str", **changes: Any) -> dict[str, Any]:
        """Runs it, expects SUCCESS and 0 together, and returns the result."""
        ran = self.run_code(artifact, **changes)
        self.assertEqual(
            (ran.result["error"], ran.result["status"], ran.code), (None, "SUCCESS", 0), ran.stderr
        )
        return ran.result

    def failed(self, artifact: "bytes | str", **changes: Any) -> dict[str, Any]:
        """Runs it, expects FAILED and 1 together, and returns the result."""
        ran = self.run_code(artifact, **changes)
        self.assertEqual((ran.result["status"], ran.code), ("FAILED", 1), ran.stderr)
        return ran.result

    def wait_for(self, what: Any, seconds: float = 20.0) -> Any:
        """Waits for something to become true; a limit, not a timing."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            found = what()
            if found:
                return found
            time.sleep(0.02)
        raise AssertionError(f"did not come true within {seconds} s: {what}")


class Ran:
    """How an executor ended, and what it left."""

    def __init__(self, test: ExecutorTest, code: int, stdout: bytes, stderr: bytes) -> None:
        self.code, self.stderr = code, stderr.decode("utf-8", "replace")
        self.stdout, self.evidence = evidence_in(stdout)
        """The artifact's output, and the bytes in the block that the executor printed last."""
        path = test.real(f"{SCRATCHPAD}/result.json")
        self.bytes = path.read_bytes() if path.exists() else None
        self._test = test

    @property
    def result(self) -> dict[str, Any]:
        """The result, which is always valid and within its limit."""
        self._test.assertIsNotNone(
            self.bytes, f"there is no result.json; exit code {self.code}, stderr: {self.stderr}"
        )
        assert self.bytes is not None
        result = json.loads(self.bytes)
        self._test.assertEqual(self.evidence, self.bytes, "it is in the output as well")
        self._test.assertEqual(problems(result, RESULT_SCHEMA, "result"), [])
        self._test.assertLessEqual(len(self.bytes), RESULT_BYTES_MAX)
        self._test.assertEqual(result["status"] == "SUCCESS", result["error"] is None)
        return result


_BLOCK = re.compile(
    rb"signalbox-result begin (?P<sha256>[0-9a-f]{64}) (?P<bytes>[0-9]+)\n"
    rb"(?P<lines>(?:signalbox-result [0-9]+/[0-9]+ [A-Za-z0-9+/=]{1,1000}\n)+)"
    rb"signalbox-result end (?P=sha256)\n"
)


def evidence_in(output: bytes) -> "tuple[bytes, bytes | None]":
    """The text before the last block, and the bytes in it. Nothing may come after it; where none
    began there is None.
    """
    begin = (b"\n" + output).rfind(b"\nsignalbox-result begin ")
    if begin == -1:
        return output, None
    block = _BLOCK.fullmatch(output, begin)
    assert block is not None, f"no whole block at the end: {output[begin:][:2000]!r}"
    lines = [line.split(b" ") for line in block["lines"].splitlines()]
    numbers = [line[1] for line in lines]
    assert numbers == [f"{n}/{len(lines)}".encode() for n in range(1, len(lines) + 1)], numbers
    content = zlib.decompress(base64.b64decode(b"".join(line[2] for line in lines), validate=True))
    assert len(content) == int(block["bytes"])
    assert hashlib.sha256(content).hexdigest().encode() == block["sha256"]
    return output[:begin], content


def _end(process: "subprocess.Popen[bytes]") -> None:
    if process.poll() is None:
        process.kill()
        process.wait()
    for stream in (process.stdout, process.stderr):
        if stream is not None:
            stream.close()
