"""Runs one task and reports what it came to."""

import sys

from _workspace import commands, notebook, programs, runtime
from _workspace.channel import Channel
from _workspace.dbutils import DBUtils, NotebookExit
from _workspace.errors import TaskError
from _workspace.failures import TEXT_MAX, failure_of, flush
from _workspace.libraries import LibraryError, install_lines

RESULT_MAX = 5 * 1024 * 1024
_BODIES = {
    "python": programs.run_file,
    "wheel": programs.run_wheel,
    "notebook": notebook.run_notebook,
}


def run(spec, channel_fd):
    """The exit code of the process."""
    channel = Channel(channel_fd)
    outcome = {}
    try:
        install_lines(spec["libraries"], spec["packages"])
        dbutils = DBUtils(channel, spec)
        runtime.offer(dbutils)
        if spec["kind"] == "commands":
            commands.run_commands(channel, spec, dbutils)
        else:
            outcome["result"] = _BODIES[spec["kind"]](spec, dbutils)
    except NotebookExit as exit:
        outcome["result"] = exit.value
    except LibraryError as error:
        return _refused(channel, "LIBRARY_INSTALLATION_ERROR", error)
    except TaskError as error:
        return _refused(channel, error.code, error)
    except SystemExit as exit:
        if exit.code not in (None, 0):
            outcome.update(failure_of(exit))
    except BaseException as error:  # noqa: BLE001 (everything a program can raise is its outcome)
        outcome.update(failure_of(error))
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
    flush()
    channel.tell("outcome", **outcome)
    return 1 if "error" in outcome else 0
