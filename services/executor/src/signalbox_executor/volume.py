"""Reading and writing in a Unity Catalog Volume: object storage behind FUSE.

There is no append ("Illegal seek"), no seek while writing and no rename ("Function not
implemented"): every file is written whole, from its first byte to its last, in one pass. What was
written becomes visible when it is closed, so an error may show as late as that.
"""

import errno
import hashlib
import os
import stat
import time
from collections.abc import Callable
from typing import Any, BinaryIO

CHUNK_BYTES = 1024 * 1024
# Pauses between three tries, in seconds: a result that took hours to make is worth a second look at
# a flickering mount.
_PAUSES = (0.2, 1.0)


class FileMismatchError(Exception):
    """A file is not there, or is not the one that was meant. The sentence says what was expected
    and what was found.
    """


class ResultExistsError(Exception):
    """There is a result.json already, and it is not ours."""


def copy_verified(
    source: str,
    target: str,
    sha256: str,
    size: int,
    checkpoint: Callable[[], None],
    opener: Callable[[str, int], int] | None = None,
) -> None:
    """Copies a file, once, and only as what it was announced to be: what is used later is what was
    checked here.

    Calls checkpoint before each chunk, which may raise to stop it. Raises FileMismatchError,
    OSError.
    """
    digest, copied = hashlib.sha256(), 0
    try:
        reader = open(source, "rb", opener=opener)
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError, PermissionError) as error:
        raise FileMismatchError(f"{source} cannot be read: {error.strerror or error}") from error
    with reader:
        if not stat.S_ISREG(os.fstat(reader.fileno()).st_mode):
            raise FileMismatchError(f"{source} cannot be read: it is no regular file")
        with open(target, "wb") as writer:
            while copied <= size:  # one chunk beyond what was announced is enough to know
                checkpoint()
                chunk = reader.read(CHUNK_BYTES)
                if not chunk:
                    break
                digest.update(chunk)
                copied += len(chunk)
                writer.write(chunk)
    if copied != size or digest.hexdigest() != sha256:
        found = (
            f"{copied} bytes with sha256 {digest.hexdigest()}"
            if copied <= size
            else f"more than {size} bytes"
        )
        raise FileMismatchError(
            f"{source} is not the file that was planned: {size} bytes with sha256 {sha256} "
            f"were, {found} are there"
        )


def open_at_once(path: str, flags: int) -> int:
    """An opener for files that an artifact left: a pipe under a file's name is waited for for ever,
    unless nobody waits.
    """
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))  # Windows has no such pipes


def write_file(path: str, content: bytes) -> None:
    """Creates or replaces a file. Raises OSError."""

    def write() -> None:
        with _created(path, "wb") as file:
            file.write(content)

    retried(write)


def write_once(path: str, content: bytes) -> None:
    """The same in one try, for what is written again anyway. Raises OSError."""
    with _created(path, "wb") as file:
        file.write(content)


def write_result(path: str, content: bytes) -> None:
    """Creates result.json, once, and reads it back. The same content may be there already.

    Raises ResultExistsError where something else is there, OSError.
    """
    mode = "xb"

    def write() -> None:
        nonlocal mode
        try:
            file = _created(path, mode)
        except FileExistsError:
            if _read(path, len(content) + 1) != content:
                raise ResultExistsError(f"{path} exists already") from None
            return
        mode = "wb"  # from here on, what lies there is what this try left
        with file:
            file.write(content)
        if _read(path, len(content) + 1) != content:
            raise OSError(errno.EIO, "what was written reads back differently", path)

    retried(write)


def retried(write: Callable[[], None]) -> None:
    """Up to three tries. Raises the last one's OSError."""
    for pause in _PAUSES:
        try:
            return write()
        except OSError:
            time.sleep(pause)
    return write()


def exists(path: str) -> bool:
    """Whether something is there. A folder that cannot be looked into is an error (OSError), not an
    absence.
    """
    try:
        os.stat(path)
    except (FileNotFoundError, NotADirectoryError):
        return False
    return True


def _created(path: str, mode: Any) -> BinaryIO:
    os.makedirs(os.path.dirname(path), exist_ok=True)
    try:
        return open(path, mode)
    except OSError as error:
        # A mount that does not know O_EXCL: then a look before must do.
        if (
            mode != "xb"
            or error.errno not in (errno.EINVAL, errno.ENOTSUP, errno.ENOSYS)
            or exists(path)
        ):
            raise
        return open(path, "wb")


def _read(path: str, bytes_max: int) -> bytes:
    with open(path, "rb") as file:
        return file.read(bytes_max)
