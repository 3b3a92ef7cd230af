"""dbutils, as far as jobs use it: notebook, widgets, secrets, jobs.taskValues, fs."""

import base64
import json
import posixpath

from _workspace.channel import WorkspaceError
from _workspace.context import EntryPoint, NotebookContext
from _workspace.dbutils_fs import FileSystem
from _workspace.widgets import Widgets


class NotebookExit(BaseException):
    """dbutils.notebook.exit: the notebook is over, and well."""

    def __init__(self, value):
        super().__init__(value)
        self.value = value


class DBUtils:
    def __init__(self, channel, spec):
        self.secrets = Secrets(channel)
        self.jobs = Jobs(channel)
        self.widgets = Widgets(spec.get("widgets", {}))
        self.notebook = Notebook(channel, spec)
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
        text = json.dumps(value, allow_nan=False)  # NaN is no JSON, and would be lost on its way
        if len(text.encode()) > self.VALUE_MAX:
            raise ValueError(
                f"the value of task value {key!r} has more than {self.VALUE_MAX} bytes of JSON"
            )
        self._channel.tell("setTaskValue", key=key, json=text)

    def get(self, taskKey, key, default=None, debugValue=None):
        answer = self._channel.ask("taskValue", taskKey=taskKey, key=key)
        if "json" in answer:
            return json.loads(answer["json"])
        if default is None:
            raise ValueError(
                f"the task {taskKey!r} has not set a value {key!r}, and there is no default"
            )
        return default


class Notebook:
    def __init__(self, channel, spec):
        self._channel = channel
        self._spec = spec
        self._context = NotebookContext(channel, spec)

    @property
    def entry_point(self):
        return EntryPoint(self)

    def getContext(self):
        return self._context

    def exit(self, value):
        raise NotebookExit(str(value))

    def find(self, path, caller=None):
        """`{file, notebook_path, language}`; a relative path is one beside the caller.

        @raise WorkspaceError where there is no such notebook
        """
        caller = (caller or self._spec).get("notebook_path", "/")
        absolute = posixpath.normpath(posixpath.join(posixpath.dirname(caller), path))
        return self._channel.ask("notebook", path=absolute)

    def run(self, path, timeout_seconds=0, arguments=None):
        """Runs another notebook in a process of its own, as the platform does in a run of its own.
        Returns its exit value.

        @raise WorkflowException when it fails, or its time is over
        """
        try:
            found = self.find(path)
            given = {str(name): str(value) for name, value in (arguments or {}).items()}
            answer = self._channel.ask(
                "runNotebook",
                path=found["notebook_path"],
                arguments=given,
                timeoutSeconds=max(0, int(timeout_seconds)),
            )
        except WorkspaceError as error:
            raise WorkflowException(str(error)) from None
        return answer["result"]


class WorkflowException(Exception):
    """The error that `dbutils.notebook.run` raises, whatever the other notebook raised."""


class Library:
    def __init__(self):
        self._restart = False

    def restartPython(self):
        """When the cell is over, the notebook goes on as in a new Python: without its names."""
        self._restart = True

    def take_restart(self):
        """Whether somebody has asked for it since the last time."""
        asked, self._restart = self._restart, False
        return asked
