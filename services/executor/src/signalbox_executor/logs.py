"""What an artifact prints: kept in bounded memory, its beginning and its end, and forwarded as it
comes.
"""

import os
import threading
from collections.abc import Callable
from typing import Any

from .limits import LOG_BYTES_MAX
from .text import tail

_CHUNK_BYTES = 64 * 1024
_MARK_BYTES_MAX = 200


class BoundedLog:
    """Keeps head and tail of a stream within bytes_max. Its head is forwarded at once, mark and
    tail by finish().
    """

    def __init__(self, forward: Callable[[bytes], None], bytes_max: int = LOG_BYTES_MAX) -> None:
        self._forward = forward
        self._half = (bytes_max - _MARK_BYTES_MAX) // 2
        self._bytes_max = bytes_max
        self._head, self._tail = bytearray(), bytearray()
        self._size = 0
        self._frozen = False
        self._lock = threading.Lock()

    def add(self, chunk: bytes) -> None:
        with self._lock:
            if self._frozen:
                return  # what comes after the end of the attempt belongs to nobody
            self._size += len(chunk)
            room = max(0, self._half - len(self._head))
            self._head += chunk[:room]
            self._tail += chunk[room:]
            if (
                len(self._tail) > 2 * self._half
            ):  # cut seldom, so that each byte is moved about once
                del self._tail[: -self._half]
        if room:
            self._forward(chunk[:room])

    def freeze(self) -> bytes:
        """The content of the log file. Nothing is added after this."""
        with self._lock:
            self._frozen = True
            return bytes(self._head) + self._rest()

    def forward_rest(self) -> None:
        """Forwards what came after the head; called last, because a platform that does not read
        must not hold up a result.
        """
        with self._lock:
            rest = self._rest()
        if rest:
            self._forward(rest)

    def tail_text(self, chars_max: int) -> str:
        with self._lock:
            # A character takes at most four bytes; one more for a beginning that was cut.
            kept = bytes((self._head + self._tail)[-(4 * chars_max + 4) :])
        return tail(kept.decode("utf-8", "replace"), chars_max)

    def _rest(self) -> bytes:
        cut = self._size - len(self._head) - min(len(self._tail), self._half)
        if cut == 0:
            return bytes(self._tail)
        mark = (
            f"\n[signalbox: {cut} bytes were cut here, of {self._size}; "
            f"a log keeps {self._bytes_max}]\n"
        )
        return mark.encode() + bytes(self._tail[-self._half :])


def pump(fd: int, log: BoundedLog) -> threading.Thread:
    """Reads a pipe to its end in a thread of its own."""

    def read() -> None:
        while chunk := os.read(fd, _CHUNK_BYTES):
            log.add(chunk)

    thread = threading.Thread(target=read, name=f"pump-{fd}", daemon=True)
    thread.start()
    return thread


def forwarder(stream: Any) -> Callable[[bytes], None]:
    """Writes bytes to one of the executor's own streams, which in a notebook's process is text
    only, and may be closed.
    """

    def forward(chunk: bytes) -> None:
        try:
            if hasattr(stream, "buffer"):
                stream.buffer.write(chunk)
            else:
                stream.write(chunk.decode("utf-8", "replace"))
            stream.flush()
        except Exception:
            pass  # nobody reads it: the log files and the result still have it

    return forward
