"""One attempt: verified files, the artifact's process, and what is to be said about it."""

import os
import shutil
import signal
import tempfile
import traceback
from dataclasses import dataclass
from typing import Any

from .code_folder import local_path, unpack_wheels
from .heartbeat import Heartbeat
from .logs import BoundedLog
from .masking import masking
from .reports import Reports
from .result import failure_of, without_secrets
from .secret_source import SecretError, read_secrets
from .stop_signal import Events, Stopped, StopSignal
from .supervise import End, run_artifact
from .thin_spark import workspace_access
from .volume import FileMismatchError, copy_verified, open_at_once, retried


@dataclass(frozen=True)
class Ending:
    """How the attempt ended."""

    error: dict[str, Any] | None
    """None: success."""
    stopped_by: int | None
    """The signal with which the platform stopped it, if it did."""
    reports: Reports
    produced_artifacts: list[dict[str, Any]]


def run_attempt(
    manifest: dict[str, Any],
    ids: dict[str, str | None],
    stop: StopSignal,
    events: Events,
    stdout: BoundedLog,
    stderr: BoundedLog,
) -> Ending:
    """Never raises: what goes wrong, in the artifact or in here, is the ending's error."""
    reports = Reports(manifest["policy"]["writes"])
    produced: list[dict[str, Any]] = []
    root, stopped_by, when = None, None, "before the artifact was started"
    try:
        # A real path, because the artifact's files are told by the folder that they are in.
        root = os.path.realpath(tempfile.mkdtemp(prefix="signalbox-"))
        plan = {**_prepared(manifest, root, stop), **ids, **_secrets(manifest)}
        work = os.path.join(root, "work")
        seconds = manifest["policy"]["timeout_seconds"]
        with Heartbeat(manifest, ids, reports.progress):
            end = run_artifact(plan, work, seconds, stop, events, reports, stdout, stderr)
        error = _judged(end, stop, reports, seconds)
        if end.how == "stopped":
            stopped_by = stop.signal_number
        else:
            # A process that is told to stop has seconds, not minutes: the result goes first.
            when = "while its artifacts were stored"
            _store_artifacts(plan, stop, reports, produced)
    except Stopped as stopped:
        stopped_by = stopped.signal_number
        error = _terminated(stopped.signal_number, when)
    except SecretError as missing:
        error = failure_of("SecretError", str(missing))
    except FileMismatchError as mismatch:
        error = failure_of("FileMismatch", str(mismatch))
    except Exception as unexpected:
        summary = f"the executor could not go on: {type(unexpected).__name__}: {unexpected}"
        # A refusal of the operating system or of a mount may not meet the next attempt.
        may_pass = isinstance(unexpected, OSError)
        error = failure_of("ExecutorError", summary, traceback.format_exc(), may_pass)
    finally:
        if root is not None:
            shutil.rmtree(root, ignore_errors=True)
    return Ending(error, stopped_by, reports, produced)


def _prepared(manifest: dict[str, Any], root: str, stop: StopSignal) -> dict[str, Any]:
    """Copies the planned files, verified, and says what the artifact's process needs to know."""
    files, outbox, work = (os.path.join(root, name) for name in ("files", "outbox", "work"))
    for folder in (files, outbox, work):
        os.mkdir(folder)
    for file in manifest["files"]:
        target = local_path(files, file["name"])
        retried(
            lambda: copy_verified(file["path"], target, file["sha256"], file["bytes"], stop.check)
        )
    for path in manifest["code_paths"]:
        if not os.path.isdir(path):
            raise FileMismatchError(f"the code path {path} is no folder that the executor can see")
    stop.check()
    paths = {file["name"]: local_path(files, file["name"]) for file in manifest["files"]}
    return {
        **{
            name: manifest[name]
            for name in ("run_id", "workload", "iter_n", "attempt", "parameters", "capsule")
        },
        **{name: manifest[name] for name in ("entry", "code_paths", "scratchpad", "traceparent")},
        "state_path": manifest.get("state_path"),
        "writes": manifest["policy"]["writes"],
        "allowed_modules": manifest["policy"]["allowed_modules"],
        "files": paths,
        "folder": files,
        "wheels": unpack_wheels(paths, os.path.join(root, "wheels"), stop.check),
        "run": manifest.get("run"),
        "outbox": outbox,
    }


def _secrets(manifest: dict[str, Any]) -> dict[str, Any]:
    """The values by their keys and by their variables. From here on this process masks them."""
    wanted = manifest.get("secrets", [])
    values = read_secrets(wanted, manifest.get("run_as", "<its application id>"))
    for value in values.values():
        masking.hide(value)
    named = {each["env"]: each["key"] for each in wanted if "env" in each}
    variables = {name: values[key] for name, key in named.items() if key in values}
    scopes = {each["key"]: each["scope"] for each in wanted}
    access = workspace_access()
    if access is not None:
        masking.hide(access["token"])
    named_values = {"secrets": values, "variables": variables, "scopes": scopes}
    return {**named_values, "access": access}


def _judged(
    end: End, stop: StopSignal, reports: Reports, timeout_seconds: int
) -> dict[str, Any] | None:
    """Success is one case only: it came to its end, without an error, with nothing refused, and
    exited with 0.
    """
    if end.how == "stopped":
        return _terminated(stop.signal_number, "while the artifact ran")
    if end.how == "timed out":
        return failure_of("Timeout", _timeout_sentence(reports, timeout_seconds))
    if reports.end is None:
        return failure_of(
            "Vanished",
            f"the artifact's process {_exit_words(end.code)} before the artifact came to its end",
        )
    if reports.end["error"] is not None:
        return without_secrets({"trace": "", **reports.end["error"]})
    if reports.refused is not None:
        return failure_of("RefusedError", reports.refused)
    if end.code != 0:
        return failure_of(
            "Vanished",
            f"the artifact's process {_exit_words(end.code)} after the artifact came to its end",
        )
    return None


def _terminated(signal_number: int | None, when: str) -> dict[str, Any]:
    return failure_of(
        "Terminated",
        "the platform stopped the executor with "
        f"{_signal_name(signal_number or signal.SIGTERM)} {when}",
    )


def _timeout_sentence(reports: Reports, timeout_seconds: int) -> str:
    sentence = f"the artifact ran longer than its limit of {timeout_seconds} s and was ended"
    if reports.waiting:
        sentence += (
            f"; its main program was over, but not its threads: {', '.join(reports.waiting)}"
        )
    return sentence


def _exit_words(code: int) -> str:
    if code >= 0:
        return f"exited with code {code} (os._exit, or a library's exit)"
    hint = ", perhaps for want of memory" if -code == signal.SIGKILL else ""
    return f"was killed by {_signal_name(-code)}{hint}"


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def _store_artifacts(
    plan: dict[str, Any], stop: StopSignal, reports: Reports, produced: list[dict[str, Any]]
) -> None:
    """Out of the local folder into the scratchpad, each in one pass, as what it was when it was
    reported.
    """
    for name, kept in reports.artifacts.items():
        source = os.path.join(plan["outbox"], name)
        target = f"{plan['scratchpad']}/artifacts/{name}"
        os.makedirs(os.path.dirname(target), exist_ok=True)
        digest, size = kept["sha256"], kept["bytes"]
        retried(lambda: copy_verified(source, target, digest, size, stop.check, open_at_once))
        produced.append({"path": target, **kept})
