"""The notebook's context: where a program is, as whom and in which run. Values come as Scala's Option
and Map do through Py4J.
"""

import json


class NotebookContext:
    def __init__(self, channel, spec):
        self._ask = channel.ask
        self._spec = spec
        self._known = None

    def _facts(self):
        """`{tags, extra}`, asked for once: they do not change while a task runs."""
        if self._known is None:
            self._known = self._ask("context", path=self._spec.get("notebook_path"))
        return self._known

    def apiUrl(self):
        return Option(self._ask("credentials")["host"])

    def apiToken(self):
        return Option(self._ask("credentials")["token"])

    def notebookPath(self):
        """`/Users/…`, without `/Workspace`, in whichever way it was submitted."""
        return Option(self._spec.get("notebook_path"))

    def tags(self):
        return ScalaMap(self._facts()["tags"])

    def extraContext(self):
        return ScalaMap(self._facts()["extra"])

    def currentRunId(self):
        return Option(self._tag("runId"))

    def rootRunId(self):
        return Option(self._tag("rootRunId"))

    def jobGroup(self):
        return Option(self._tag("jobGroup"))

    def userName(self):
        return Option(self._tag("user"))

    def browserHostName(self):
        return Option(self._tag("browserHostName"))

    def workspaceId(self):
        return Option(self._tag("orgId"))

    def clusterId(self):
        return Option(self._tag("clusterId"))

    def notebookId(self):
        return Option(self._tag("notebookId"))

    def _tag(self, name):
        return self._facts()["tags"].get(name)

    def toJson(self):
        facts = self._facts()
        run_id = facts["tags"].get("runId")
        return json.dumps(
            {
                "rootRunId": None,
                "currentRunId": None if run_id is None else {"id": int(run_id)},
                "jobGroup": facts["tags"].get("jobGroup"),
                "tags": facts["tags"],
                "extraContext": facts["extra"],
            }
        )

    def safeToJson(self):
        """The same without what only unshared compute tells: one level, `attributes`."""
        facts = self._facts()
        attributes = {**facts["extra"], **facts["tags"], "currentRunId": facts["tags"].get("runId")}
        return json.dumps({"attributes": attributes})

    def __getattr__(self, name):
        raise NotImplementedError(
            f"{name} of the notebook's context does not exist in the embedded workspace"
        )


class EntryPoint:
    """The way through Py4J: `entry_point.getDbutils().notebook().getContext()`."""

    def __init__(self, notebook):
        self._notebook = notebook

    def getDbutils(self):
        return self

    def notebook(self):
        return self._notebook


class Option:
    def __init__(self, value):
        self._value = value

    def get(self):
        if self._value is None:
            raise LookupError("java.util.NoSuchElementException: None.get")
        return self._value

    def getOrElse(self, default):
        return default if self._value is None else self._value

    def isDefined(self):
        return self._value is not None

    nonEmpty = isDefined

    def isEmpty(self):
        return self._value is None

    def toString(self):
        return "None" if self._value is None else f"Some({self._value})"

    __str__ = __repr__ = toString


class ScalaMap:
    def __init__(self, values):
        self._values = values

    def apply(self, key):
        if key not in self._values:
            raise LookupError(f"java.util.NoSuchElementException: key not found: {key}")
        return self._values[key]

    __getitem__ = apply

    def get(self, key):
        return Option(self._values.get(key))

    def getOrElse(self, key, default):
        return self._values.get(key, default)

    def contains(self, key):
        return key in self._values

    __contains__ = contains

    def toString(self):
        return f"Map({', '.join(f'{key} -> {value}' for key, value in self._values.items())})"

    __str__ = __repr__ = toString
