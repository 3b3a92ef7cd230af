"""The tree of links that programs other than Python see instead of /Volumes and /Workspace."""

import errno
import os
import posix
import stat

_mkdir, _symlink, _lstat, _listdir, _chmod = (
    posix.mkdir,
    posix.symlink,
    posix.lstat,
    posix.listdir,
    posix.chmod,
)
_open, _close, _read, _write = posix.open, posix.close, posix.read, posix.write
_unlink, _rmdir, _utime = posix.unlink, posix.rmdir, posix.utime

BYTES_MAX = 256 * 1024 * 1024
"""Of one read-only copy. A task that has more to read from a shell copies it in Python first."""

_DAC_OVERRIDE = 1
_PR_CAPBSET_DROP = 24
_libc = None


def show(mounts, text):
    """Makes every mount that the text (beginning with its path) can mean appear below the alias."""
    words = text.split("/")
    for mount in mounts.mounts.values():
        if mount.read and _may_mean(words, mount.path.split("/")):
            _appear(mounts, mount)
    _folders(mounts.alias, text.split("/")[1])


def _may_mean(words, parts):
    for word, part in zip(words[1:], parts[1:], strict=False):
        if not word or not all(each.isalnum() or each in "_-." for each in word):
            return True  # a pattern, a variable, the end of the word: it may lead anywhere below
        if word.lower() != part.lower():
            return False
    return True


def _appear(mounts, mount):
    alias = f"{mounts.alias}{mount.path}"
    _folders(mounts.alias, *mount.path.split("/")[1:-1])
    if mount.write:
        try:
            _symlink(mount.folder, alias)
        except FileExistsError:
            pass
        return
    _obey_modes(mount)
    _copy_folder(mount.folder, alias, [0], mount)


def _folders(folder, *parts):
    for part in ("", *parts):
        folder = f"{folder}/{part}" if part else folder
        try:
            _mkdir(folder)
        except FileExistsError:
            pass


def _obey_modes(mount):
    """Root writes where modes forbid it, unless children lose that capability: those of this
    thread, each time.
    """
    global _libc
    if posix.geteuid() != 0:
        return
    if _libc is None:
        import ctypes

        _libc = ctypes.CDLL(None, use_errno=True)
    if not hasattr(_libc, "prctl") or _libc.prctl(_PR_CAPBSET_DROP, _DAC_OVERRIDE, 0, 0, 0) != 0:
        raise OSError(
            errno.EACCES,
            "a program that is not Python cannot be kept from writing here as root; "
            "grant WRITE VOLUME or read the files in Python",
            mount.path,
        )


def _copy_folder(source, target, total, mount):
    """Brings a read-only copy up to date: files by size and time."""
    try:
        _mkdir(target, 0o755)
    except FileExistsError:
        _chmod(target, 0o755)
    names = set(_listdir(source))
    for name in set(_listdir(target)) - names:
        _remove(f"{target}/{name}")
    for name in names:
        found = _lstat(f"{source}/{name}")
        if stat.S_ISDIR(found.st_mode):
            _copy_folder(f"{source}/{name}", f"{target}/{name}", total, mount)
        elif stat.S_ISREG(found.st_mode):
            total[0] += found.st_size
            if total[0] > BYTES_MAX:
                raise OSError(
                    errno.EFBIG,
                    f"a program that is not Python sees a read-only copy of this volume, which may "
                    f"have {BYTES_MAX} bytes; grant WRITE VOLUME or read the files in Python",
                    mount.path,
                )
            _copy_file(f"{source}/{name}", f"{target}/{name}", found)
    _chmod(target, 0o555)


def _copy_file(source, target, found):
    try:
        held = _lstat(target)
        if (held.st_size, held.st_mtime_ns) == (found.st_size, found.st_mtime_ns):
            return
        _unlink(target)
    except FileNotFoundError:
        pass
    old = _open(source, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    new = _open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        while data := _read(old, 1 << 20):
            while data:
                data = data[_write(new, data) :]
    finally:
        _close(old)
        _close(new)
    _utime(target, ns=(found.st_atime_ns, found.st_mtime_ns))
    _chmod(target, 0o555 if found.st_mode & 0o111 else 0o444)


def _remove(path):
    if stat.S_ISDIR(_lstat(path).st_mode):
        _chmod(path, 0o755)
        for name in _listdir(path):
            _remove(f"{path}/{name}")
        _rmdir(path)
    else:
        _unlink(path)
