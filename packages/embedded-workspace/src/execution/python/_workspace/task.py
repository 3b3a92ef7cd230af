"""Runs one task and reports what it came to."""

import os
import sys
import traceback

from _workspace import notebook, programs, runtime
from _workspace.channel import Channel
from _workspace.dbutils import DBUtils, NotebookExit
from _workspace.errors import TaskError
from _workspace.libraries import LibraryError, install_lines

TEXT_MAX = 1024 * 1024
RESULT_MAX = 5 * 1024 * 1024
_BODIES = {
    "python": programs.run_file,
    "wheel": programs.run_wheel,
    "notebook": notebook.run_notebook,
}
_OURS = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep


def run(spec, channel_fd):
    """The exit code of the process."""
    channel = Channel(channel_fd)
    outcome = {}
    try:
        install_lines(spec["libraries"], spec["packages"])
        dbutils = DBUtils(channel, spec)
        runtime.offer(dbutils)
        outcome["result"] = _BODIES[spec["kind"]](spec, dbutils)
    except NotebookExit as exit:
        outcome["result"] = exit.value
    except LibraryError as error:
        return _refused(channel, "LIBRARY_INSTALLATION_ERROR", error)
    except TaskError as error:
        return _refused(channel, error.code, error)
    except SystemExit as exit:
        if exit.code not in (None, 0):
            outcome.update(_failure(exit))
    except BaseException as error:  # noqa: BLE001 (everything a program can raise is its outcome)
        outcome.update(_failure(error))
    return _report(channel, outcome)


def _refused(channel, code, error):
    message = str(error)
    print(message, file=sys.stderr)
    channel.tell("outcome", refused=code, error=message[:TEXT_MAX])
    return 1


def _report(channel, outcome):
    result = outcome.get("result")
    if result is not None:
        encoded = str(result).encode("utf-8", "replace")
        outcome["truncated"] = len(encoded) > RESULT_MAX
        outcome["result"] = encoded[:RESULT_MAX].decode("utf-8", "ignore")
    trace = outcome.get("error_trace")
    if trace is not None:
        print(trace, end="", file=sys.stderr)
    _flush()
    channel.tell("outcome", **outcome)
    return 1 if "error" in outcome else 0


def _flush():
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError):
            pass


def _failure(error):
    summary = "".join(traceback.format_exception_only(type(error), error)).strip()
    told = traceback.TracebackException.from_exception(error)
    _forget_ours(told, set())
    trace = "".join(told.format())
    return {"error": summary[-TEXT_MAX:], "error_trace": trace[-TEXT_MAX:]}


def _forget_ours(told, seen):
    """Takes the frames of this package out of a trace, also out of its causes."""
    if told is None or id(told) in seen:
        return
    seen.add(id(told))
    told.stack = traceback.StackSummary.from_list(
        [
            frame
            for frame in told.stack
            if not frame.filename.startswith(_OURS) and "<frozen runpy>" != frame.filename
        ]
    )
    for other in (told.__cause__, told.__context__, *(getattr(told, "exceptions", None) or [])):
        _forget_ours(other, seen)
