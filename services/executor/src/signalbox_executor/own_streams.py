"""The executor's own stdout and stderr: what the artifact printed, forwarded, and the executor's
own words.
"""

import threading
from typing import Any

from .harmless import Harmless, harmless


class OwnStream:
    """One of them. In a notebook's process it is text only, and anywhere it may be closed: that
    changes nothing of what the result says.
    """

    def __init__(self, stream: Any) -> None:
        self._stream = stream
        self._harmless = Harmless()
        self._at_line_start = True
        self._ended = False
        self._lock = threading.Lock()

    def forward(self, chunk: bytes) -> None:
        """What the artifact printed, as text that cannot be mistaken for the executor's words."""
        with self._lock:
            if not self._ended:
                self._write(self._harmless.text(chunk))

    def end_forwarding(self) -> None:
        """Nothing is forwarded after this, whoever still reads a pipe, and what follows begins a
        line.
        """
        with self._lock:
            if not self._ended:
                self._write(self._harmless.text(b"", last=True))
                self._begin_line()
                self._ended = True

    def say(self, sentence: str) -> None:
        """A sentence of the executor's. It may quote what others wrote."""
        with self._lock:
            self._begin_line()
            self._write(f"{harmless(sentence)}\n")

    def print_evidence(self, block: str) -> None:
        """As it is, and in one piece."""
        with self._lock:
            self._begin_line()
            self._write(block)

    def _begin_line(self) -> None:
        if not self._at_line_start:
            self._write("\n")

    def _write(self, text: str) -> None:
        if text == "":
            return
        self._at_line_start = text.endswith("\n")
        try:
            if hasattr(self._stream, "buffer"):
                self._stream.flush()  # what others left in the layer above goes first
                self._stream.buffer.write(text.encode("utf-8"))
            else:
                self._stream.write(text)
            self._stream.flush()
        except Exception:
            pass  # nobody reads it: the log files and result.json still have it
