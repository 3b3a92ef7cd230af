"""Runs a source notebook (`# Databricks notebook source`) as the artifact: its Python cells, %run and
%sql, with dbutils as far as a job needs it. What it does not have says so in a sentence.
"""

import json
import math
import os
import re
from typing import Any, NoReturn

FIRST_LINE = "# Databricks notebook source"
_CELL_END = re.compile(r"^# COMMAND -+[ \t]*$", re.MULTILINE)
_MAGIC = re.compile(r"# MAGIC ?")
_DEPTH_MAX = 20
_Namespace = dict[str, Any]


class NotebookError(Exception):
    """The notebook asks for something that there is not here. The sentence says what to do."""


class NotebookExit(BaseException):
    """dbutils.notebook.exit: it is over, and well."""


def is_notebook(source: bytes) -> bool:
    return source.removeprefix(b"\xef\xbb\xbf").startswith(FIRST_LINE.encode())


class Notebook:
    """One notebook, and those that it runs by %run: they share its variables."""

    def __init__(self, context: Any, namespace: _Namespace) -> None:
        self._context, self._namespace = context, namespace
        namespace.update(dbutils=DBUtils(context), display=_display, spark=_LazySpark(context))

    def run(self, path: str) -> None:
        """Runs it to its end or to its exit, whose value becomes the output."""
        try:
            self._run(path, 0)
        except NotebookExit as over:
            take_exit_value(self._context, over.args[0])

    def _run(self, path: str, depth: int) -> None:
        with open(path, encoding="utf-8-sig") as file:
            source = file.read().replace("\r\n", "\n")
        line = 0
        for cell in _CELL_END.split(source):
            self._run_cell(path, cell, line, depth)
            line += cell.count("\n")

    def _run_cell(self, path: str, cell: str, line: int, depth: int) -> None:
        lines = cell.split("\n")
        magic = [_MAGIC.sub("", each, count=1) for each in lines if each.startswith("# MAGIC")]
        text = "\n".join(magic).strip()
        if not text.startswith("%"):
            # Blank lines in front keep the numbers of a traceback those of the file.
            exec(compile("\n" * line + cell, path, "exec", dont_inherit=True), self._namespace)
            return
        name, _, rest = text[1:].partition("\n" if text.startswith("%sql\n") else " ")
        name, rest = name.split("\n")[0].strip(), rest or text.partition("\n")[2]
        self._run_magic(path, name, rest.strip(), depth)

    def _run_magic(self, path: str, name: str, rest: str, depth: int) -> None:
        if name in ("md", "md-sandbox"):
            return
        if name == "run":
            self._run_other(path, rest, depth)
        elif name == "sql":
            self._namespace["_sqldf"] = result = self._namespace["spark"].sql(rest.rstrip(";"))
            _display(result)
        elif name == "python":
            exec(compile(rest, path, "exec", dont_inherit=True), self._namespace)
        elif name in ("pip", "conda"):
            raise NotebookError(
                f"%{name} installs into a notebook's session, which there is not here: name the "
                "packages in the recipe (compute.serverless.dependencies, or libraries)"
            )
        else:
            raise NotebookError(
                f"%{name} is nothing that the executor runs: it has Python cells, %md, %run, %sql "
                "and %python; a notebook_task of the platform has the rest"
            )

    def _run_other(self, path: str, rest: str, depth: int) -> None:
        if depth >= _DEPTH_MAX:
            raise NotebookError(f"%run nests deeper than {_DEPTH_MAX}: does a notebook run itself?")
        named = rest.split("\n")[0].strip().strip("\"'")
        if "$" in named:
            raise NotebookError(f"%run {named}: arguments of %run do not work here, widgets do")
        base = os.path.normpath(os.path.join(os.path.dirname(path), named))
        found = [each for each in (base, f"{base}.py") if os.path.isfile(each)]
        if named.startswith("/") or not found:
            raise NotebookError(
                f"%run {named}: there is no such notebook beside this one; paths are relative, and "
                "what it names must be among the workload's files"
            )
        self._run(found[0], depth + 1)


class _LazySpark:
    """A session costs seconds and is not everywhere: it begins where a notebook first uses it."""

    def __init__(self, context: Any) -> None:
        self._context = context

    def __getattr__(self, name: str) -> Any:
        return getattr(self._context.spark, name)


def take_exit_value(context: Any, value: Any) -> None:
    """The exit value as the output: JSON, or text. Its `metrics`, if they are numbers, are metrics,
    so that a gate can look at them. It says nothing of success: only an exception is a failure.
    """
    text = str(value)
    try:
        parsed = json.loads(text)
    except ValueError:
        parsed = text
    context.output = parsed
    metrics = parsed.get("metrics") if isinstance(parsed, dict) else None
    for name, number in (metrics if isinstance(metrics, dict) else {}).items():
        if isinstance(number, (int, float)) and not isinstance(number, bool):
            if math.isfinite(number):
                context.metric(name, number)


def _display(value: Any = None, *_: Any, **__: Any) -> None:
    show = getattr(value, "show", None)
    show() if callable(show) else print(value)


class DBUtils:
    """notebook, widgets, secrets; the rest is the platform's own, where this process has it."""

    def __init__(self, context: Any) -> None:
        self.notebook = _NotebookUtils()
        self.widgets = _Widgets(context.parameters)
        self.secrets = _Secrets(context)

    def __getattr__(self, name: str) -> Any:
        try:
            from databricks.sdk.runtime import dbutils
        except Exception:
            raise NotebookError(
                f"dbutils.{name} is not there: the executor has dbutils.notebook.exit, widgets and "
                "secrets, and Volumes are plain paths (open('/Volumes/…'))"
            ) from None
        return getattr(dbutils, name)


class _NotebookUtils:
    def exit(self, value: Any = "") -> NoReturn:
        raise NotebookExit(value)

    def run(self, *_: Any, **__: Any) -> NoReturn:
        raise NotebookError(
            "dbutils.notebook.run starts a run of its own, which nobody would watch: use %run, or "
            "tasks of the recipe"
        )


class _Widgets:
    """Values come from the parameters of recipe and ticket, as text; else from the defaults."""

    def __init__(self, parameters: dict[str, Any]) -> None:
        self._given = {name: _text(value) for name, value in parameters.items()}
        self._defaults: dict[str, str] = {}

    def text(self, name: str, defaultValue: str = "", label: str | None = None) -> None:
        self._defaults[name] = str(defaultValue)

    def dropdown(
        self, name: str, defaultValue: str, choices: list[str], label: str | None = None
    ) -> None:
        self._defaults[name] = str(defaultValue)

    combobox = multiselect = dropdown

    def get(self, name: str) -> str:
        if name not in {**self._defaults, **self._given}:
            raise NotebookError(
                f"no widget {name} is defined, and no parameter has this name: there are "
                f"{', '.join({**self._defaults, **self._given}) or 'none'}"
            )
        return {**self._defaults, **self._given}[name]

    def getAll(self) -> dict[str, str]:
        return {**self._defaults, **self._given}

    def remove(self, name: str) -> None:
        self._defaults.pop(name, None)
        self._given.pop(name, None)

    def removeAll(self) -> None:
        self._defaults.clear()
        self._given.clear()


class _Secrets:
    def __init__(self, context: Any) -> None:
        self._context = context

    def get(self, scope: str, key: str) -> str:
        """Only what the recipe names: its values are known, and masked."""
        address = self._context._secret_scopes().get(key)
        if address != scope:
            raise NotebookError(
                f"the secret {key} of the scope {scope} is not among the recipe's secrets: name it "
                f"there ({{ scope: {scope}, key: {key} }}), so that what is printed of it is masked"
            )
        return self._context.secret(key)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)

