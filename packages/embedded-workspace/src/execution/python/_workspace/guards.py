"""Modules whose libraries open files by themselves, past the mounts: they say so instead of "No
such file".
"""

import sys

from _workspace.after_import import after_import

NO_SPARK = (
    "pyspark is not installed in the Python of this workspace. The embedded workspace executes "
    "plain Python; install pyspark for that interpreter to use Spark here."
)


class _Finder:
    """Asked last: nobody else has found the module."""

    @staticmethod
    def find_spec(name, path=None, target=None):
        if name == "pyspark":
            raise ModuleNotFoundError(NO_SPARK, name=name)
        return None


def _refusing(sqlite3, mounts):
    connect = sqlite3.connect

    def checked(database, *args, **named):
        place = mounts.locate(_path_of(database))
        if place is not None and place.is_closed():
            raise sqlite3.OperationalError("unable to open database file")
        if place is not None:
            text = place.shown
            raise sqlite3.OperationalError(
                f"unable to open database file: {text} is on a volume, which has no random writes. "
                "Work on a local file and copy it."
            )
        return connect(database, *args, **named)

    return checked


def _path_of(database):
    """The path that SQLite will open: given as a path, or in a URI."""
    import os
    from urllib.parse import unquote, urlsplit

    text = os.fsdecode(database) if isinstance(database, (str, bytes, os.PathLike)) else ""
    return unquote(urlsplit(text).path) if text.startswith("file:") else text


def install(mounts):
    sys.meta_path.append(_Finder)

    def change(sqlite3):
        sqlite3.connect = _refusing(sqlite3, mounts)

    after_import("sqlite3", change)
