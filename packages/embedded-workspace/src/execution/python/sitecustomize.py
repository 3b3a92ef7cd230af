"""Runs in each Python process of a task before anything else: shows it /Volumes and /Workspace, and
the libraries of the task.

Found through PYTHONPATH. The program gets its environment back as it was; children get ours again
(children.py).
"""

import os
import sys

_here = os.path.dirname(os.path.abspath(__file__))


def _start():
    policy = os.environ.pop("WORKSPACE_MOUNTS", None)
    folder = os.environ.pop("WORKSPACE_PACKAGES", "")
    run = os.environ.pop("WORKSPACE_TASK_RUN", "")
    leader = int(os.environ.pop("WORKSPACE_TASK_LEADER", os.getpid()))  # the first is the launcher
    entries = os.environ.pop("PYTHONPATH", "").split(os.pathsep)
    rest = [entry for entry in entries if entry and os.path.abspath(entry) != _here]
    if rest:
        os.environ["PYTHONPATH"] = os.pathsep.join(rest)
    if policy is not None:
        from _workspace import install, packages

        install.install(policy, _here, folder, run, leader)
        packages.put_on_path(packages.path_entries(folder), folder)
    sys.path[:] = [entry for entry in sys.path if entry != _here]


def _next_sitecustomize():
    """The environment's own sitecustomize, which ours hides."""
    from importlib.machinery import PathFinder
    from importlib.util import module_from_spec

    spec = PathFinder.find_spec("sitecustomize", sys.path)
    if spec is not None and spec.loader is not None:
        spec.loader.exec_module(module_from_spec(spec))


_start()
_next_sitecustomize()
