"""Holds the artifact's own files to the modules that the policy allows.

A guard against mistakes and surprises, not a wall: Python code that means to get around it can.
What an allowed module imports for itself is its own business.
"""

import builtins
import importlib
import os
import sys
from types import FrameType
from typing import Any

from .artifact_context import ModuleNotAllowedError


def install(allowed_modules: list[str] | None, own_folder: str, code_paths: list[str]) -> None:
    """From now on an import by a file in own_folder is checked. None: everything is allowed."""
    if allowed_modules is None:
        return
    permitted = {
        *sys.stdlib_module_names,
        *sys.builtin_module_names,
        *allowed_modules,
        "signalbox_executor",
        "__main__",
    }
    original_import, original_import_module = builtins.__import__, importlib.import_module

    def checked_import(name: str, *args: Any, **kwargs: Any) -> Any:
        level = args[3] if len(args) > 3 else kwargs.get("level", 0)
        if level == 0:
            check(name, sys._getframe(1))
        return original_import(name, *args, **kwargs)

    def checked_import_module(name: str, package: str | None = None) -> Any:
        if not name.startswith("."):
            check(name, sys._getframe(1))
        return original_import_module(name, package)

    def check(name: str, importer: FrameType | None) -> None:
        top = name.partition(".")[0]
        if top in permitted or not _is_within(importer, own_folder):
            return
        if any(_holds(folder, top) for folder in (own_folder, *code_paths)):
            permitted.add(top)
            return
        extra = ", ".join(allowed_modules) or "no other"
        raise ModuleNotAllowedError(
            f"the policy of this workload does not allow the module {top}: allowed are the "
            "standard library, "
            f"the company codebase and {extra}; add it to allowed_modules of the recipe",
            name=top,
        )

    builtins.__import__ = checked_import
    importlib.import_module = checked_import_module


def _is_within(frame: FrameType | None, folder: str) -> bool:
    # Frames in angle brackets are exec'd text and importlib's own: the file that asked stands above
    # them.
    while frame is not None and frame.f_code.co_filename.startswith("<"):
        frame = frame.f_back
    return frame is not None and frame.f_code.co_filename.startswith(folder + os.sep)


def _holds(folder: str, module: str) -> bool:
    path = os.path.join(folder, module)
    return os.path.isdir(path) or os.path.isfile(f"{path}.py")
