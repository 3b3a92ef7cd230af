"""Notebooks: Python source (`# Databricks notebook source`) and .ipynb."""

import ast
import json
import os
import re
import subprocess
import sys
import types

from _workspace.errors import TaskError
from _workspace.libraries import install_words
from _workspace.runtime import globals_of

_HEADER = "# Databricks notebook source"
_CELL = re.compile(r"^# COMMAND -+[ \t]*$", re.MULTILINE)
_MAGIC = re.compile(r"^# MAGIC ?", re.MULTILINE)


def run_notebook(spec, dbutils):
    """Runs the cells in one namespace. `dbutils.notebook.exit` leaves as NotebookExit."""
    path = spec["file"]
    namespace = _namespace(path, dbutils)
    folder = os.path.dirname(path)
    if folder not in sys.path:
        sys.path.insert(0, folder)
    _run_cells(path, namespace)


def _namespace(path, dbutils):
    main = types.ModuleType("__main__")
    vars(main).update(globals_of(dbutils, path))
    vars(main).update(display=_display, displayHTML=_display)
    sys.modules["__main__"] = main
    return vars(main)


def _display(*values, **_):
    for value in values:
        print(value)


def _run_cells(path, namespace):
    for number, cell in enumerate(cells(_read(path)), start=1):
        _run_cell(cell, f"{path}: command {number}", path, namespace)


def _read(path):
    for name in (path, f"{path}.py", f"{path}.ipynb"):
        if os.path.isfile(name):
            with open(name, encoding="utf-8") as file:
                return file.read()
    raise TaskError(f"Notebook not found: {path}", "RESOURCE_NOT_FOUND")


def cells(text):
    """The source of each cell, with a magic first line where it has one."""
    if text.lstrip().startswith("{"):
        found = json.loads(text)["cells"]
        return ["".join(cell["source"]) for cell in found if cell["cell_type"] == "code"]
    if not text.startswith(_HEADER):
        raise TaskError(f"Not a Python notebook: its first line is not `{_HEADER}`.")
    body = text[len(_HEADER) :].lstrip("\n")
    return [_plain(cell.strip("\n")) for cell in _CELL.split(body)]


def _plain(cell):
    lines = [line for line in cell.split("\n") if not line.startswith("# DBTITLE ")]
    return _MAGIC.sub("", "\n".join(lines))


def _run_cell(cell, name, path, namespace):
    stripped = cell.lstrip()
    if not stripped.startswith("%"):
        _execute(cell, name, namespace)
        return
    magic, _, rest = stripped.partition("\n")
    word, _, argument = magic[1:].partition(" ")
    body = "\n".join(filter(None, [argument, rest]))
    _magics().get(word, _unknown(word))(body, name, path, namespace)


def _magics():
    return {
        "md": lambda *_: None,
        "md-sandbox": lambda *_: None,
        "python": lambda body, name, path, namespace: _execute(body, name, namespace),
        "run": _run_other,
        "sh": _run_shell,
        "pip": _pip,
        "sql": _sql,
    }


def _unknown(word):
    def refuse(*_):
        raise TaskError(f"The magic command %{word} does not exist in the embedded workspace.")

    return refuse


def _run_other(body, _name, path, namespace):
    target = body.strip().strip('"')
    if not target.startswith("/"):
        target = os.path.normpath(os.path.join(os.path.dirname(path), target))
    _run_cells(target, namespace)


def _run_shell(body, *_):
    sys.stdout.flush()
    subprocess.run(["/bin/bash", "-c", body], check=False)


def _pip(body, *_):
    words = body.split()
    if not words or words[0] != "install":
        raise NotImplementedError(f"%pip {body}: only %pip install is there")
    folder = os.path.join(os.environ.get("TMPDIR", "/tmp"), "pip")
    install([word for word in words[1:] if not word.startswith("-") or word == "-r"], folder)


def _sql(body, _name, _path, namespace):
    """Needs pyspark: the embedded warehouse answers SQL clients, not notebooks."""
    namespace["_sqldf"] = namespace["spark"].sql(body)
    namespace["_sqldf"].show()


def _execute(source, name, namespace):
    """Runs a cell; as in a notebook, the value of a last expression is shown."""
    tree = ast.parse(source, name)
    last = None
    if tree.body and isinstance(tree.body[-1], ast.Expr):
        last = ast.Expression(tree.body.pop().value)
    _remember(name, source)
    exec(compile(tree, name, "exec"), namespace)
    if last is not None:
        value = eval(compile(last, name, "eval"), namespace)
        if value is not None:
            print(repr(value))


def _remember(name, source):
    """So that tracebacks show the lines of a cell."""
    import linecache

    linecache.cache[name] = (len(source), None, [f"{line}\n" for line in source.split("\n")], name)
