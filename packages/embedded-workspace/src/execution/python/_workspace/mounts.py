"""Which paths belong to the workspace, where their bytes are on this machine, and what the task may
do there.
"""

import errno
import json
import os
import posix
import stat
from os import fsdecode, strerror
from posixpath import normpath

from _workspace.processes import Processes

READ_ONLY_DIRECTORY = 0o555


class Mount:
    """A volume, or the workspace's files."""

    __slots__ = ("path", "folder", "read", "write", "volume")

    def __init__(self, path, folder, read, write, volume):
        self.path = path
        self.folder = folder
        self.read = read
        self.write = write
        self.volume = volume  # with the manners of FUSE; workspace files have those of a disk


class Place:
    """A path of the workspace: as programs say it, and where it is."""

    __slots__ = ("shown", "real", "mount", "children")

    def __init__(self, shown, real=None, mount=None, children=None):
        self.shown = shown
        self.real = real
        self.mount = mount
        self.children = (
            children  # of a directory above the mounts, such as /Volumes/main; else None
        )

    def is_closed(self):
        """As if it were not there: the workspace's own files, other processes."""
        return self.children is None and self.mount is None

    def fail(self, code):
        raise OSError(code, strerror(code), self.shown)

    def need_read(self):
        if self.children is None:
            if self.mount is None:
                self.fail(errno.ENOENT)
            if not self.mount.read:
                self.fail(errno.EACCES)
        return self

    def need_write(self):
        if self.children is not None:
            self.fail(errno.EACCES)
        if self.mount is None:
            self.fail(errno.ENOENT)
        if not self.mount.write:
            self.fail(errno.EACCES)
        return self


class Mounts:
    """Reads paths. Only the functions of `posix` as they were before they were replaced are used
    here.
    """

    def __init__(self, policy_file, leader):
        self._policy_file = policy_file
        self._processes = Processes(leader)
        self._stat = posix.stat
        self._lstat = posix.lstat
        self._readlink = posix.readlink
        self._getcwd = posix.getcwd
        self._open = posix.open
        self._read = posix.read
        self._close = posix.close
        self._stamp = None
        self._refresh()
        self.look_where_we_are()

    def _refresh(self):
        """Reads the policy again when the workspace has changed it: a new volume, another grant."""
        try:
            found = self._stat(self._policy_file)
        except OSError:
            return  # the task's folder is being removed: what is known stays
        stamp = (found.st_mtime_ns, found.st_ino)
        if stamp != self._stamp:
            self._stamp = stamp
            self._take(json.loads(self._content(found.st_size)))

    def _content(self, size):
        fd = self._open(self._policy_file, os.O_RDONLY | os.O_CLOEXEC)
        try:
            content = b""
            while len(content) < size and (chunk := self._read(fd, size)):
                content += chunk
            return content
        finally:
            self._close(fd)

    def _take(self, policy):
        self.mounts = {
            each["path"]: Mount(
                each["path"], each["folder"], each["read"], each["write"], each["volume"]
            )
            for each in policy["mounts"]
        }
        self.alias = policy["alias"]
        self.staging = policy["staging"]
        self._own = policy["own"]
        self._closed = policy["closed"]
        # Names under which a path of a mount may come: longest first, so that the closest one wins.
        # Files of the mounts' real folders are theirs too, whoever has found out where these are.
        names = [("/Volumes", "/Volumes"), ("/Workspace", "/Workspace")]
        names += [("/dbfs/Volumes", "/Volumes")]
        names += [(f"{self.alias}{top}", top) for top in ("/Volumes", "/Workspace")]
        names += [(mount.folder, mount.path) for mount in self.mounts.values()]
        self._names = sorted(names, key=lambda pair: -len(pair[0]))
        self._starts = (*(name for name, _ in self._names), *self._closed, "/proc/", "/dev/fd/")

    def look_where_we_are(self):
        """After a chdir. `cwd` is ours and as programs say it, or None; `_here` is where we really
        are.
        """
        try:
            self._here = self._getcwd()
        except OSError:
            self._here = "/"
        self.cwd = self.shown(self._here)
        homes = (f"{self._own}/{name}" for name in ("work", "home", "tmp"))
        self._at_home = f"{self._here}/".startswith(tuple(f"{home}/" for home in homes))

    def stand_in(self, place):
        """After a chdir to a place whose real folder is not where we stand."""
        self._here = self.cwd = place.shown
        self._at_home = False

    def shown(self, name):
        """An absolute path as programs say it, or None if it is none of ours."""
        if "//" in name or "/." in name:
            name = normpath(name)
            if name.startswith("//"):
                name = name[1:]
        if not name.startswith(self._starts):
            return None
        if name.startswith(("/proc/", "/dev/")):
            name = normpath(self._processes.followed(name))
        for start, shown in self._names:
            if name == start or name.startswith(start + "/"):
                return (shown + name[len(start) :]).rstrip("/")
        # A closed path answers like a file that is not there.
        return name if self._is_closed(name) else None

    def _is_closed(self, name):
        if name.startswith("/proc/"):
            return self._processes.is_foreign(name)
        if name == self._policy_file:
            return True
        if _within(name, self._own):
            return False
        return any(_within(name, folder) for folder in self._closed)

    def names_closed(self, text):
        """Whether a text, such as a shell's command, speaks of what is closed."""
        if self._policy_file in text:
            return True
        text = text.replace(self._own, "")
        return any(folder in text for folder in self._closed)

    def locate(self, path, dir_fd=None):
        """The place of a path, or None if it is none of ours (or an open file's number)."""
        if isinstance(path, int):
            return None
        name = fsdecode(path)
        if not name:
            return None
        if name[0] != "/":
            if dir_fd is None and self._at_home and ".." not in name:
                return None  # the usual case: a file in the task's own folder
            name = f"{self._here if dir_fd is None else self._folder_of(dir_fd)}/{name}"
        shown = self.shown(name)
        if shown is None:
            return None
        self._refresh()
        return self._place(shown)

    def _folder_of(self, dir_fd):
        try:
            return self._readlink(f"/proc/self/fd/{dir_fd}")
        except OSError:
            return "/"

    def _place(self, shown):
        parts = shown.split("/")[1:]
        if parts[0] not in ("Volumes", "Workspace"):
            return Place(shown)
        depth = 4 if parts[0] == "Volumes" else 1
        # Unity Catalog knows catalogs, schemas and volumes in lower case only.
        head = [parts[0], *(part.lower() for part in parts[1:depth])]
        name = "/" + "/".join(head)
        shown = "/" + "/".join([*head, *parts[depth:]])
        if len(parts) < depth:
            return Place(shown, children=self._children(name))
        mount = self.mounts.get(name)
        if mount is None:
            return Place(shown)
        real = "/".join([mount.folder, *parts[depth:]])
        if self._leaves(mount.folder, parts[depth:]):
            return Place(shown)
        return Place(shown, real, mount)

    def _children(self, name):
        start = name + "/"
        found = {
            mount.path[len(start) :].split("/")[0]
            for mount in self.mounts.values()
            if mount.path.startswith(start) and (mount.read or mount.write)
        }
        if not found and name not in ("/Volumes", "/Workspace"):
            return None
        return sorted(found)

    def _leaves(self, folder, parts):
        """Whether a link lies on the way: a volume has none, and one could lead anywhere."""
        for part in parts:
            folder = f"{folder}/{part}"
            try:
                if stat.S_ISLNK(self._lstat(folder).st_mode):
                    return True
            except OSError:
                return False
        return False


def _within(name, folder):
    return name == folder or name.startswith(folder + "/")
