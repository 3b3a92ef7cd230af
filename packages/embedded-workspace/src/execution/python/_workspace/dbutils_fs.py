"""dbutils.fs on volumes, workspace files and local files."""

import os
import shutil
from collections import namedtuple

FileInfo = namedtuple("FileInfo", ["path", "name", "size", "modificationTime"])


class FileSystem:
    def ls(self, path):
        folder = local(path)
        if os.path.isfile(folder):
            return [_info(folder)]
        return [_info(os.path.join(folder, name)) for name in sorted(os.listdir(folder))]

    def head(self, path, maxBytes=65536):
        with open(local(path), "rb") as file:
            return file.read(maxBytes).decode("utf-8", "replace")

    def put(self, path, contents, overwrite=False):
        target = local(path)
        os.makedirs(os.path.dirname(target), exist_ok=True)
        with open(target, "w" if overwrite else "x", encoding="utf-8") as file:
            file.write(contents)
        return True

    def mkdirs(self, path):
        os.makedirs(local(path), exist_ok=True)
        return True

    def cp(self, source, target, recurse=False):
        old, new = local(source), local(target)
        if os.path.isdir(old):
            if not recurse:
                raise IsADirectoryError(f"{source} is a directory: give recurse=True")
            shutil.copytree(old, new, dirs_exist_ok=True)
        else:
            shutil.copyfile(
                old, os.path.join(new, os.path.basename(old)) if os.path.isdir(new) else new
            )
        return True

    def mv(self, source, target, recurse=False):
        self.cp(source, target, recurse)
        return self.rm(source, recurse)

    def rm(self, path, recurse=False):
        target = local(path)
        if not os.path.lexists(target):
            return False
        if os.path.isdir(target):
            shutil.rmtree(target) if recurse else os.rmdir(target)
        else:
            os.unlink(target)
        return True


def local(path):
    """`dbfs:/Volumes/…`, `/Volumes/…`, `file:/tmp/…` as a path that open() takes."""
    text = os.fspath(path)
    for scheme in ("dbfs:", "file:"):
        text = text.removeprefix(scheme)
    text = "/" + text.lstrip("/")
    return text


def _info(path):
    found = os.stat(path)
    folder = os.path.isdir(path)
    name = os.path.basename(path) + ("/" if folder else "")
    return FileInfo(
        f"dbfs:{path}{'/' if folder else ''}",
        name,
        0 if folder else found.st_size,
        int(found.st_mtime * 1000),
    )
