"""dbutils, as far as jobs use it: notebook, widgets, secrets, jobs.taskValues, fs."""

import base64
import json

from _workspace.channel import WorkspaceError
from _workspace.dbutils_fs import FileSystem


class NotebookExit(BaseException):
    """dbutils.notebook.exit: the notebook is over, and well."""

    def __init__(self, value):
        super().__init__(value)
        self.value = value


class InputWidgetNotDefined(Exception):
    """The platform's name for a widget that is not there."""


class DBUtils:
    def __init__(self, channel, spec):
        self.secrets = Secrets(channel)
        self.jobs = Jobs(channel)
        self.widgets = Widgets(spec.get("widgets", {}))
        self.notebook = Notebook(self, spec)
        self.fs = FileSystem()
        self.library = Library()
        self.credentials = lambda: channel.ask("credentials")

    def __getattr__(self, name):
        raise NotImplementedError(f"dbutils.{name} does not exist in the embedded workspace")


class Secrets:
    def __init__(self, channel):
        self._channel = channel

    def getBytes(self, scope, key):
        return base64.b64decode(self._channel.ask("secret", scope=scope, key=key))

    def get(self, scope, key):
        return self.getBytes(scope, key).decode("utf-8")

    def list(self, scope):
        return [SecretMetadata(key) for key in self._channel.ask("secretKeys", scope=scope)]

    def listScopes(self):
        return [SecretScope(name) for name in self._channel.ask("secretScopes")]


class SecretMetadata:
    def __init__(self, key):
        self.key = key

    def __repr__(self):
        return f"SecretMetadata(key={self.key!r})"


class SecretScope:
    def __init__(self, name):
        self.name = name

    def getName(self):
        return self.name

    def __repr__(self):
        return f"SecretScope(name={self.name!r})"


class Jobs:
    def __init__(self, channel):
        self.taskValues = TaskValues(channel)


class TaskValues:
    """Small values that tasks of one run hand to each other. The platform allows 48 KiB of JSON for
    each.
    """

    VALUE_MAX = 48 * 1024

    def __init__(self, channel):
        self._channel = channel

    def set(self, key, value):
        text = json.dumps(value)
        if len(text.encode()) > self.VALUE_MAX:
            raise ValueError(
                f"the value of task value {key!r} has more than {self.VALUE_MAX} bytes of JSON"
            )
        self._channel.tell("setTaskValue", key=key, value=value)

    def get(self, taskKey, key, default=None, debugValue=None):
        answer = self._channel.ask("taskValue", taskKey=taskKey, key=key)
        if "value" in answer:
            return answer["value"]
        if default is None:
            raise ValueError(
                f"the task {taskKey!r} has not set a value {key!r}, and there is no default"
            )
        return default


class Widgets:
    def __init__(self, given):
        self._given = given
        self._defined = {}

    def _define(self, name, defaultValue):
        self._defined[name] = defaultValue

    def text(self, name, defaultValue="", label=None):
        self._define(name, defaultValue)

    def dropdown(self, name, defaultValue, choices, label=None):
        self._define(name, defaultValue)

    combobox = dropdown
    multiselect = dropdown

    def get(self, name):
        for values in (self._given, self._defined):
            if name in values:
                return values[name]
        raise InputWidgetNotDefined(f"No input widget named {name} is defined")

    getArgument = get

    def getAll(self):
        return {**self._defined, **self._given}

    def remove(self, name):
        self._defined.pop(name, None)
        self._given.pop(name, None)

    def removeAll(self):
        self._defined.clear()
        self._given.clear()


class Notebook:
    def __init__(self, dbutils, spec):
        self._dbutils = dbutils
        self._spec = spec

    @property
    def entry_point(self):
        """The old way to the context, through Py4J:
        `entry_point.getDbutils().notebook().getContext()`.
        """
        return EntryPoint(self)

    def getContext(self):
        return NotebookContext(self._dbutils, self._spec)

    def exit(self, value):
        raise NotebookExit(str(value))

    def run(self, path, timeout_seconds=0, arguments=None):
        """Runs another notebook in this process, with its own widgets. Returns its exit value."""
        from _workspace.notebook import run_notebook

        inner = {
            **self._spec,
            "file": _beside(self._spec["file"], path),
            "widgets": dict(arguments or {}),
        }
        utils = DBUtils.__new__(DBUtils)
        vars(utils).update(vars(self._dbutils))
        utils.widgets = Widgets(inner["widgets"])
        utils.notebook = Notebook(utils, inner)
        try:
            run_notebook(inner, utils)
        except NotebookExit as exit:
            return exit.value
        return ""


class EntryPoint:
    def __init__(self, notebook):
        self._notebook = notebook

    def getDbutils(self):
        return self

    def notebook(self):
        return self._notebook


class NotebookContext:
    """What programs read from it: where they are, and a token. Values come in boxes, as Scala's
    Option.
    """

    def __init__(self, dbutils, spec):
        self._dbutils = dbutils
        self._spec = spec

    def apiUrl(self):
        return Box(self._dbutils.credentials()["host"])

    def apiToken(self):
        return Box(self._dbutils.credentials()["token"])

    def notebookPath(self):
        return Box(self._spec.get("shown_file"))


class Box:
    def __init__(self, value):
        self._value = value

    def get(self):
        return self._value


def _beside(file, path):
    import os

    return (
        path
        if path.startswith("/")
        else os.path.normpath(os.path.join(os.path.dirname(file), path))
    )


class Library:
    def restartPython(self):
        """Nothing to restart: libraries are there before the task begins."""


__all__ = ["DBUtils", "NotebookExit", "WorkspaceError"]
