"""The artifact's view of the executor: `from signalbox_executor import context`."""

import hashlib
import math
import os
import re
import sys
import unicodedata
from collections.abc import Callable, Collection, Iterator
from typing import Any, NoReturn

from .json_value import NotJsonError, capsule_of, output_of
from .limits import (
    ARTIFACT_NAME_CHARS_MAX,
    ARTIFACTS_MAX,
    METRIC_FAILURE_CHARS_MAX,
    SUMMARY_CHARS_MAX,
    TABLES_MAX,
)
from .measures import Measured, MeasureError, check_name, check_samples
from .redact import redacted_and_cut
from .text import clean, head
from .thin_spark import spark_session

Send = Callable[[dict[str, Any]], None]


class TransientError(Exception):
    """Raised by an artifact that failed for a reason that may pass: the attempt may be repeated."""


class RefusedError(ValueError):
    """The artifact reported something beyond a limit or its policy. The attempt fails, also if this
    is caught.
    """


class ModuleNotAllowedError(ImportError):
    """The policy does not allow the artifact to import this module."""


class Context:
    """The artifact's parameters and capsule, and all that it reports. One instance,
    `signalbox_executor.context`.
    """

    TransientError = TransientError

    def __init__(self) -> None:
        self._plan: dict[str, Any] | None = None
        self._capsule: Any = {}
        self._output: Any = None
        self._summary = ""
        self._finished: str | None = None
        self._measures = Measured()  # which names there are, not their values
        self._tables: set[str] = set()
        self._artifacts: dict[str, str] = {}
        self._session: Any = None

    def _begin(self, plan: dict[str, Any], send: Send) -> None:
        """The executor brings the context to life before it runs the artifact."""
        self._plan, self._send, self._capsule = plan, send, plan["capsule"]

    @property
    def run_id(self) -> str:
        return self._planned("run_id")

    @property
    def workload(self) -> str:
        return self._planned("workload")

    @property
    def iteration(self) -> int:
        """From 1. Each iteration starts from the capsule that the one before it left."""
        return self._planned("iter_n")

    @property
    def attempt(self) -> int:
        """From 1, and never reused within a run."""
        return self._planned("attempt")

    @property
    def databricks_run_id(self) -> str | None:
        """The id of this run in Databricks; None where the platform did not say it."""
        return self._planned("databricks_run_id")

    @property
    def task_run_id(self) -> str | None:
        """The id of this task's run in Databricks."""
        return self._planned("task_run_id")

    @property
    def job_id(self) -> str | None:
        """The id of the job in Databricks. A submitted run has a job of its own."""
        return self._planned("job_id")

    @property
    def state_path(self) -> str:
        """A folder of this run, in a Volume: what an attempt left there, the next one finds. No
        append, no seek and no rename there; a file is written whole. Other code of the same
        principal may write it, too.
        """
        path = self._planned("state_path")
        if path is None:
            raise RuntimeError("this attempt was planned before runs had a folder of their own")
        os.makedirs(path, exist_ok=True)
        return path

    def secret(self, key: str) -> str:
        """A secret that the recipe names under `secrets`, by its key. What is printed of it is
        masked; what is written to files is not.
        """
        secrets: dict[str, str] = self._planned("secrets")
        if key not in secrets:
            raise KeyError(
                f"{_shown(key)} is no secret of this attempt; there are "
                f"{', '.join(secrets) or 'none'}: name it under secrets in the recipe. One with "
                "required: false may be missing: ask `key in context.secrets`"
            )
        return secrets[key]

    @property
    def secrets(self) -> tuple[str, ...]:
        """The keys of the secrets that this attempt was given."""
        return tuple(self._planned("secrets"))

    def _secret_scopes(self) -> dict[str, str]:
        return self._planned("scopes")

    def progress(self, fraction: float | None, text: str = "") -> None:
        """How far it is, from 0 to 1 (None: nobody knows), and a line for people. It decides
        nothing, and the last one counts.
        """
        if fraction is not None and not 0 <= fraction <= 1:
            raise ValueError(f"a fraction must be a number from 0 to 1, not {_shown(fraction)}")
        line = head(str(text), 4 * SUMMARY_CHARS_MAX)
        number = None if fraction is None else float(fraction)
        self._tell({"report": "progress", "fraction": number, "text": line})

    @property
    def spark(self) -> Any:
        """A Spark session: the platform's, or where there is no pyspark a thin client of the
        workspace's SQL, which says what it lacks.
        """
        if self._session is None:
            self._session = spark_session(self._planned("access"), self.table)
        return self._session

    @property
    def traceparent(self) -> str:
        """W3C trace context; also in the environment variable TRACEPARENT."""
        return self._planned("traceparent")

    @property
    def parameters(self) -> dict[str, Any]:
        """The recipe's parameters, with the ticket's over them."""
        return self._planned("parameters")

    @property
    def capsule(self) -> dict[str, Any]:
        """The run's small state. What it holds when the artifact ends is what the next iteration
        starts from.
        """
        self._planned("capsule")
        return self._capsule

    @capsule.setter
    def capsule(self, value: dict[str, Any]) -> None:
        self._planned("capsule")
        self._capsule = value

    @property
    def files(self) -> dict[str, str]:
        """Local paths of the planned files, verified, by their names."""
        return self._planned("files")

    def file(self, name: str) -> str:
        """The local path of a planned file."""
        if name not in self.files:
            raise KeyError(
                f"{name} is no planned file of this attempt; there are {', '.join(self.files)}"
            )
        return self.files[name]

    def metric(
        self, name: str, value: Any, *, samples: int | None = None, of: str | None = None
    ) -> None:
        """Reports a finite number under a name; the last word on a name counts.

        samples: on how many rows, questions … it was measured; the gate may ask for that.
        of: it is not this attempt's, but what a baseline (such as "production") scored beside it.
        """
        self._measured(name, of)
        number = self._number(name, value)
        if samples is not None:
            self._checked(check_samples, name, samples)
        more = {"samples": samples, "of": of}
        self._tell({"report": "metric", "name": name, "value": number, **more})

    def metric_failed(self, name: str, why: Any, *, of: str | None = None) -> None:
        """The metric could not be measured, as its judge failed: that is no score, and a gate that
        asks for it refuses. The attempt itself goes on.
        """
        self._measured(name, of)
        sentence = redacted_and_cut(str(why), METRIC_FAILURE_CHARS_MAX, head)
        self._tell({"report": "metric_failed", "name": name, "why": sentence, "of": of})

    def no_baseline(self, name: str) -> None:
        """There is nothing yet to be better than, under this baseline's name: a gate asks for the
        condition's `value` alone, and refuses where it has none.
        """
        self._checked(self._measures.no_baseline, name)
        self._tell({"report": "no_baseline", "name": name})

    def _measured(self, name: Any, of: Any) -> None:
        self._checked(check_name, name)
        self._checked(lambda: self._measures.of(of).put(name, 0, None))

    def _checked(self, check: Callable[..., None], *values: Any) -> None:
        try:
            check(*values)
        except MeasureError as error:
            self._refuse(str(error))

    def table(self, name: str) -> None:
        """Reports a table as written. It must be one of the recipe's `writes`."""
        writes: list[str] = self._planned("writes")
        if name not in writes:
            permitted = ", ".join(writes) or "none"
            self._refuse(
                f"table {_shown(name)} is not among the tables that this workload may write: "
                f"{permitted}"
            )
        if name not in self._tables and len(self._tables) >= TABLES_MAX:
            self._refuse(
                f"table {name} is one too many: an attempt reports at most {TABLES_MAX} tables"
            )
        self._tables.add(name)
        self._tell({"report": "table", "name": name})

    def artifact(self, source: Any, name: str | None = None) -> str:
        """Keeps a file (its path) or bytes in the attempt's scratchpad, under a name made safe.
        Returns where it will be.

        The content is taken now. The same name (or, without one, the same path) again replaces
        what was kept under it.
        """
        outbox = self._planned("outbox")
        given = name if name is not None else _path_of(source)
        if not isinstance(given, str):
            self._refuse(
                "an artifact out of bytes needs a name: context.artifact(data, 'report.csv')"
            )
        wanted = given if name is not None else os.path.basename(given)
        if given not in self._artifacts and len(self._artifacts) >= ARTIFACTS_MAX:
            self._refuse(
                f"artifact {given} is one too many: an attempt keeps at most {ARTIFACTS_MAX} "
                "artifacts"
            )
        stored = self._artifacts.get(given) or _unused(safe_name(wanted), self._artifacts.values())
        sha256, size = self._keep(source, os.path.join(outbox, stored))
        self._artifacts[given] = stored
        self._tell({"report": "artifact", "name": stored, "sha256": sha256, "bytes": size})
        return f"{self._planned('scratchpad')}/artifacts/{stored}"

    def summary(self, text: str) -> None:
        """A few sentences for people. What is longer than the limit is cut."""
        self._planned("run_id")
        self._summary = _bounded("summary", text)

    def finish(self, reason: str) -> None:
        """No further iteration is needed, and why. The artifact itself runs on to its end."""
        self._planned("run_id")
        if not str(reason).strip():
            self._refuse("context.finish needs a reason: context.finish('converged')")
        self._finished = _bounded("reason to finish", reason)

    @property
    def output(self) -> Callable[[Any], None]:
        """The result's output, any JSON: `context.output = value`, or `context.output(value)`."""
        return self._set_output

    @output.setter
    def output(self, value: Any) -> None:
        self._set_output(value)

    def _set_output(self, value: Any) -> None:
        self._planned("run_id")
        self._output = value

    def _planned(self, name: str) -> Any:
        if self._plan is None:
            raise RuntimeError(
                "context is there only while the executor runs the artifact: "
                "submit it as a workload, or run `python -m signalbox_executor <manifest.json>`"
            )
        return self._plan[name]

    def _tell(self, report: dict[str, Any]) -> None:
        self._planned("run_id")
        self._send(report)

    def _refuse(self, sentence: str) -> NoReturn:
        """Tells the executor as well: what was refused fails the attempt, whoever catches the
        exception.
        """
        self._tell({"report": "refused", "summary": clean(sentence)})
        raise RefusedError(sentence)

    def _number(self, name: str, value: Any) -> float:
        try:
            if isinstance(value, (bool, str, bytes, bytearray)):
                raise TypeError("not a number")
            number = float(value)
        except (TypeError, ValueError, OverflowError):
            self._refuse(
                f"metric {name} is {_shown(value)} ({type(value).__name__}): a metric must be "
                "a number"
            )
        if not math.isfinite(number):
            self._refuse(f"metric {name} is {number}: a metric must be a finite number")
        return number

    def _keep(self, source: Any, target: str) -> tuple[str, int]:
        digest, size = hashlib.sha256(), 0
        partial = f"{target}.partial"
        with open(partial, "wb") as kept:
            for chunk in _chunks(source):
                digest.update(chunk)
                size += len(chunk)
                kept.write(chunk)
        os.replace(partial, target)  # in a local folder, never in a Volume
        return digest.hexdigest(), size


def safe_name(given: str) -> str:
    """A plain file name out of any text: letters, digits, dot, dash and underscore, and no dot or
    dash in front.
    """
    ascii_text = unicodedata.normalize("NFKD", given).encode("ascii", "ignore").decode("ascii")
    name = re.sub(r"[^A-Za-z0-9._-]+", "_", ascii_text).lstrip(".-") or "artifact"
    stem, extension = os.path.splitext(name)
    extension = extension[:20]
    return stem[: ARTIFACT_NAME_CHARS_MAX - len(extension)] + extension


def _unused(name: str, taken: Collection[str]) -> str:
    """Two names that become the same when they are made safe are still two artifacts."""
    stem, extension = os.path.splitext(name)
    number = 1
    while name in taken:
        number += 1
        mark = f"-{number}{extension}"
        name = stem[: ARTIFACT_NAME_CHARS_MAX - len(mark)] + mark
    return name


def _path_of(source: Any) -> str | None:
    if isinstance(source, (bytes, bytearray, memoryview)):
        return None
    return os.path.abspath(os.fsdecode(source))


def _chunks(source: Any) -> Iterator[bytes]:
    if isinstance(source, (bytes, bytearray, memoryview)):
        yield bytes(source)
        return
    if not os.path.isfile(source):
        what = "is a folder: pack it into one file first" if os.path.isdir(source) else "is no file"
        raise FileNotFoundError(f"artifact {os.fspath(source)} {what}")
    with open(source, "rb") as file:
        while chunk := file.read(1024 * 1024):
            yield chunk


def _bounded(what: str, text: Any) -> str:
    if len(str(text)) > SUMMARY_CHARS_MAX:
        print(f"signalbox: the {what} was cut to {SUMMARY_CHARS_MAX} characters", file=sys.stderr)
    return head(str(text), SUMMARY_CHARS_MAX)


def _shown(value: Any) -> str:
    return head(repr(value), 100)


def closing_report(context: Context) -> dict[str, Any]:
    """Everything that the context holds at the end, checked. Raises RefusedError with the sentence
    that says what is too much.
    """
    try:
        capsule, output = capsule_of(context._capsule), output_of(context._output)
    except NotJsonError as error:
        raise RefusedError(str(error)) from None
    return {
        "capsule": capsule,
        "output": output,
        "summary": context._summary,
        "finished": context._finished,
    }
