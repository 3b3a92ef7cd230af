"""progress.json: that an attempt lives, and how far its artifact says it is. For people; nobody
decides by it, and all code of its principal may write it.
"""

import json
import threading
from collections.abc import Callable
from datetime import datetime, timezone
from typing import Any

from . import volume
from .harmless import harmless
from .masking import masking
from .result import iso
from .text import head

FILE_NAME = "progress.json"
TEXT_CHARS_MAX = 500
CHANGE_SECONDS = 5.0
"""News are written at most this often."""
BEAT_SECONDS = 60.0
"""Without news it is written this often: one request of the Files API."""
_STOP_SECONDS = 1.0  # a result that is due waits no longer for news


class Progress:
    """The last that the artifact said of itself."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._said: dict[str, Any] = {"fraction": None, "text": "", "said_at": None}
        self.changed = threading.Event()

    def say(self, fraction: Any, text: Any) -> None:
        """Drops a fraction that is no number from 0 to 1; makes the text one bounded line."""
        is_number = isinstance(fraction, (int, float)) and not isinstance(fraction, bool)
        said = {
            "fraction": float(fraction) if is_number and 0 <= fraction <= 1 else None,
            "text": one_line(text),
            "said_at": iso(datetime.now(timezone.utc)),
        }
        with self._lock:
            self._said = said
        self.changed.set()

    def said(self) -> dict[str, Any]:
        with self._lock:
            return self._said


def one_line(text: Any) -> str:
    """Text that does no harm where it is shown."""
    # Masked before it is cut: half a secret would not be known as one.
    return head(harmless(" ".join(masking.text(str(text)).split())), TEXT_CHARS_MAX)


class Heartbeat:
    """Writes it in a thread of its own: a mount that hangs holds up no artifact and no result."""

    def __init__(
        self,
        manifest: dict[str, Any],
        ids: dict[str, str | None],
        progress: Progress,
        write: Callable[[str, bytes], None] = volume.write_once,
        change_seconds: float = CHANGE_SECONDS,
        beat_seconds: float = BEAT_SECONDS,
    ) -> None:
        self._path = f"{manifest['scratchpad']}/{FILE_NAME}"
        self._head = {"v": 1, **{key: manifest[key] for key in ("run_id", "iter_n", "attempt")}}
        self._head |= {**ids, "started_at": iso(datetime.now(timezone.utc))}
        self._progress, self._write = progress, write
        self._change_seconds, self._beat_seconds = change_seconds, beat_seconds
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="heartbeat", daemon=True)

    def __enter__(self) -> "Heartbeat":
        self._thread.start()
        return self

    def __exit__(self, *_: Any) -> None:
        self._over.set()
        self._progress.changed.set()
        self._thread.join(_STOP_SECONDS)

    def _run(self) -> None:
        beat = 0
        while not self._over.is_set():
            beat += 1
            self._progress.changed.clear()
            self._beat(beat)
            self._over.wait(self._change_seconds)
            self._progress.changed.wait(max(0.0, self._beat_seconds - self._change_seconds))
        # The last word stays: of an attempt that ran out of time it says how far it was.
        if self._progress.said()["said_at"] is not None:
            self._beat(beat + 1)

    def _beat(self, number: int) -> None:
        content = {
            **self._head,
            "beat": number,
            "beat_at": iso(datetime.now(timezone.utc)),
            **self._progress.said(),
        }
        try:
            self._write(self._path, json.dumps(content).encode())
        except OSError:
            pass  # the next beat tries again; a result does not depend on it


def run_ids(arguments: list[str]) -> dict[str, str | None]:
    """The run's own ids in Databricks, which the platform put in place of its references. What it
    did not know stays a reference, and is no id.
    """
    names = ("job_id", "databricks_run_id", "task_run_id")
    given = [*arguments, *[""] * len(names)]
    return {
        name: value if value.isascii() and value.isdecimal() and len(value) <= 20 else None
        for name, value in zip(names, given)
    }

