"""Replacements of the functions of `os` that take paths or numbers of files, for paths of the
workspace.
"""

import errno
import os
import posix
import stat

from _workspace import uploads

NOT_SUPPORTED = errno.EOPNOTSUPP


def replacements(mounts):
    """`{name in posix: function}`."""
    made = {}
    made.update(_readers(mounts))
    made.update(_writers(mounts))
    made.update(_listings(mounts))
    made.update(_folder(mounts))
    made.update(_pairs(mounts))
    made.update(_numbers())
    return made


def call(function, place, *args, **named):
    """Calls it on the real path; an error names the path that the program knows."""
    try:
        return function(place.real, *args, **named)
    except OSError as error:
        raise OSError(error.errno, error.strerror, place.shown) from None


def _readers(mounts):
    def reader(function):
        def read(path, *args, dir_fd=None, **named):
            place = mounts.locate(path, dir_fd)
            if place is None:
                if dir_fd is not None:
                    named["dir_fd"] = dir_fd
                return function(path, *args, **named)
            place.need_read()
            if place.children is not None:
                return function("/", *args, **named)
            return call(function, place, *args, **named)

        return read

    names = ("stat", "lstat", "readlink", "statvfs", "pathconf")
    return {name: reader(getattr(posix, name)) for name in names} | {
        "access": _access(mounts),
        **_attributes(mounts),
    }


def _access(mounts):
    original = posix.access

    def access(path, mode, *, dir_fd=None, effective_ids=False, follow_symlinks=True):
        place = mounts.locate(path, dir_fd)
        if place is None:
            return original(
                path,
                mode,
                dir_fd=dir_fd,
                effective_ids=effective_ids,
                follow_symlinks=follow_symlinks,
            )
        if place.children is not None:
            return not mode & os.W_OK
        if place.mount is None or not place.mount.read or not original(place.real, os.F_OK):
            return False
        return place.mount.write or not mode & os.W_OK

    return access


def _attributes(mounts):
    """Extended attributes: none on a volume."""
    made = {}
    for name in ("getxattr", "setxattr", "removexattr", "listxattr"):
        original = getattr(posix, name, None)
        if original is None:
            continue

        def attribute(path=None, *args, _original=original, _name=name, **named):
            place = mounts.locate("." if path is None else path)
            if place is None:
                return _original(path, *args, **named)
            place.need_read()
            return [] if _name == "listxattr" else place.fail(NOT_SUPPORTED)

        made[name] = attribute
    return made


def _writers(mounts):
    def writer(function, refused=False, quiet=False):
        def write(path, *args, dir_fd=None, **named):
            place = mounts.locate(path, dir_fd)
            if place is None:
                if dir_fd is not None:
                    named["dir_fd"] = dir_fd
                return function(path, *args, **named)
            place.need_write()
            if refused and place.mount.volume:
                place.fail(NOT_SUPPORTED)
            if quiet and place.mount.volume:
                # Accepted and forgotten: an object store keeps neither modes nor times that are
                # set.
                call(posix_lstat, place)
                return None
            if place.real == place.mount.folder and function.__name__ != "mkdir":
                place.fail(errno.EPERM)  # a volume is made and dropped in Unity Catalog
            return call(function, place, *args, **named)

        return write

    posix_lstat = posix.lstat
    plain = ("mkdir", "rmdir", "unlink", "remove")
    refused = ("truncate", "mkfifo", "mknod")
    quiet = ("chmod", "chown", "lchown", "utime")
    return (
        {name: writer(getattr(posix, name)) for name in plain}
        | {
            name: writer(getattr(posix, name), refused=True)
            for name in refused
            if hasattr(posix, name)
        }
        | {name: writer(getattr(posix, name), quiet=True) for name in quiet}
    )


def _listings(mounts):
    real_listdir, real_scandir = posix.listdir, posix.scandir

    def names(place):
        place.need_read()
        return place.children if place.children is not None else call(real_listdir, place)

    def listdir(path=None):
        place = mounts.locate("." if path is None else path)
        if place is None:
            return real_listdir(path)
        found = list(names(place))
        return [os.fsencode(name) for name in found] if isinstance(path, bytes) else found

    def scandir(path=None):
        place = mounts.locate("." if path is None else path)
        if place is None:
            return real_scandir(path)
        return _Scan("." if path is None else os.fspath(path), names(place))

    return {"listdir": listdir, "scandir": scandir}


class _Scan:
    """The answer of os.scandir: an iterator that can be closed."""

    def __init__(self, folder, names):
        self._entries = iter([DirEntry(folder, name) for name in names])

    def __iter__(self):
        return self

    def __next__(self):
        return next(self._entries)

    def close(self):
        self._entries = iter(())

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


class DirEntry:
    """As os.DirEntry, for a path that only we can look at."""

    __slots__ = ("name", "path")

    def __init__(self, folder, name):
        self.name = os.fsencode(name) if isinstance(folder, bytes) else name
        self.path = os.path.join(folder, self.name)

    def stat(self, *, follow_symlinks=True):
        return os.stat(self.path, follow_symlinks=follow_symlinks)

    def _is(self, kind):
        try:
            return kind(self.stat().st_mode)
        except FileNotFoundError:
            return False

    def is_dir(self, *, follow_symlinks=True):
        return self._is(stat.S_ISDIR)

    def is_file(self, *, follow_symlinks=True):
        return self._is(stat.S_ISREG)

    def is_symlink(self):
        return False

    def is_junction(self):
        return False

    def inode(self):
        return self.stat().st_ino

    def __fspath__(self):
        return self.path

    def __repr__(self):
        return f"<DirEntry {self.name!r}>"


def _folder(mounts):
    """The current folder: really there, and called as the program called it."""
    real_chdir, real_fchdir = posix.chdir, posix.fchdir
    real_getcwd, real_stat = posix.getcwd, posix.stat

    def chdir(path):
        place = mounts.locate(path)
        if place is None:
            real_chdir(path)
        else:
            place.need_read()
            if place.children is not None:
                place.fail(errno.EACCES)
            if not stat.S_ISDIR(call(real_stat, place).st_mode):
                place.fail(errno.ENOTDIR)
            # Programs that we start inherit the folder. Where they may not write, they must not
            # stand.
            real_chdir(place.real if place.mount.write else "/")
            mounts.stand_in(place)
            return
        mounts.look_where_we_are()

    def fchdir(fd):
        real_fchdir(fd)
        mounts.look_where_we_are()

    def getcwd():
        return real_getcwd() if mounts.cwd is None else mounts.cwd

    def getcwdb():
        return os.fsencode(getcwd())

    return {"chdir": chdir, "fchdir": fchdir, "getcwd": getcwd, "getcwdb": getcwdb}


def _pairs(mounts):
    """Functions of two paths."""
    originals = {name: getattr(posix, name) for name in ("rename", "replace", "link", "symlink")}

    def mover(original):
        def move(src, dst, *, src_dir_fd=None, dst_dir_fd=None):
            source, target = mounts.locate(src, src_dir_fd), mounts.locate(dst, dst_dir_fd)
            if source is None and target is None:
                return original(src, dst, src_dir_fd=src_dir_fd, dst_dir_fd=dst_dir_fd)
            for place in (source, target):
                if place is not None:
                    place.need_write()
            if source is None or target is None or source.mount.path != target.mount.path:
                raise OSError(
                    errno.EXDEV, os.strerror(errno.EXDEV), os.fspath(src), None, os.fspath(dst)
                )
            if not source.mount.volume:
                return call(original, source, target.real)
            return _copy_and_delete(source, target)

        return move

    def linker(original):
        def link(src, dst, *args, **named):
            if original is originals["link"]:
                source = mounts.locate(src, named.get("src_dir_fd"))
                target = mounts.locate(dst, named.get("dst_dir_fd"))
            else:
                # A symbolic link's target is relative to the folder that it is in.
                source = mounts.locate(os.path.join(os.path.dirname(dst), src))
                target = mounts.locate(dst, named.get("dir_fd"))
            if target is not None:
                target.need_write()
            for place in (target, source):
                if place is not None:
                    place.fail(NOT_SUPPORTED)
            return original(src, dst, *args, **named)

        return link

    return {name: mover(originals[name]) for name in ("rename", "replace")} | {
        name: linker(originals[name]) for name in ("link", "symlink")
    }


def _copy_and_delete(source, target):
    """A volume renames by copying and deleting: a reader may see both, or the old content once
    more.
    """
    import shutil

    if os.path.isdir(source.shown):
        if os.path.lexists(target.shown):
            os.rmdir(target.shown)  # as rename(2): only an empty folder gives way
        shutil.copytree(source.shown, target.shown)
        shutil.rmtree(source.shown)
        return
    if os.path.isdir(target.shown):
        target.fail(errno.EISDIR)
    with open(source.shown, "rb") as old, open(target.shown, "wb") as new:
        shutil.copyfileobj(old, new)
    os.unlink(source.shown)


def _numbers():
    """Functions of open files: those of an upload are watched."""
    pending = uploads.pending
    real_close, real_closerange = posix.close, posix.closerange
    real_ftruncate = posix.ftruncate

    def close(fd):
        upload = pending.get(fd)
        real_close(fd)
        if upload is not None:
            upload.publish()

    def closerange(low, high):
        for fd in [fd for fd in pending if low <= fd < high]:
            close(fd)
        real_closerange(low, high)

    def ftruncate(fd, length):
        upload = pending.get(fd)
        return real_ftruncate(fd, length) if upload is None else upload.truncate(length)

    def appended(function, number=0, offset=None):
        def write(*args, **named):
            upload = pending.get(args[number]) if len(args) > number else None
            if upload is None:
                return function(*args, **named)
            upload.check(args[offset] if offset is not None and len(args) > offset else None)
            return upload.wrote(function(*args, **named))

        return write

    # Where in the arguments the written file's number is, and the offset if there is one.
    watched = {
        "write": (0, None),
        "writev": (0, None),
        "pwrite": (0, 2),
        "pwritev": (0, 2),
        "sendfile": (0, None),
        "copy_file_range": (1, 4),
        "splice": (1, 4),
    }
    return {
        name: appended(getattr(posix, name), *where)
        for name, where in watched.items()
        if hasattr(posix, name)
    } | {"close": close, "closerange": closerange, "ftruncate": ftruncate}
