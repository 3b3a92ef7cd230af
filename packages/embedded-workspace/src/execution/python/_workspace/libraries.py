"""The libraries of a task. Wheels are unpacked; anything from a package index must already be
installed.
"""

import importlib.metadata
import os
import re
import sys
import zipfile


class LibraryError(Exception):
    """A library cannot be had."""


def install(libraries, folder):
    """Requirement lines and paths of wheels, in order. The unpacked ones go first on sys.path."""
    lines = [line for library in libraries for line in _lines(library)]
    wheels = [line for line in lines if line.endswith(".whl")]
    if wheels:
        os.makedirs(folder, exist_ok=True)
        sys.path.insert(0, folder)
    needed = [need for wheel in wheels for need in _unpack(wheel, folder)]
    importlib.invalidate_caches() if wheels else None
    for line in [line for line in lines if not line.endswith(".whl")] + needed:
        _check_installed(line)


def _lines(library):
    line = library.strip()
    if not line or line.startswith("#"):
        return []
    if line.startswith("-r") or line.endswith("requirements.txt"):
        path = line.removeprefix("-r").strip()
        try:
            with open(path, encoding="utf-8") as file:
                return [each for content in file for each in _lines(content)]
        except OSError as error:
            raise LibraryError(f"Library installation failed for {path}: {error}") from None
    return [line]


def _unpack(path, folder):
    """Unpacks a wheel (PEP 427) and returns what it requires."""
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
            metadata = next(
                (name for name in names if re.fullmatch(r"[^/]+\.dist-info/METADATA", name)), None
            )
            if metadata is None:
                raise LibraryError(
                    f"Library installation failed for {path}: it is not a wheel (no METADATA)"
                )
            for name in names:
                _extract(archive, name, folder)
            text = archive.read(metadata).decode("utf-8", "replace")
    except (OSError, zipfile.BadZipFile) as error:
        raise LibraryError(f"Library installation failed for {path}: {error}") from None
    head = text.split("\n\n")[0]
    needs = re.findall(r"^Requires-Dist:\s*(.+)$", head, re.MULTILINE)
    # What a marker says (an extra, a platform, a version) cannot be decided without pip; only plain
    # needs are checked.
    return [need for need in needs if ";" not in need]


def _extract(archive, name, folder):
    parts = name.split("/")
    if name.startswith("/") or ".." in parts:
        raise LibraryError(
            f"Library installation failed: the wheel has a file outside of itself, {name}"
        )
    if name.endswith("/"):
        return
    # `x.data/purelib/…` belongs beside the packages; scripts and headers are of no use to a task.
    if parts[0].endswith(".data"):
        if len(parts) < 3 or parts[1] not in ("purelib", "platlib"):
            return
        parts = parts[2:]
    target = os.path.join(folder, *parts)
    os.makedirs(os.path.dirname(target), exist_ok=True)
    with archive.open(name) as source, open(target, "wb") as file:
        while data := source.read(1 << 20):
            file.write(data)


def _check_installed(line):
    found = re.match(
        r"^([A-Za-z0-9][\w.-]*)\s*(?:\[[^\]]*\])?\s*(?:\(?\s*==\s*([\w.!+-]+)\s*\)?)?", line
    )
    if found is None or "/" in line:
        raise LibraryError(
            f"Library installation failed for {line}: the embedded workspace installs "
            "wheels from volumes and workspace folders only"
        )
    name, exact = found.groups()
    try:
        version = importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        raise LibraryError(
            f"Library installation failed for {line}: {name} is not installed in this "
            "workspace's Python, and the embedded workspace downloads nothing"
        ) from None
    if exact is not None and exact != version:
        raise LibraryError(
            f"Library installation failed for {line}: version {version} is installed here"
        )
