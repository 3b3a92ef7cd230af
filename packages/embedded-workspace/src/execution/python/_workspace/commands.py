"""Runs the commands of an execution context, one after the other, in one namespace."""

import os
import signal

from _workspace.cells import cell_of
from _workspace.dbutils import NotebookExit
from _workspace.failures import failure_of, flush
from _workspace.notebook import Runner


def run_commands(channel, spec, dbutils):
    """Returns when the workspace has no more commands: its context is destroyed."""
    runner = Runner(spec, dbutils)
    cancel = _Cancel()
    number = 0
    while (command := channel.ask("nextCommand")) is not None:
        number += 1
        ending = _ending_of(lambda cell=_cell(number, command): runner.run_command(cell), cancel)
        flush()
        os.write(1, command["endMark"].encode())
        channel.tell("commandDone", **ending)


def _cell(number, command):
    return cell_of(number, command["source"], "PYTHON")


def _ending_of(run, cancel):
    """A command that fails, or leaves by sys.exit, fails alone: its context goes on."""
    try:
        with cancel:
            run()
    except KeyboardInterrupt:
        return {"cancelled": True} if cancel.was_asked else {"error": "KeyboardInterrupt"}
    except NotebookExit as exit:
        print(f"Notebook exited: {exit.value}")
    except BaseException as error:  # noqa: BLE001 (everything that a command can raise is its end)
        return failure_of(error)
    return {}


class _Cancel:
    """SIGINT interrupts the command that runs, and nothing between commands."""

    def __init__(self):
        self.was_asked = False
        self._running = False
        signal.signal(signal.SIGINT, self._interrupt)

    def __enter__(self):
        self.was_asked = False
        self._running = True

    def __exit__(self, *_):
        self._running = False

    def _interrupt(self, *_):
        if self._running:
            self.was_asked = True
            raise KeyboardInterrupt
