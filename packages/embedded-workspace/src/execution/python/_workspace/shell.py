"""`get_ipython()` of a notebook: line magics, cell magics and commands."""

import ast
import importlib.metadata
import inspect
import os
import re
import shlex
import subprocess
import sys
import time
import timeit

from _workspace.errors import TaskError
from _workspace.libraries import install_words

_NO_OPS = (
    "load_ext reload_ext unload_ext autoreload matplotlib config pylab precision logstart colors "
    "xmode pprint automagic alias_magic"
).split()
_SHOWN_ELSEWHERE = ("html", "javascript", "js", "latex", "markdown", "svg", "HTML", "SVG")


class UsageError(TaskError):
    """IPython's name for a magic that is not there, or is used wrongly."""

    def __init__(self, message):
        super().__init__(message, "RUN_EXECUTION_ERROR")


class Shell:
    def __init__(self, namespace, dbutils, packages, run_cell):
        self.user_ns = namespace
        self._dbutils = dbutils
        self.packages = packages
        self._run_cell = run_cell  # runs the source of a cell in the notebook's names
        self._line = {name[len("_line_") :]: getattr(self, name) for name in _named("_line_")}
        self._cell = {name[len("_cell_") :]: getattr(self, name) for name in _named("_cell_")}
        self._line |= {"env": self._line_set_env, "cls": self._line_clear}
        self._cell |= {"bash": self._cell_sh}

    def run_line_magic(self, name, line, _stack_depth=1):
        if name in _NO_OPS:
            return None
        if name not in self._line:
            raise UsageError(f"The line magic %{name} does not exist in the embedded workspace.")
        return self._line[name](self._expanded(line))

    def run_cell_magic(self, name, line, cell):
        if name in _SHOWN_ELSEWHERE:
            return None
        if name not in self._cell:
            raise UsageError(f"The cell magic %%{name} does not exist in the embedded workspace.")
        return self._cell[name](self._expanded(line), cell)

    def magic(self, text):
        name, _, line = text.lstrip("%").partition(" ")
        return self.run_line_magic(name, line)

    def register_magic_function(self, function, magic_kind="line", magic_name=None):
        kinds = {"line": [self._line], "cell": [self._cell]}
        for known in kinds.get(magic_kind, [self._line, self._cell]):
            known[magic_name or function.__name__] = function

    def system(self, command):
        """The exit code goes to `_exit_code`; a command that fails does not fail the cell."""
        sys.stdout.flush()
        done = subprocess.run(["/bin/bash", "-c", self._expanded(command)], check=False)
        self.user_ns["_exit_code"] = done.returncode

    def run_script(self, script):
        """A %sh cell: its text is the shell's alone. It fails with its script where it says `-e`."""
        sys.stdout.flush()
        strict = re.match(r"-e(?=\s|$)", script)
        body = script if strict is None else script[strict.end() :]
        subprocess.run(["/bin/bash", "-c", body], check=strict is not None)

    def getoutput(self, command, split=True):
        done = subprocess.run(
            ["/bin/bash", "-c", self._expanded(command)],
            check=False,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        return done.stdout.splitlines() if split else done.stdout

    def _expanded(self, line):
        """`{name}` and `$name`, as IPython does: where that fails, the line stays as it is."""
        try:
            return _expand(line, self.user_ns)
        except Exception:  # noqa: BLE001 (whatever an expression can raise)
            return line

    def _line_pip(self, line):
        words = [os.path.expandvars(word) for word in shlex.split(line, comments=True)]
        command = words[0] if words else ""
        if command == "install":
            install_words(words[1:], self.packages)
        elif command in ("list", "freeze"):
            found = {each.metadata["Name"]: each.version for each in _distributions()}
            for name in sorted(filter(None, found), key=str.lower):
                print(f"{name}=={found[name]}")
        else:
            raise UsageError(
                f"%pip {command}: the embedded workspace has install, list and freeze of pip."
            )

    def _line_restart_python(self, _line):
        self._dbutils.library.restartPython()

    def _line_time(self, line):
        begun = time.perf_counter()
        value = self._evaluated(line)
        print(f"Wall time: {(time.perf_counter() - begun) * 1000:.3g} ms")
        return value

    def _evaluated(self, source):
        """The value of an expression; statements have none."""
        try:
            code = compile(source.strip(), "<magic>", "eval", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
        except SyntaxError:
            return self._run_cell(source)
        if code.co_flags & inspect.CO_COROUTINE:
            return self._run_cell(source)
        return eval(code, self.user_ns)

    def _line_timeit(self, line):
        self._measured(line)

    def _cell_timeit(self, line, cell):
        self._measured(line, cell)

    def _measured(self, line, cell=None):
        """`-n` loops, `-r` repetitions; what stands behind them is the statement, or its setup."""
        words, options = line.split(" "), {"-n": 0, "-r": 3}
        while words and (words[0].startswith("-") or not words[0]):
            option = words.pop(0)
            if option[:2] in options:
                options[option[:2]] = int(option[2:] or words.pop(0))
        rest = " ".join(words)
        statement, setup = (rest, "pass") if cell is None else (cell, rest or "pass")
        timer = timeit.Timer(statement, setup, globals=self.user_ns)
        loops = options["-n"] or timer.autorange()[0]
        best = min(timer.repeat(options["-r"], loops)) / loops
        print(f"{best * 1e6:.3g} µs per loop ({loops} loops each)")

    def _line_fs(self, line):
        """`%fs ls /Volumes/…` is `dbutils.fs.ls("/Volumes/…")`."""
        command, *arguments = shlex.split(line) or [""]
        action = None if command.startswith("_") else getattr(self._dbutils.fs, command, None)
        if action is None:
            raise UsageError(f"%fs {command}: dbutils.fs of the embedded workspace has it not.")
        recursive = [True] if "-r" in arguments else []
        value = action(*(each for each in arguments if each != "-r"), *recursive)
        for each in value if isinstance(value, list) else [value]:
            print(each)

    def _line_sh(self, line):
        self.system(line)

    def _line_cd(self, line):
        os.chdir(os.path.expanduser(line.strip() or "~"))
        print(os.getcwd())

    def _line_pwd(self, _line):
        return os.getcwd()

    def _line_ls(self, line):
        self.system(f"ls {line}")

    def _line_set_env(self, line):
        name, value = [*re.split(r"[=\s]+", line.strip(), maxsplit=1), None][:2]
        if value is None:
            return os.environ[name] if name else dict(os.environ)
        os.environ[name] = value
        print(f"env: {name}={value}")
        return None

    def _line_who(self, _line):
        print("   ".join(sorted(name for name in self.user_ns if not name.startswith("_"))))

    def _line_clear(self, _line):
        """Nothing to clear: a job's output is a log."""

    def _line_pinfo(self, name):
        try:
            help(eval(name.strip(), self.user_ns))
        except NameError:
            print(f"Object `{name.strip()}` not found.")

    _line_pinfo2 = _line_pinfo

    def _cell_python(self, _line, cell):
        self._run_cell(cell)

    def _cell_time(self, line, cell):
        begun = time.perf_counter()
        self._run_cell("\n".join(filter(None, [line, cell])))
        print(f"Wall time: {(time.perf_counter() - begun) * 1000:.3g} ms")

    def _cell_capture(self, line, cell):
        import contextlib
        import io

        held = io.StringIO()
        with contextlib.redirect_stdout(held), contextlib.redirect_stderr(held):
            self._run_cell(cell)
        name = line.split()[0] if line.split() else ""
        if name.isidentifier():
            self.user_ns[name] = Captured(held.getvalue())

    def _cell_writefile(self, line, cell):
        words = shlex.split(line)
        mode = "a" if "-a" in words or "--append" in words else "w"
        names = [word for word in words if not word.startswith("-")]
        if len(names) != 1:
            raise UsageError("%%writefile needs the path of one file.")
        with open(os.path.expanduser(names[0]), mode, encoding="utf-8") as file:
            file.write(cell)

    def _cell_sh(self, line, cell):
        sys.stdout.flush()
        words = [word for word in shlex.split(line) if word != "-e"]
        done = subprocess.run(["/bin/bash", "-c", cell, "bash", *words], check=False)
        if done.returncode != 0:
            raise subprocess.CalledProcessError(done.returncode, "bash")


class Captured:
    """The object that `%%capture name` leaves in `name`."""

    def __init__(self, stdout):
        self.stdout = stdout
        self.stderr = ""

    def __str__(self):
        return self.stdout

    def show(self):
        print(self.stdout, end="")


def _named(prefix):
    return [name for name in vars(Shell) if name.startswith(prefix)]


def _distributions():
    return importlib.metadata.distributions()


_DOLLAR = re.compile(r"\$(\$|[^\W\d]\w*(?:\.[^\W\d]\w*)*)")
_BRACES = re.compile(r"\{\{|\}\}|\{([^{}]+)\}")


def _expand(line, names):
    def of_braces(found):
        if found[1] is None:
            return found[0][0]
        expression, _, form = found[1].partition(":")
        return format(eval(expression, names), form)

    def of_dollar(found):
        return "$" if found[1] == "$" else str(eval(found[1], names))

    if "{" not in line and "}" not in line:
        return _each_dollar(line, of_dollar)
    return _each_dollar(_BRACES.sub(of_braces, line), of_dollar)


def _each_dollar(line, of_dollar):
    """A name that is not the notebook's is left to the shell."""

    def replaced(found):
        try:
            return of_dollar(found)
        except Exception:  # noqa: BLE001 (a variable of the shell, not of the notebook)
            return found[0]

    return _DOLLAR.sub(replaced, line)
