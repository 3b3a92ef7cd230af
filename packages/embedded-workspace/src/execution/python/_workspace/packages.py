"""Where the wheels of a task lie, and where they stand on the path of its Python processes."""

import os
import sys

_SITES = ("site-packages", "dist-packages")


def path_entries(folder):
    """The unpacked wheels, newest first."""
    try:
        names = sorted(os.listdir(folder), reverse=True)
    except OSError:
        return []  # no library was installed
    return [os.path.join(folder, name) for name in names]


def put_on_path(entries, folder):
    """Before what is installed already, behind the standard library."""
    known = [at for at, entry in enumerate(sys.path) if _is_installed(entry, folder)]
    at = known[0] if known else len(sys.path)
    sys.path[at:at] = [entry for entry in entries if entry not in sys.path]


def _is_installed(entry, folder):
    return os.path.basename(entry) in _SITES or os.path.dirname(entry) == folder
