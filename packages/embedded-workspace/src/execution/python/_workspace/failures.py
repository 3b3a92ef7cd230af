"""An exception of executed code as the platform tells it: a line, and a trace without our frames."""

import os
import sys
import traceback

TEXT_MAX = 1024 * 1024
_OURS = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep


def flush():
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError):
            pass


def failure_of(error):
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
