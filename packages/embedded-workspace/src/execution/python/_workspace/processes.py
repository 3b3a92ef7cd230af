"""Which entries of /proc are a task's own: itself and what it has begun, also where that has left
its parent.
"""

import posix
import re
from os import O_CLOEXEC, O_RDONLY

_open, _read, _close, _readlink = posix.open, posix.read, posix.close, posix.readlink
_LINK = re.compile(r"/proc/(?:self|thread-self|\d+)(?:/task/\d+)?/(?:(?:root|cwd)(?=/|$)|fd/\d+(?=/))")
_LINKS_MAX = 16
_DEPTH_MAX = 256


class Processes:
    def __init__(self, leader):
        self._leader = leader  # the launcher: everything of this attempt descends from it

    def followed(self, name):
        """A path without the links to folders that /proc has, as far as they are the task's own: what
        is behind them has a name of its own.
        """
        if name.startswith("/dev/fd/"):
            name = f"/proc/self/fd/{name[8:]}"
        for _ in range(_LINKS_MAX):
            link = _LINK.match(name)
            if link is None or self.is_foreign(name):
                return name
            try:
                target = _readlink(link.group())
            except OSError:
                return name
            name = f"{target.rstrip('/')}{name[link.end() :]}" or "/"
        return name

    def is_foreign(self, name):
        """Whether it is of a process that is neither this one nor begun by this attempt. Whoever
        began this one is foreign too.
        """
        entry = name.split("/")[2]
        if not entry.isdecimal():
            return False
        group, parent = _family(entry)
        if group is None or group == posix.getpid():
            return False  # gone (then the real function says so), or ours
        return not self._descends(group, parent) or group in self._above()

    def _descends(self, pid, parent):
        for _ in range(_DEPTH_MAX):
            if parent == self._leader:
                return True
            if parent is None or parent <= 1:
                return False
            pid, parent = _family(parent)
        return False

    def _above(self):
        found = set()
        parent = posix.getppid()
        while parent is not None and parent > 1 and len(found) < _DEPTH_MAX:
            found.add(parent)
            if parent == self._leader:
                break
            _, parent = _family(parent)
        return found


def _family(pid):
    """(process, parent) of a process or a thread; (None, None) if there is none."""
    try:
        fd = _open(f"/proc/{pid}/status", O_RDONLY | O_CLOEXEC)
    except OSError:
        return None, None
    try:
        content = _read(fd, 4096)
    except OSError:
        return None, None
    finally:
        _close(fd)
    found = dict(re.findall(rb"^(Tgid|PPid):\s*(\d+)", content, re.MULTILINE))
    return (int(found[b"Tgid"]), int(found[b"PPid"])) if len(found) == 2 else (None, None)
