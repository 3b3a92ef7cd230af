"""Runs Python notebooks, cell by cell."""

import ast
import asyncio
import inspect
import linecache
import os
import sys
import types

from _workspace.after_import import after_import
from _workspace.cells import cells_of, run_target
from _workspace.channel import WorkspaceError
from _workspace.errors import TaskError
from _workspace.ipython import to_python
from _workspace.runtime import globals_of
from _workspace.shell import Shell

_RUNS_DEEP_MAX = 50


def run_notebook(spec, dbutils):
    """Runs the cells in one namespace. `dbutils.notebook.exit` leaves as NotebookExit."""
    folder = os.path.dirname(spec["file"])
    if folder not in sys.path:
        sys.path.insert(0, folder)
    os.chdir(folder)
    Runner(spec, dbutils).run(spec)


class Runner:
    """The Python of a notebook and of those that it takes in by %run."""

    def __init__(self, spec, dbutils):
        self._dbutils = dbutils
        main = types.ModuleType("__main__")
        self._names = vars(main)
        self._shell = Shell(self._names, dbutils, spec["packages"], self._run_in_magic)
        self._loop = None
        self._stack = []
        self._modules = set(sys.modules)
        sys.modules["__main__"] = main
        # Programs also ask IPython itself for the shell that they run in.
        after_import(
            "IPython.core.getipython",
            lambda module: setattr(module, "get_ipython", lambda: self._shell),
        )
        self._fill()

    def _fill(self):
        names = globals_of(self._dbutils, None)
        names.update(
            display=_display,
            displayHTML=_display,
            get_ipython=lambda: self._shell,
            getArgument=self._dbutils.widgets.getArgument,
        )
        self._names.update(names)

    def run(self, notebook):
        """`{file, notebook_path, language}` of the workspace."""
        if len(self._stack) == _RUNS_DEEP_MAX:
            raise TaskError(f"%run goes {_RUNS_DEEP_MAX} notebooks deep: do they run each other?")
        self._stack.append(notebook)
        try:
            for cell in cells_of(_read(notebook["file"]), notebook["language"]):
                self._name = f"{notebook['file']}: command {cell.number}"
                self._run_cell(cell)
                self._restart()
        finally:
            self._stack.pop()

    def run_command(self, cell):
        """One cell of no notebook: it has no other to run by %run with a relative path."""
        self._name = f"command {cell.number}"
        self._stack = [{"notebook_path": "/"}]
        self._run_cell(cell)
        self._restart()

    def _run_cell(self, cell):
        match cell.language:
            case "python":
                self._run_source(cell.source)
            case "run":
                self._run_other(cell.source)
            case "sh":
                self._shell.run_script(cell.source)
            case "sql":
                self._run_sql(cell.source)
            case "md" | "md-sandbox" | "skip":
                pass
            case other:
                raise TaskError(
                    f"The magic command %{other} does not exist in the embedded workspace: it "
                    "executes Python."
                )

    def _run_other(self, source):
        try:
            path, arguments = run_target(source)
            found = self._dbutils.notebook.find(path, self._stack[-1])
        except (ValueError, WorkspaceError) as error:
            raise TaskError(str(error), "RESOURCE_NOT_FOUND") from None
        widgets = self._dbutils.widgets
        widgets.give(
            {
                name: widgets.get(value[1:]) if value.startswith("$") else value
                for name, value in arguments.items()
            }
        )
        self.run(found)

    def _run_sql(self, source):
        """Needs pyspark: the embedded warehouse answers SQL clients and SQL notebooks."""
        self._names["_sqldf"] = self._names["spark"].sql(source)
        self._names["_sqldf"].show()

    def _run_in_magic(self, source):
        """Runs the body of `%%time` and its like as a text of its own, so that traces fit."""
        outer, self._name = self._name, f"{self._name}, in a magic"
        try:
            self._run_source(source)
        finally:
            self._name = outer

    def _run_source(self, cell):
        """As in a notebook, the value of a last expression is shown."""
        name, source = self._name, to_python(cell)
        tree = ast.parse(source, name)
        last = None
        if tree.body and isinstance(tree.body[-1], ast.Expr):
            last = ast.Expression(tree.body.pop().value)
        _remember(name, cell if cell.count("\n") == source.rstrip("\n").count("\n") else source)
        self._execute(compile(tree, name, "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT, True))
        if last is None:
            return
        value = self._execute(compile(last, name, "eval", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT, True))
        if value is not None:
            self._names["_"] = value
            print(repr(value))

    def _execute(self, code):
        value = eval(code, self._names)
        if not code.co_flags & inspect.CO_COROUTINE:
            return value
        if self._loop is None:
            self._loop = asyncio.new_event_loop()
        return self._loop.run_until_complete(value)

    def _restart(self):
        """After a cell that called restartPython: all names are gone, and what was imported from
        libraries and files is imported anew.
        """
        if not self._dbutils.library.take_restart():
            return
        self._names.clear()
        self._names.update(__name__="__main__", __doc__=None)
        self._fill()
        for name in set(sys.modules) - self._modules:
            file = getattr(sys.modules[name], "__file__", None) or ""
            if file.startswith(("/Workspace/", "/Volumes/", self._shell.packages + os.sep)):
                del sys.modules[name]


def _display(*values, **_):
    for value in values:
        print(value)


def _read(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


def _remember(name, source):
    """So that tracebacks show the lines of a cell."""
    linecache.cache[name] = (len(source), None, [f"{line}\n" for line in source.split("\n")], name)
