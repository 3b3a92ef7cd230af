"""Shows a process a folder as /Volumes, with the manners of object storage behind FUSE.

For tests: put this folder on PYTHONPATH and name the folder in SIGNALBOX_TEST_VOLUMES. Append is an
illegal seek, seeking while writing and renaming are not implemented. SIGNALBOX_TEST_FAULT makes
writing fail, as `<end of path>=<how>`: `open` refuses to create it, `close` fails when it is
closed, `once` fails the first time only, `torn` keeps half of it.
"""

import builtins
import errno
import functools
import importlib.machinery
import io
import os
import sys

_ROOT = os.environ.get("SIGNALBOX_TEST_VOLUMES", "")
_FAULT_PATH, _, _FAULT_HOW = os.environ.get("SIGNALBOX_TEST_FAULT", "").partition("=")
_faults_left = 1 if _FAULT_HOW == "once" else 1_000_000
_open, _os_open = io.open, os.open


def _real(path):
    text = os.fsdecode(path) if isinstance(path, (str, bytes, os.PathLike)) else ""
    return (
        _ROOT + text.removeprefix("/Volumes")
        if text == "/Volumes" or text.startswith("/Volumes/")
        else None
    )


class _VolumeWriter(io.FileIO):
    """Takes bytes in one direction only, and may fail as late as when it is closed."""

    def __init__(self, path, mode):
        super().__init__(path, mode)
        self.path = path

    def seekable(self):
        return False

    def seek(self, *_):
        raise OSError(errno.ENOTSUP, "no seek while writing in a Volume", self.path)

    def tell(self):
        raise OSError(errno.ENOTSUP, "no seek while writing in a Volume", self.path)

    def truncate(self, *_):
        raise OSError(errno.ENOTSUP, "no truncating in a Volume", self.path)

    def close(self):
        if self.closed:
            return
        if _faulty(self.path, "torn"):
            os.ftruncate(self.fileno(), os.fstat(self.fileno()).st_size // 2)
        super().close()
        if _faulty(self.path, "close"):
            os.unlink(self.path)
            raise OSError(errno.EIO, "Input/output error", self.path)


def _faulty(path, how):
    global _faults_left
    wanted = "close" if _FAULT_HOW == "once" else _FAULT_HOW
    if not _FAULT_PATH or wanted != how or not path.endswith(_FAULT_PATH) or _faults_left == 0:
        return False
    _faults_left -= 1
    return True


def _volume_open(
    file,
    mode="r",
    buffering=-1,
    encoding=None,
    errors=None,
    newline=None,
    closefd=True,
    opener=None,
):
    path = _real(file)
    if path is None:
        return _open(file, mode, buffering, encoding, errors, newline, closefd, opener)
    if "a" in mode:
        raise OSError(errno.ESPIPE, "Illegal seek", file)
    if "+" in mode:
        raise OSError(errno.ENOTSUP, "no random writes in a Volume", file)
    if "r" in mode:
        return _open(path, mode, buffering, encoding, errors, newline)
    if _faulty(path, "open"):
        raise OSError(errno.EIO, "Input/output error", file)
    raw = _VolumeWriter(path, mode.replace("b", "").replace("t", ""))
    buffered = io.BufferedWriter(raw)
    return buffered if "b" in mode else io.TextIOWrapper(buffered, encoding, errors, newline)


def _os_open_in_volume(path, flags, mode=0o777, *, dir_fd=None):
    real = _real(path)
    if real is None:
        return _os_open(path, flags, mode, dir_fd=dir_fd)
    if flags & (os.O_APPEND | os.O_RDWR):
        raise OSError(errno.ESPIPE, "Illegal seek", path)
    return _os_open(real, flags, mode)


def _mapped(original):
    def call(path=".", *args, **kwargs):
        return original(_real(path) or path, *args, **kwargs)

    return call


def _no_rename(original):
    def call(source, target, **kwargs):
        if _real(source) or _real(target):
            raise OSError(errno.ENOSYS, "Function not implemented", source, None, target)
        return original(source, target, **kwargs)

    return call


def _finder(path):
    real = _real(path)
    if real is None:
        raise ImportError("not in a Volume")
    loaders = (importlib.machinery.SourceFileLoader, importlib.machinery.SOURCE_SUFFIXES)
    return importlib.machinery.FileFinder(real, loaders)


if _ROOT:
    # partial, because what Python 3.10's pathlib keeps of these in a class must not become a method
    # of it.
    builtins.open = io.open = functools.partial(_volume_open)
    os.open = functools.partial(_os_open_in_volume)
    for _name in (
        "stat",
        "lstat",
        "listdir",
        "scandir",
        "mkdir",
        "rmdir",
        "unlink",
        "remove",
        "access",
        "utime",
        "chmod",
    ):
        setattr(os, _name, functools.partial(_mapped(getattr(os, _name))))
    for _name in ("rename", "replace", "link", "symlink"):
        setattr(os, _name, functools.partial(_no_rename(getattr(os, _name))))
    sys.path_hooks.insert(0, _finder)
