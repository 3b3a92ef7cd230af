"""Puts the replacements where Python's standard library looks: in `posix`, `os`, `_io`, `io` and
`builtins`.

The import system works on the same names (`_frozen_importlib_external` calls `posix.stat`,
`posix.listdir`, `_io.open_code`), so modules are imported from volumes too, and tracebacks say
/Volumes/….
"""

import os
import posix
import sys

from _workspace import children, files, guards, mounts, paths


def install(policy_file, site_folder, packages, run, leader):
    cover = {
        "WORKSPACE_MOUNTS": policy_file,
        "WORKSPACE_PACKAGES": packages,
        "WORKSPACE_TASK_RUN": run,
        "WORKSPACE_TASK_LEADER": str(leader),
        "PYTHONPATH": site_folder,
    }
    known = mounts.Mounts(policy_file, leader)
    originals = {name: getattr(posix, name) for name in dir(posix)}
    made = files.replacements(known)
    for (module, name), function in made.items():
        _set(module, name, function)
    for name, function in paths.replacements(known).items():
        _set("posix", name, function)
    for name, function in children.replacements(known, cover, originals).items():
        _set("posix", name, function)
    children.watch_subprocess(known, cover, originals)
    _tell_os(originals)
    guards.install(known)
    # A volume is a slow place for caches, and a task may not be allowed to write there at all.
    sys.dont_write_bytecode = True


def _set(module_name, name, function):
    module = sys.modules.get(module_name) or __import__(module_name)
    original = getattr(module, name)
    if not isinstance(function, type):
        function = Replaced(function, original)
    setattr(module, name, function)


def _tell_os(originals):
    """`os` has copied the names of `posix`, and sets that say what they can do."""
    sets = [os.supports_dir_fd, os.supports_fd, os.supports_follow_symlinks]
    if hasattr(os, "supports_effective_ids"):
        sets.append(os.supports_effective_ids)
    for name, original in originals.items():
        replaced = getattr(posix, name)
        if replaced is original or not callable(original):
            continue
        if getattr(os, name, None) is original:
            setattr(os, name, replaced)
        for known in sets:
            if original in known:
                known.add(replaced)


class Replaced:
    """A function that, like a built-in one, does not become a method when it is stored in a class
    (pathlib does so).
    """

    def __init__(self, function, original):
        self._function = function
        self.__wrapped__ = original
        self.__name__ = original.__name__
        self.__qualname__ = getattr(original, "__qualname__", original.__name__)
        self.__module__ = original.__module__
        self.__doc__ = original.__doc__

    def __call__(self, *args, **named):
        try:
            return self._function(*args, **named)
        except OSError as error:
            raise error.with_traceback(None)  # a program's trace is not the place for ours

    def __repr__(self):
        return f"<built-in function {self.__name__}>"

    def __reduce__(self):
        return self.__qualname__
