"""The process in which the artifact runs. Whatever happens here, the executor, its parent, writes
the result.
"""

import atexit
import importlib
import json
import os
import runpy
import sys
import threading
import traceback
from collections.abc import Callable
from types import ModuleType
from typing import Any, NoReturn

import signalbox_executor

from . import import_policy
from .artifact_context import RefusedError, TransientError, closing_report
from .json_value import to_bytes
from .limits import (
    ERROR_TYPE_CHARS_MAX,
    SUMMARY_CHARS_MAX,
    TRACE_CHARS_MAX,
)
from .masking import masking
from .notebook import Notebook, is_notebook
from .redact import redacted_and_cut
from .text import head, head_and_tail

# Kept from before the artifact runs: one that replaces these must not cost us the report of its
# end.
_write, _exit = os.write, os._exit
_OWN_FOLDER = os.path.dirname(__file__) + os.sep


def main(report_fd: int) -> NoReturn:
    """Reads the plan from stdin, runs the artifact, reports its end, and exits at once."""
    plan = json.load(sys.stdin.buffer)  # cut short, if the executor died: then nothing runs
    _settle(report_fd)
    _take_secrets(plan)
    send = _sender(report_fd)
    own_pid = os.getpid()
    context = signalbox_executor.context
    context._begin(plan, send)
    error = run_entry(plan)
    if os.getpid() != own_pid:
        # A fork of the artifact's that ran on to here: its end is not ours to report.
        _flush()
        _exit(0 if error is None else 1)
    if error is None:
        error = _finish_as_python_does(send)
    closing: dict[str, Any] = {
        "capsule": None,
        "output": None,
        "summary": context._summary,
        "finished": None,
    }
    try:
        closing = closing_report(context)
    except RefusedError as refusal:
        error = error or _error(refusal, plan)
    _flush()
    send({"report": "end", "error": error, **closing})
    # Not sys.exit: after its end is reported, nothing of the artifact (a native library's own exit)
    # may change it.
    _exit(0 if error is None else 1)


def run_entry(plan: dict[str, Any]) -> dict[str, Any] | None:
    """Runs the entry point as the main program. Returns what it failed with, or None."""
    entry, folder = plan["files"][plan["entry"]], plan["folder"]
    source_folder = sys.path[0]
    sys.argv = [entry]
    # Python's own order: beside the program first, then what is installed.
    own = dict.fromkeys([os.path.dirname(entry), folder, *plan["wheels"]])
    sys.path[:] = [*own, *plan["code_paths"], *sys.path[1:], source_folder]
    _let_children_import([folder, *plan["wheels"]])
    code_paths = [*plan["wheels"], *plan["code_paths"]]
    import_policy.install(plan["allowed_modules"], folder, code_paths)
    try:
        main_module = ModuleType("__main__")
        main_module.__file__ = entry
        sys.modules["__main__"] = main_module
        _run_code(plan["run"], entry, main_module.__dict__)
    except SystemExit as stop:
        return _error_of_exit(stop, plan)
    except BaseException as error:  # KeyboardInterrupt and GeneratorExit end an artifact as well
        return _error(error, plan)
    return None


def _run_code(run: str | None, entry: str, namespace: dict[str, Any]) -> None:
    if run is not None:
        module, _, function = run.partition(":")
        if function == "":
            # Modules look for themselves under __main__, which runpy makes theirs.
            runpy.run_module(module, run_name="__main__", alter_sys=True)
            return
        sys.exit(getattr(importlib.import_module(module), function)())
    with open(entry, "rb") as file:
        source = file.read()
    if is_notebook(source):
        Notebook(signalbox_executor.context, namespace).run(entry)
    else:
        exec(compile(source, entry, "exec", dont_inherit=True), namespace)


def _let_children_import(folders: list[str]) -> None:
    """Programs that the artifact starts see its packages and its wheels."""
    given = os.environ.get("PYTHONPATH")
    os.environ["PYTHONPATH"] = os.pathsep.join([*folders, *([given] if given else [])])


def _take_secrets(plan: dict[str, Any]) -> None:
    """Into the environment only now: what a process was started with, its neighbours may read."""
    access = plan["access"] or {}
    for value in [*plan["secrets"].values(), *filter(None, [access.get("token")])]:
        masking.hide(value)
    os.environ.update(plan["variables"])


def _settle(report_fd: int) -> None:
    # Programs that the artifact starts do not hold the executor's pipe open.
    os.set_inheritable(report_fd, False)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    sys.stdin = open(0, encoding="utf-8", closefd=False)
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(encoding="utf-8", errors="backslashreplace")
    try:
        # Out of memory, the kernel should pick the artifact and not its executor.
        with open("/proc/self/oom_score_adj", "w") as score:
            score.write("1000")
    except OSError:
        pass  # not Linux, or not permitted: the executor may then be picked, and leaves no result


def _sender(report_fd: int) -> Callable[[dict[str, Any]], None]:
    lock = threading.Lock()

    def fresh_lock() -> None:
        nonlocal lock
        lock = threading.Lock()  # a fork may have copied it while it was held

    os.register_at_fork(after_in_child=fresh_lock)

    def send(report: dict[str, Any]) -> None:
        rest = memoryview(to_bytes(report) + b"\n")
        with lock:
            while rest:
                rest = rest[_write(report_fd, rest) :]

    return send


def _finish_as_python_does(send: Callable[[dict[str, Any]], None]) -> dict[str, Any] | None:
    """A program is not over before its threads are, and its exit functions have run. The timeout
    watches over it.
    """
    left = [
        thread.name
        for thread in threading.enumerate()
        if thread is not threading.main_thread() and not thread.daemon
    ]
    if left:
        send({"report": "waiting", "threads": [head(name, 100) for name in left[:10]]})
    try:
        # Also lets idle executors of concurrent.futures go, which join() would wait for.
        threading._shutdown()
        atexit._run_exitfuncs()
    except BaseException as error:
        traceback.print_exception(type(error), error, error.__traceback__)
        return {**_described(error), "trace": ""}
    return None


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr, sys.__stdout__, sys.__stderr__):
        try:
            stream.flush()
        except Exception:
            pass  # the artifact closed or replaced it: then there is nothing of ours in it


def _error_of_exit(stop: SystemExit, plan: dict[str, Any]) -> dict[str, Any] | None:
    if stop.code is None or stop.code == 0:
        return None
    if isinstance(stop.code, int):
        return {**_error(stop, plan), "summary": f"the artifact exited with code {int(stop.code)}"}
    print(stop.code, file=sys.stderr)  # as Python does
    return _error(stop, plan)


def _error(error: BaseException, plan: dict[str, Any]) -> dict[str, Any]:
    return {
        **_described(error),
        "trace": _trace(error, plan["folder"]),
    }


def _described(error: BaseException) -> dict[str, Any]:
    kind = type(error)
    module = "" if kind.__module__ in ("builtins", "__main__") else f"{kind.__module__}."
    if kind.__module__.startswith("signalbox_executor."):
        module = ""
    try:
        summary = str(error).strip()
    except Exception:
        summary = ""  # an exception whose own text fails
    return {
        "type": head(module + kind.__qualname__, ERROR_TYPE_CHARS_MAX),
        # Here as well: the artifact may have put a secret into its environment.
        "summary": redacted_and_cut(summary or kind.__name__, SUMMARY_CHARS_MAX, head),
        "transient": isinstance(error, TransientError),
    }


def _trace(error: BaseException, folder: str) -> str:
    """The traceback of the artifact's own frames, with its files' names instead of their temporary
    paths. Also to stderr.
    """
    try:
        described = traceback.TracebackException.from_exception(error)
        _leave_out_executor(described)
        text = "".join(described.format()).replace(folder + os.sep, "")
    except Exception as broken:
        text = f"no traceback: {type(broken).__name__} while it was formatted"
    try:
        sys.stderr.write(text)
    except Exception:
        pass  # the artifact closed it; the result has the traceback
    return redacted_and_cut(text, TRACE_CHARS_MAX, head_and_tail)


def _leave_out_executor(described: traceback.TracebackException | None) -> None:
    seen: set[int] = set()
    while described is not None and id(described) not in seen:
        seen.add(id(described))
        kept = [frame for frame in described.stack if not frame.filename.startswith(_OWN_FOLDER)]
        described.stack = traceback.StackSummary.from_list(kept)
        described = described.__cause__ or described.__context__
