"""The planned files as the artifact's own folder: packages in it are importable, and so is what its
wheels hold.
"""

import os
import stat
import zipfile
from collections.abc import Callable

from .volume import FileMismatchError

WHEEL_BYTES_MAX = 512 * 1024 * 1024
WHEEL_FILES_MAX = 20_000


def local_path(folder: str, name: str) -> str:
    """Where a planned file lies; the folders of its name are made."""
    path = os.path.join(folder, *name.split("/"))
    os.makedirs(os.path.dirname(path), exist_ok=True)
    return path


def unpack_wheels(files: dict[str, str], into: str, checkpoint: Callable[[], None]) -> list[str]:
    """Unpacks each planned wheel into a folder of its own, as an installation would, but without
    what it depends on. Returns the folders for sys.path.

    Raises FileMismatchError where one is no pure wheel.
    """
    folders = []
    for name in sorted(files):
        if name.endswith(".whl"):
            folder = os.path.join(into, os.path.basename(name)[:-4])
            _unpack(name, files[name], folder, checkpoint)
            folders.append(folder)
    return folders


def _unpack(name: str, path: str, folder: str, checkpoint: Callable[[], None]) -> None:
    if not name.endswith("-none-any.whl"):
        raise FileMismatchError(
            f"{name} is built for one platform: name such a package in the environment's "
            "dependencies or in libraries, and keep pure ones (-none-any.whl) beside the code"
        )
    try:
        with zipfile.ZipFile(path) as wheel:
            entries = wheel.infolist()
            if sum(each.file_size for each in entries) > WHEEL_BYTES_MAX:
                raise FileMismatchError(f"{name} has more than {WHEEL_BYTES_MAX:,} bytes unpacked")
            if len(entries) > WHEEL_FILES_MAX:
                raise FileMismatchError(f"{name} has more than {WHEEL_FILES_MAX:,} files")
            for entry in entries:
                checkpoint()
                if stat.S_ISLNK(entry.external_attr >> 16):
                    raise FileMismatchError(f"{name} holds a link, {entry.filename}")
                wheel.extract(entry, folder)  # which takes .. and leading slashes away
    except (zipfile.BadZipFile, NotImplementedError, EOFError) as error:
        raise FileMismatchError(f"{name} is no wheel that can be read: {error}") from error
    # The two places that a wheel keeps beside its packages, and an installation merges.
    for data in [each for each in os.listdir(folder) if each.endswith(".data")]:
        for kind in ("purelib", "platlib"):
            _merge(os.path.join(folder, data, kind), folder)


def _merge(source: str, target: str) -> None:
    for parent, _, names in os.walk(source):
        below = os.path.join(target, os.path.relpath(parent, source))
        os.makedirs(below, exist_ok=True)
        for name in names:
            os.replace(os.path.join(parent, name), os.path.join(below, name))
