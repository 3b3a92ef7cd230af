"""Replacements of open, io.FileIO and os.open for paths of the workspace."""

import _io
import io
import os
import posix

from _workspace import uploads

RealFileIO = _io.FileIO
real_open = _io.open
real_open_code = _io.open_code
real_os_open = posix.open
real_close = posix.close

_WRITES = os.O_CREAT | os.O_TRUNC | os.O_APPEND


def writes(flags):
    return (flags & os.O_ACCMODE) != os.O_RDONLY or bool(flags & _WRITES)


def replacements(mounts):
    """`{(module, name): function}` for this module's part of the standard library."""
    reader = _reader(mounts)

    def os_open(path, flags, mode=0o777, *, dir_fd=None):
        place = mounts.locate(path, dir_fd)
        if place is None:
            return real_os_open(path, flags, mode, dir_fd=dir_fd)
        if writes(flags):
            if place.mount is not None and not place.mount.volume:
                return _plain(place.need_write(), flags, mode)
            return uploads.begin(place, flags, mode, mounts.staging).fd
        return reader(place, flags)

    class FileIO(RealFileIO, metaclass=_AnyFileIO):
        __doc__ = RealFileIO.__doc__
        _upload = None

        def __init__(self, file, mode="r", closefd=True, opener=None):
            if isinstance(file, int):
                self._upload = uploads.pending.get(file) if closefd else None
                super().__init__(file, mode, closefd, opener)
                return
            place = mounts.locate(file)
            if place is None and opener is None:
                super().__init__(file, mode, closefd, opener)
                return
            fd = _opened(file, mode, opener or os_open)
            self._upload = uploads.pending.get(fd)
            try:
                super().__init__(fd, mode, True)
            except OSError as error:
                real_close(fd)
                raise OSError(error.errno, error.strerror, os.fspath(file)) from None
            self.name = os.fspath(file)

        def write(self, data):
            if self._upload is None:
                return super().write(data)
            self._upload.check()
            return self._upload.wrote(super().write(data))

        def truncate(self, size=None):
            if self._upload is None:
                return super().truncate(size)
            size = self.tell() if size is None else size
            self._upload.truncate(size)
            return size

        def close(self):
            if self.closed:
                return
            upload, self._upload = self._upload, None
            try:
                super().close()
            finally:
                if upload is not None:
                    upload.publish()

    FileIO.__module__ = "_io"
    FileIO.__qualname__ = "FileIO"

    def open(
        file,
        mode="r",
        buffering=-1,
        encoding=None,
        errors=None,
        newline=None,
        closefd=True,
        opener=None,
    ):
        ours = (
            (closefd and file in uploads.pending)
            if isinstance(file, int)
            else (opener is not None or mounts.locate(file) is not None)
        )
        if not ours or not isinstance(mode, str):
            return real_open(file, mode, buffering, encoding, errors, newline, closefd, opener)
        return _stacked(FileIO, file, mode, buffering, encoding, errors, newline, closefd, opener)

    def open_code(path):
        return real_open_code(path) if mounts.locate(path) is None else open(path, "rb")

    return {
        ("builtins", "open"): open,
        ("io", "open"): open,
        ("_io", "open"): open,
        ("io", "open_code"): open_code,
        ("_io", "open_code"): open_code,
        ("io", "FileIO"): FileIO,
        ("_io", "FileIO"): FileIO,
        ("posix", "open"): os_open,
    }


class _AnyFileIO(type(RealFileIO)):
    """`isinstance(f, io.FileIO)` holds for files that were opened before the class was replaced."""

    def __instancecheck__(cls, instance):
        return isinstance(instance, RealFileIO) and (
            cls.__qualname__ == "FileIO" or type.__instancecheck__(cls, instance)
        )


def _reader(mounts):
    def read(place, flags):
        place.need_read()
        if place.children is not None:
            return real_os_open("/", flags | os.O_DIRECTORY)
        try:
            return real_os_open(place.real, flags | os.O_NOFOLLOW)
        except OSError as error:
            raise OSError(error.errno, error.strerror, place.shown) from None

    return read


def _plain(place, flags, mode):
    try:
        return real_os_open(place.real, flags, mode)
    except OSError as error:
        raise OSError(error.errno, error.strerror, place.shown) from None


def _opened(file, mode, opener):
    """The file number that FileIO would ask its opener for."""
    flags = os.O_CLOEXEC
    plus = "+" in mode
    if "r" in mode:
        flags |= os.O_RDWR if plus else os.O_RDONLY
    else:
        flags |= (os.O_RDWR if plus else os.O_WRONLY) | os.O_CREAT
        if "w" in mode:
            flags |= os.O_TRUNC
        elif "x" in mode:
            flags |= os.O_EXCL
        else:
            flags |= os.O_APPEND
    fd = opener(file, flags, 0o666) if opener.__name__ == "os_open" else opener(file, flags)
    if fd < 0:
        raise ValueError(f"opener returned {fd}")
    return fd


def _stacked(FileIO, file, mode, buffering, encoding, errors, newline, closefd, opener):
    """The layers of `io.open` over its FileIO; checks and words are CPython's (Lib/_pyio.py)."""
    kinds = set(mode)
    binary = "b" in kinds
    if kinds - set("rwxabt+") or len(mode) > len(kinds):
        raise ValueError(f"invalid mode: {mode!r}")
    if len(kinds & set("rwxa")) != 1:
        raise ValueError("must have exactly one of create/read/write/append mode")
    if binary and "t" in kinds:
        raise ValueError("can't have text and binary mode at once")
    for name, value in (("encoding", encoding), ("errors", errors), ("newline", newline)):
        if binary and value is not None:
            raise ValueError(
                f"binary mode doesn't take {'an' if name[0] == 'e' else 'a'} {name} argument"
            )
    if buffering == 0 and not binary:
        raise ValueError("can't have unbuffered text I/O")
    raw = FileIO(file, mode.replace("b", "").replace("t", ""), closefd, opener)
    try:
        lines = buffering == 1 and not binary
        size = io.DEFAULT_BUFFER_SIZE if buffering < 0 or buffering == 1 else buffering
        if size == 0:
            return raw
        if "+" in kinds:
            buffer = io.BufferedRandom(raw, size)
        else:
            buffer = io.BufferedReader(raw, size) if "r" in kinds else io.BufferedWriter(raw, size)
        if binary:
            return buffer
        text = io.TextIOWrapper(buffer, io.text_encoding(encoding, 3), errors, newline, lines)
        text.mode = mode
        return text
    except BaseException:
        raw.close()
        raise
