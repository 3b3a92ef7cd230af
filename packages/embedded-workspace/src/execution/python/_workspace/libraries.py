"""The libraries of a task. Wheels are unpacked; anything from a package index must already be
installed.

Each wheel gets a folder of its own below the task's packages. Every Python process of the task has
all of them on its path (sitecustomize.py), as each sees the environment on the platform.
"""

import importlib.metadata
import os
import re
import zipfile

from _workspace import packages, requirements
from _workspace.requirements import RequirementError, Wanted


class LibraryError(Exception):
    """A library cannot be had."""


def install_lines(lines, folder):
    """Libraries of a task: lines as a requirements file has them."""
    _install(requirements.of_lines, lines, folder)


def install_words(words, folder):
    """Does the work of `%pip install`."""
    _install(requirements.of_words, words, folder)


def _install(read, asked, folder):
    try:
        wanted, constraints = read(asked)
        for each in [each for each in wanted if each.wheel is not None]:
            wanted += _unpack(each, folder)
        for each in (each for each in wanted if each.name is not None):
            requirements.check(each, _installed(each))
        for each in constraints:
            _check_constraint(each)
    except RequirementError as error:
        raise LibraryError(f"Library installation failed for {error}") from None


def _unpack(wanted, folder):
    """Unpacks a wheel (PEP 427) and returns what it requires."""
    path = wanted.wheel
    os.makedirs(folder, exist_ok=True)
    target = os.path.join(folder, f"{len(os.listdir(folder)):04}")
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
            metadata = next(
                (name for name in names if re.fullmatch(r"[^/]+\.dist-info/METADATA", name)), None
            )
            if metadata is None:
                raise RequirementError(f"{path}: it is not a wheel (no METADATA)")
            for name in names:
                _extract(archive, name, target)
            text = archive.read(metadata).decode("utf-8", "replace")
    except (OSError, zipfile.BadZipFile) as error:
        raise RequirementError(f"{path}: {error}") from None
    packages.put_on_path([target], folder)
    importlib.invalidate_caches()
    head = text.split("\n\n")[0]
    needs = re.findall(r"^Requires-Dist:\s*(.+)$", head, re.MULTILINE)
    return [requirements.wanted(need) for need in needs]


def _extract(archive, name, folder):
    parts = name.split("/")
    if name.startswith("/") or ".." in parts:
        raise RequirementError(f"{archive.filename}: it has a file outside of itself, {name}")
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


def _installed(wanted):
    try:
        return importlib.metadata.version(wanted.name)
    except importlib.metadata.PackageNotFoundError:
        raise RequirementError(
            f"{wanted.text}: {wanted.name} is not installed in this workspace's Python, and the "
            "embedded workspace downloads nothing"
        ) from None


def _check_constraint(wanted: Wanted):
    """A constraint binds what is there; it asks for nothing."""
    if wanted.name is None:
        return
    try:
        version = importlib.metadata.version(wanted.name)
    except importlib.metadata.PackageNotFoundError:
        return
    requirements.check(wanted, version)
