"""Runs the artifact in a process of its own, so that nothing it does to that process can cost us
the result.
"""

import os
import queue
import signal
import subprocess
import sys
import threading
import time
import uuid
from dataclasses import dataclass
from typing import Any, Literal

from .json_value import to_bytes
from .limits import DRAIN_SECONDS, GRACE_SECONDS
from .logs import BoundedLog, pump
from .reports import Reports, listen
from .stop_signal import Events, StopSignal

_START = (
    "import sys; sys.path[:] = [sys.argv[1], *filter(None, sys.path)]; "
    "from signalbox_executor.child import main; main(int(sys.argv[2]))"
)
# Outlives the executor: whose stdin ends when the executor dies, killed or not, and then the
# artifact's group goes too.
_GUARD = 'read -r _; kill -s KILL -- "-$1"'
_LOOKS_MAX = 20  # at processes that left the group and begin others faster than they are ended


@dataclass(frozen=True)
class End:
    """How the artifact's process ended: by itself (code; negative: by that signal), or because we
    ended it.
    """

    how: Literal["exited", "timed out", "stopped"]
    code: int


def run_artifact(
    plan: dict[str, Any],
    folder: str,
    timeout_seconds: float,
    stop: StopSignal,
    events: Events,
    reports: Reports,
    stdout: BoundedLog,
    stderr: BoundedLog,
) -> End:
    """Starts it, waits within the timeout, and leaves no process of it behind. Raises OSError if it
    cannot be started.
    """
    mark = uuid.uuid4().hex
    report_read, report_write = os.pipe()
    process = _start(plan, folder, report_write, mark)
    os.close(report_write)
    guard = _start_guard(process.pid)
    assert process.stdout is not None and process.stderr is not None  # they are pipes
    readers = [
        listen(report_read, reports),
        pump(process.stdout.fileno(), stdout),
        pump(process.stderr.fileno(), stderr),
    ]
    threading.Thread(target=_hand_over, args=(plan, process), daemon=True).start()
    threading.Thread(target=_await_end, args=(process, events), daemon=True).start()
    try:
        how = _first_event(events, timeout_seconds)
        if how != "exited":
            _ask_to_end(process, events)
    finally:
        code = _end_all(process, mark)
        _dismiss(guard)
    _drain(readers)
    _close_read(readers, [report_read, process.stdout, process.stderr])
    if how == "exited" and code < 0 and _was_stopped(stop):
        # The platform signalled all processes at once, and the artifact's was the first to go.
        how = "stopped"
    return End(how, code)


def _start(
    plan: dict[str, Any], folder: str, report_write: int, mark: str
) -> "subprocess.Popen[bytes]":
    source_folder = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    python = sys.executable or "python3"
    environment = {**os.environ, "TRACEPARENT": plan["traceparent"], "SIGNALBOX_ATTEMPT": mark}
    return subprocess.Popen(
        # -u: a process that is killed takes no unwritten output with it. -B: no __pycache__ beside
        # reviewed code.
        [python, "-u", "-B", "-c", _START, source_folder, str(report_write)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=folder,
        env=environment,
        pass_fds=(report_write,),
        start_new_session=True,  # a group of its own, to be ended as one
    )


def _start_guard(group: int) -> "subprocess.Popen[bytes] | None":
    try:
        return subprocess.Popen(
            ["/bin/sh", "-c", _GUARD, "sh", str(group)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
    except OSError:
        return None  # no shell: then an executor that is killed may leave its artifact running


def _hand_over(plan: dict[str, Any], process: "subprocess.Popen[bytes]") -> None:
    """The plan goes last: until it has come whole, the process runs nothing, and the guard is there
    by now.
    """
    assert process.stdin is not None
    try:
        process.stdin.write(to_bytes(plan))
        process.stdin.close()
    except OSError:
        pass  # it ended before it had read its plan; its end says so


def _await_end(process: "subprocess.Popen[bytes]", events: Events) -> None:
    if hasattr(os, "waitid"):
        # Without reaping: as long as its leader is a zombie, the group's number cannot become
        # somebody else's.
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    else:
        process.wait()
    events.put(("exited", None))


def _first_event(
    events: Events, timeout_seconds: float
) -> Literal["exited", "timed out", "stopped"]:
    # A lock cannot wait for more than threading.TIMEOUT_MAX seconds (292 years), and a limit may be
    # any number.
    try:
        what, _ = events.get(timeout=min(timeout_seconds, threading.TIMEOUT_MAX))
    except queue.Empty:
        return "timed out"
    return "stopped" if what == "stopped" else "exited"


def _ask_to_end(process: "subprocess.Popen[bytes]", events: Events) -> None:
    _signal_group(process, signal.SIGTERM)
    deadline = time.monotonic() + GRACE_SECONDS
    while (left := deadline - time.monotonic()) > 0:
        if _first_event(events, left) == "exited":
            return


def _end_all(process: "subprocess.Popen[bytes]", mark: str) -> int:
    _signal_group(process, signal.SIGKILL)
    _kill_strays(mark)
    return process.wait()


def _signal_group(process: "subprocess.Popen[bytes]", number: int) -> None:
    try:
        os.killpg(process.pid, number)
    except (ProcessLookupError, PermissionError):
        pass  # nobody is left in it (PermissionError: macOS says so of zombies)


def _kill_strays(mark: str) -> None:
    """Ends what left the group (daemons do): on Linux every process shows the environment that it
    was started with.

    Looks until it finds nothing twice, because a process shows none for a moment while it begins
    another program.
    """
    clean = 0
    for _ in range(_LOOKS_MAX):
        strays = [pid for pid in _processes() if mark.encode() in _environment(pid)]
        for pid in strays:
            try:
                os.kill(pid, signal.SIGKILL)
            except OSError:
                pass  # gone meanwhile
        clean = 0 if strays else clean + 1
        if clean == 2:
            return
        time.sleep(0.01)


def _processes() -> list[int]:
    try:
        return [int(name) for name in os.listdir("/proc") if name.isdecimal()]
    except OSError:
        return []  # not Linux: the group is all that we can reach


def _environment(pid: int) -> bytes:
    try:
        with open(f"/proc/{pid}/environ", "rb") as file:
            return file.read()
    except OSError:
        return b""  # gone, a zombie, or another user's


def _dismiss(guard: "subprocess.Popen[bytes] | None") -> None:
    if guard is not None:
        guard.kill()  # before its stdin ends: it must not act on a number that is free again
        guard.communicate()


def _drain(readers: list[threading.Thread]) -> None:
    """The processes are gone; what they wrote is still in the pipes. A reader that waits for more
    is left behind.
    """
    deadline = time.monotonic() + DRAIN_SECONDS
    for reader in readers:
        reader.join(max(0.0, deadline - time.monotonic()))


def _close_read(readers: list[threading.Thread], pipes: list[Any]) -> None:
    for reader, end in zip(readers, pipes):
        if not reader.is_alive():  # else it still waits in there, and the number must stay taken
            os.close(end) if isinstance(end, int) else end.close()


def _was_stopped(stop: StopSignal) -> bool:
    deadline = time.monotonic() + 0.2
    while stop.signal_number is None and time.monotonic() < deadline:
        time.sleep(0.01)
    return stop.signal_number is not None
