"""The executor's own stdout and stderr: what the artifact printed, forwarded, and the executor's
own words.
"""

import threading
from typing import Any

from .harmless import Harmless, harmless

_LINE_CHARS_MAX = 8 * 1024
"""A line that is longer is forwarded as several: what is held of an artifact's line is bounded."""

# Of both streams: a platform that shows them as one must find whole lines, whoever writes when.
_lock = threading.Lock()


class OwnStream:
    """One of them. In a notebook's process it is text only, and anywhere it may be closed: that
    changes nothing of what the result says. Only the evidence must get through.
    """

    def __init__(self, stream: Any) -> None:
        self._stream = stream
        self._harmless = Harmless()
        self._unfinished = ""
        self._at_line_start = True
        self._ended = False

    def forward(self, chunk: bytes) -> None:
        """Makes printed text of the artifact's that cannot be mistaken for the executor's words.

        In whole lines: of `signalbox-` on one stream and `result` on the other a platform that
        shows both as one would make the word that neither of them holds.
        """
        with _lock:
            if self._ended:
                return
            *lines, self._unfinished = (self._unfinished + self._harmless.text(chunk)).split("\n")
            while len(self._unfinished) > _LINE_CHARS_MAX:
                lines.append(self._unfinished[:_LINE_CHARS_MAX])
                self._unfinished = self._unfinished[_LINE_CHARS_MAX:]
            self._write("".join(f"{line}\n" for line in lines))

    def end_forwarding(self) -> None:
        """Nothing is forwarded after this, whoever still reads a pipe, and what follows begins a
        line.
        """
        with _lock:
            if not self._ended:
                rest = self._unfinished + self._harmless.text(b"", last=True)
                self._write(f"{rest}\n" if rest else "")
                self._begin_line()
                self._ended = True

    def say(self, sentence: str) -> None:
        """A sentence of the executor's. It may quote what others wrote."""
        with _lock:
            self._begin_line()
            self._write(f"{harmless(sentence)}\n")

    def print_evidence(self, block: str) -> None:
        """As it is, and in one piece.

        Raises what the stream raises (OSError, or anything in a notebook's process): a run whose
        own block is missing must not end well, or somebody else's would be taken for it.
        """
        with _lock:
            self._begin_line()
            self._print(block)

    def _begin_line(self) -> None:
        if not self._at_line_start:
            self._write("\n")

    def _write(self, text: str) -> None:
        if text == "":
            return
        try:
            self._print(text)
        except Exception:
            pass  # nobody reads it: the log files and result.json still have it

    def _print(self, text: str) -> None:
        self._at_line_start = text.endswith("\n")
        if hasattr(self._stream, "buffer"):
            self._stream.flush()  # what others left in the layer above goes first
            data = text.encode("utf-8")
            if self._stream.buffer.write(data) != len(data):  # an unbuffered one may take less
                raise OSError("not all of it was taken")
        else:
            self._stream.write(text)
        self._stream.flush()
