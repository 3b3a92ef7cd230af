"""Modules whose libraries open files by themselves, past the mounts: they say so instead of "No
such file".
"""

import sys

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


class _SqliteFinder:
    """Asked first: wraps sqlite3.connect once the module is there."""

    def __init__(self, mounts):
        self._mounts = mounts

    def find_spec(self, name, path=None, target=None):
        if name != "sqlite3":
            return None
        from importlib.machinery import PathFinder

        spec = PathFinder.find_spec(name, path)
        if spec is None or spec.loader is None:
            return None
        execute = spec.loader.exec_module

        def exec_module(module):
            execute(module)
            module.connect = _refusing(module, self._mounts)

        spec.loader.exec_module = exec_module
        return spec


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
    """What SQLite will open: a path, or a URI with one."""
    import os
    from urllib.parse import unquote, urlsplit

    text = os.fsdecode(database) if isinstance(database, (str, bytes, os.PathLike)) else ""
    return unquote(urlsplit(text).path) if text.startswith("file:") else text


def install(mounts):
    sys.meta_path.append(_Finder)
    sys.meta_path.insert(0, _SqliteFinder(mounts))
