"""Files that are being written to a volume: they appear when they are closed, and are written once,
front to back.

So it is behind FUSE on object storage: "direct-append or non-sequential (random) writes" fail with
"Operation not supported" (docs.databricks.com, Volumes: limitations).
"""

import errno
import os
import posix

_open, _close, _lseek = posix.open, posix.close, posix.lseek
_link, _unlink, _rename, _lstat = posix.link, posix.unlink, posix.rename, posix.lstat

pending = {}
"""By file number: uploads that are not closed yet."""

_count = 0


class Upload:
    def __init__(self, place, staging, exclusive, readable, mode):
        global _count
        _count += 1
        self.place = place
        self.exclusive = exclusive
        self.end = 0
        self.failed = False
        self.owner = posix.getpid()
        self.staged = f"{staging}/{self.owner}-{_count}"
        access = os.O_RDWR if readable else os.O_WRONLY
        self.fd = _open(self.staged, access | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
        pending[self.fd] = self

    def check(self, offset=None):
        """Before each write. @raise OSError EOPNOTSUPP unless it continues where the last one
        ended.
        """
        if offset is None:
            offset = _lseek(self.fd, 0, os.SEEK_CUR)
        if offset != self.end:
            self.failed = True
            self.place.fail(errno.EOPNOTSUPP)

    def wrote(self, count):
        self.end += count or 0
        return count

    def truncate(self, size):
        if size != self.end:
            self.failed = True
            self.place.fail(errno.EOPNOTSUPP)

    def publish(self):
        """After the close: the file appears under its name, or, after a failed write, does not."""
        pending.pop(self.fd, None)
        if posix.getpid() != self.owner:
            return  # a fork closes its copy; the file is its parent's
        if self.failed:
            _unlink(self.staged)
            return
        try:
            if self.exclusive:
                _link(self.staged, self.place.real)
                _unlink(self.staged)
            else:
                _rename(self.staged, self.place.real)
        except OSError as error:
            raise OSError(error.errno, error.strerror, self.place.shown) from None


def begin(place, flags, mode, staging):
    """Opens a file of a volume for writing, as os.open does. Returns the upload."""
    place.need_write()
    if flags & os.O_APPEND:
        place.fail(errno.EOPNOTSUPP)
    try:
        found = _lstat(place.real)
    except FileNotFoundError:
        found = None
    except OSError as error:
        place.fail(error.errno)
    if found is None:
        if not flags & os.O_CREAT:
            place.fail(errno.ENOENT)
        _need_parent(place)
    else:
        if flags & os.O_CREAT and flags & os.O_EXCL:
            place.fail(errno.EEXIST)
        if (found.st_mode & 0o170000) == 0o040000:
            place.fail(errno.EISDIR)
        if not flags & os.O_TRUNC:
            place.fail(errno.EOPNOTSUPP)
    readable = (flags & os.O_ACCMODE) == os.O_RDWR
    return Upload(place, staging, bool(flags & os.O_EXCL), readable, mode)


def _need_parent(place):
    parent = place.real.rpartition("/")[0]
    try:
        if (_lstat(parent).st_mode & 0o170000) != 0o040000:
            place.fail(errno.ENOTDIR)
    except FileNotFoundError:
        place.fail(errno.ENOENT)
