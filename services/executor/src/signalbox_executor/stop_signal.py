"""The platform's wish that the executor stops, from the moment it is looked for until the result is
written.
"""

import queue
import signal
import threading
from types import FrameType, TracebackType
from typing import Any

# ("stopped", signal number) and, from supervise.py, ("exited", None)
Events = queue.SimpleQueue[tuple[str, Any]]


class Stopped(BaseException):
    """The platform asked the executor to stop. Not an Exception: nothing on the way may mistake it
    for a failure.
    """

    def __init__(self, signal_number: int) -> None:
        super().__init__(signal.Signals(signal_number).name)
        self.signal_number = signal_number


class StopSignal:
    """SIGTERM, SIGINT and SIGHUP while the executor runs; the handlers of before are put back at
    its end.

    A handler only notes the signal and puts it on the queue (SimpleQueue.put may be called in a
    handler, an Event's set may not: it could wait for a lock that the interrupted code holds).
    """

    def __init__(self, events: Events) -> None:
        self._events = events
        self._before: dict[int, Any] = {}
        self.signal_number: int | None = None

    def check(self) -> None:
        """Raises Stopped, at a place where nothing is half done."""
        if self.signal_number is not None:
            raise Stopped(self.signal_number)

    def __enter__(self) -> "StopSignal":
        # Only the main thread may set handlers; a platform that runs the executor elsewhere has its
        # own way to stop it.
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
                self._before[number] = signal.signal(number, self._note)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler if handler is not None else signal.SIG_DFL)

    def _note(self, number: int, _: FrameType | None) -> None:
        self.signal_number = self.signal_number or number
        self._events.put(("stopped", number))
