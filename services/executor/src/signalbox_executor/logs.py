"""The artifact's printed output: beginning and end kept in bounded memory, and less of it
forwarded.
"""

import os
import threading
from collections.abc import Callable

from .limits import FORWARD_BYTES_MAX, LOG_BYTES_MAX
from .masking import MaskedStream, masking
from .text import tail

_CHUNK_BYTES = 64 * 1024
_MARK_BYTES_MAX = 200


class BoundedLog:
    """Keeps head and tail of a stream within bytes_max, and forwards head and tail of it within
    forward_bytes_max: the head at once, mark and tail by forward_rest().
    """

    def __init__(
        self,
        forward: Callable[[bytes], None],
        bytes_max: int = LOG_BYTES_MAX,
        forward_bytes_max: int = FORWARD_BYTES_MAX,
    ) -> None:
        self._forward = forward
        self._half = (bytes_max - _MARK_BYTES_MAX) // 2
        self._forward_half = min(self._half, (forward_bytes_max - _MARK_BYTES_MAX) // 2)
        self._bytes_max, self._forward_bytes_max = bytes_max, forward_bytes_max
        self._head, self._tail = bytearray(), bytearray()
        self._size = 0
        self._frozen = False
        self._lock = threading.Lock()

    def add(self, chunk: bytes) -> None:
        with self._lock:
            if self._frozen:
                return  # what comes after the end of the attempt belongs to nobody
            at_once = chunk[: max(0, self._forward_half - self._size)]
            self._size += len(chunk)
            room = max(0, self._half - len(self._head))
            self._head += chunk[:room]
            self._tail += chunk[room:]
            if (
                len(self._tail) > 2 * self._half
            ):  # cut seldom, so that each byte is moved about once
                del self._tail[: -self._half]
        if at_once:
            self._forward(at_once)

    def freeze(self) -> bytes:
        """The content of the log file. Nothing is added after this."""
        with self._lock:
            self._frozen = True
            cut = self._size - len(self._head) - min(len(self._tail), self._half)
            if cut == 0:
                return bytes(self._head + self._tail)
            mark = _mark(cut, self._size, f"a log keeps {self._bytes_max}")
            return bytes(self._head + mark + self._tail[-self._half :])

    def forward_rest(self) -> None:
        """Forwards what came after the head; called last, because a platform that does not read
        must not hold up a result.
        """
        with self._lock:
            half, size = self._forward_half, self._size
            if size <= 2 * half:
                rest = bytes(self._head + self._tail)[half:]
            else:
                why = (
                    f"at most {self._forward_bytes_max} are shown here, "
                    "the log in the scratchpad keeps more"
                )
                rest = _mark(size - 2 * half, size, why) + bytes(self._head + self._tail)[-half:]
        if rest:
            self._forward(rest)

    def tail_text(self, chars_max: int) -> str:
        with self._lock:
            # A character takes at most four bytes; one more for a beginning that was cut.
            kept = bytes((self._head + self._tail)[-(4 * chars_max + 4) :])
        return tail(kept.decode("utf-8", "replace"), chars_max)


def _mark(cut: int, size: int, why: str) -> bytes:
    return f"\n[signalbox: {cut} bytes were cut here, of {size}; {why}]\n".encode()


def pump(fd: int, log: BoundedLog) -> threading.Thread:
    """Reads a pipe to its end in a thread of its own."""

    def read() -> None:
        masked = MaskedStream(masking)
        while chunk := os.read(fd, _CHUNK_BYTES):
            log.add(masked.take(chunk))
        log.add(masked.end())

    thread = threading.Thread(target=read, name=f"pump-{fd}", daemon=True)
    thread.start()
    return thread
