"""Processes that a task starts: they see the workspace too.

A Python child gets the same shim. Any other program gets paths that exist: in its arguments,
environment and folder, `/Volumes` becomes a tree of links to the volumes' real folders; of a volume
that the task may not write, it sees a read-only copy, so that nothing it does there reaches the
volume.
"""

import errno
import os
import posix
import re
import sys

from _workspace import snapshots

_PATH = re.compile(r"(?<![\w.~/-])(?<!dbfs:)(?:/dbfs)?/(Volumes|Workspace)(?=[/\s'\";|&<>():,]|$)")
_PYTHON = re.compile(r"python[\d.]*$")
_OPTIONS_WITH_VALUE = ("-W", "-X", "--check-hash-based-pycs")


class Children:
    def __init__(self, mounts, cover, originals):
        self._mounts = mounts
        self._cover = cover  # variables that carry the shim into a child
        self._chdir = originals["chdir"]

    def adapt(self, program, arguments, environment, folder=None):
        """(program, arguments, environment) for the exec of a child that starts in a folder."""
        self._stand()
        arguments = [os.fsdecode(each) for each in arguments]
        if any(self._mounts.names_closed(each) for each in (os.fsdecode(program), *arguments)):
            raise PermissionError(errno.EACCES, "the workspace's own files are closed to tasks")
        environment = os.environ if environment is None else environment
        environment = {os.fsdecode(key): os.fsdecode(environment[key]) for key in environment}
        if _is_python(program):
            arguments = self._with_script(arguments, folder)
        else:
            # Every volume that is named anywhere must be there before the child looks.
            program = self._mapped(program)
            arguments = [self._mapped(each) for each in arguments]
            environment = {key: self._mapped(value) for key, value in environment.items()}
        return program, arguments, self._covered(environment)

    def _stand(self):
        """A child inherits our folder: in a volume that is not ours to write, that is the copy."""
        place = None if self._mounts.cwd is None else self._mounts.locate(".")
        if place is not None and place.mount is not None and not place.mount.write:
            self._chdir(self._mapped(place.shown))

    def folder(self, path):
        """Where a child really starts."""
        place = None if path is None else self._mounts.locate(path)
        if place is None:
            return path
        place.need_read()
        if place.real is None:
            place.fail(errno.EACCES)
        if place.mount.write:
            return place.real
        return self._mapped(place.shown)

    def _covered(self, environment):
        entries = [self._cover["PYTHONPATH"], environment.get("PYTHONPATH", "")]
        return {**environment, **self._cover, "PYTHONPATH": os.pathsep.join(filter(None, entries))}

    def _mapped(self, text):
        return _PATH.sub(lambda found: self._alias(found, text), text)

    def _alias(self, found, text):
        top = f"/{found.group(1)}"
        snapshots.show(self._mounts, f"{top}{text[found.end() :]}")
        return f"{self._mounts.alias}{top}"

    def _with_script(self, arguments, folder):
        """`python /Volumes/…/x.py`: the interpreter opens scripts itself, so ours runs this one."""
        index = 1
        while index < len(arguments):
            option = arguments[index]
            if option in _OPTIONS_WITH_VALUE:
                index += 2
            elif option.startswith(("-c", "-m")) or option == "-" or not option.startswith("-"):
                break
            else:
                index += 1
        if index == len(arguments) or arguments[index].startswith("-"):
            return arguments
        script = arguments[index]
        if folder is not None:
            script = os.path.join(os.fsdecode(folder), script)
        if self._mounts.locate(script) is None:
            return arguments
        runner = os.path.join(os.path.dirname(os.path.abspath(__file__)), "run_script.py")
        return [*arguments[:index], runner, *arguments[index:]]


def _is_python(program):
    name = os.fsdecode(program)
    return bool(_PYTHON.fullmatch(os.path.basename(name))) or name == sys.executable


def replacements(mounts, cover, originals):
    children = Children(mounts, cover, originals)

    def execve(path, argv, env):
        if isinstance(path, int):
            return originals["execve"](path, argv, env)
        return originals["execve"](*children.adapt(os.fsdecode(path), argv, env))

    def execv(path, argv):
        return execve(path, argv, os.environ)

    def spawner(original):
        def spawn(path, argv, env, **named):
            program, arguments, environment = children.adapt(os.fsdecode(path), argv, env)
            return original(program, arguments, environment, **named)

        return spawn

    def system(command):
        """As system(3): through the shell, and its wait status."""
        program, arguments, environment = children.adapt(
            "/bin/sh", ["sh", "-c", os.fsdecode(command)], os.environ
        )
        pid = originals["posix_spawn"](program, arguments, environment)
        return posix.waitpid(pid, 0)[1]

    made = {"execve": execve, "execv": execv, "system": system}
    for name in ("posix_spawn", "posix_spawnp"):
        if name in originals:
            made[name] = spawner(originals[name])
    return made


def watch_subprocess(mounts, cover, originals):
    """subprocess and multiprocessing start processes by `_posixsubprocess.fork_exec`."""
    import _posixsubprocess

    children = Children(mounts, cover, originals)
    original = _posixsubprocess.fork_exec

    def fork_exec(arguments, executables, close_fds, fds_to_keep, folder, environment, *rest):
        pairs = None
        if environment is not None:
            pairs = dict(os.fsdecode(pair).split("=", 1) for pair in environment)
        named = os.fsdecode(executables[0] if len(executables) == 1 else arguments[0])
        first, adapted, covered = children.adapt(named, arguments, pairs, folder)
        if len(executables) == 1:
            executables = (os.fsencode(first),)
        return original(
            adapted,
            executables,
            close_fds,
            fds_to_keep,
            children.folder(folder),
            [os.fsencode(f"{key}={value}") for key, value in covered.items()],
            *rest,
        )

    _posixsubprocess.fork_exec = fork_exec
    if "subprocess" in sys.modules:
        sys.modules["subprocess"]._fork_exec = fork_exec
