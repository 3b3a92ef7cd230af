"""The executor: one manifest in, one result out.

Exit codes: 0 the result says SUCCESS; 1 the result says FAILED; 2 there is no manifest that can be
run; 3 result.json could not be written; 4 this attempt has a result already; 128 + n the platform
stopped it with signal n.
"""

import os
import queue
import sys
import time
import traceback
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from typing import Any

from . import volume
from .attempt import Ending, run_attempt
from .limits import LOG_TAIL_CHARS_MAX
from .logs import BoundedLog, forwarder
from .manifest import ManifestError, ManifestFile, identity_of, parse_manifest, read_manifest_file
from .result import Clock, encoded, failed, failure_of, iso
from .stop_signal import Events, StopSignal

EXIT_FAILED, EXIT_MANIFEST, EXIT_NOT_WRITTEN, EXIT_RESULT_EXISTS = 1, 2, 3, 4


@dataclass(frozen=True)
class Exit:
    """With which code the executor exits, and the sentence that says why."""

    code: int
    sentence: str


class AttemptFailed(SystemExit):
    """Exits with the code; where a platform shows the exception, it shows the sentence and not a
    bare number.
    """

    def __init__(self, exit: Exit) -> None:
        super().__init__(exit.code)
        self._sentence = exit.sentence

    def __str__(self) -> str:
        return self._sentence


def run_and_exit() -> None:
    """For a command line: exits non-zero unless the result says SUCCESS."""
    exit = main(sys.argv[1:])
    if exit.code != 0:
        raise AttemptFailed(exit)
    # No sys.exit(0): where a notebook's process runs this text, any SystemExit may count as a
    # failure.


def main(arguments: list[str]) -> Exit:
    """Runs the attempt of one manifest."""
    clock = Clock(datetime.now(timezone.utc), time.monotonic())
    if len(arguments) != 1:
        return _say(
            EXIT_MANIFEST,
            f"one parameter is needed, the manifest's path; there are {len(arguments)}",
        )
    events: Events = queue.SimpleQueue()
    with StopSignal(events) as stop:
        try:
            file = read_manifest_file(arguments[0])
        except ManifestError as error:
            return _say(EXIT_MANIFEST, str(error))
        try:
            manifest = parse_manifest(file)
        except ManifestError as error:
            return _refuse_manifest(file, error, clock)
        return _run(manifest, file, clock, stop, events)


def _run(
    manifest: dict[str, Any], file: ManifestFile, clock: Clock, stop: StopSignal, events: Events
) -> Exit:
    path = _result_path(manifest)
    try:
        if volume.exists(path):
            return _say(
                EXIT_RESULT_EXISTS,
                f"{path} exists already: this attempt has been run, and is not run twice",
            )
        # Now and not at the end: where no result can be written, nothing should be run for hours.
        os.makedirs(manifest["scratchpad"], exist_ok=True)
    except OSError as error:
        return _say(EXIT_NOT_WRITTEN, f"the scratchpad cannot be used, so nothing was run: {error}")
    stdout, stderr = BoundedLog(forwarder(sys.stdout)), BoundedLog(forwarder(sys.stderr))
    ending = run_attempt(manifest, stop, events, stdout, stderr)
    exit = _conclude(manifest, file, clock, ending, {"stdout": stdout, "stderr": stderr})
    stdout.forward_rest()
    stderr.forward_rest()
    if exit.code == EXIT_FAILED and ending.stopped_by is not None:
        return replace(exit, code=128 + ending.stopped_by)
    return exit


def _conclude(
    manifest: dict[str, Any],
    file: ManifestFile,
    clock: Clock,
    ending: Ending,
    logs: dict[str, BoundedLog],
) -> Exit:
    reports, end = ending.reports, ending.reports.end or {}
    result = {
        **_identity(manifest, file, clock),
        "status": "SUCCESS",
        "error": None,
        "metrics": reports.metrics,
        "produced_artifacts": ending.produced_artifacts,
        "produced_tables": reports.tables,
        "output": end.get("output"),
        "summary": end.get("summary", ""),
        "capsule": end.get("capsule"),
        "finished": end.get("finished"),
        "logs": _stored_logs(manifest["scratchpad"], logs),
    }
    if ending.error is not None:
        result = failed(result, ending.error, manifest["capsule"])
    return _write(result, _result_path(manifest), manifest["capsule"])


def _refuse_manifest(file: ManifestFile, error: ManifestError, clock: Clock) -> Exit:
    """Says so in a result as well, where the manifest tells whose it is and where it goes."""
    identity = identity_of(file)
    if identity is not None:
        nothing: dict[str, Any] = {
            "metrics": {},
            "produced_artifacts": [],
            "produced_tables": [],
            "output": None,
            "summary": "",
        }
        logs = {"stdout": None, "stderr": None, "stdout_tail": "", "stderr_tail": ""}
        result = {**_identity(identity, file, clock), **nothing, "logs": logs}
        result = failed(result, failure_of("ManifestError", str(error)), identity["capsule"])
        _write(result, _result_path(identity), identity["capsule"])
    return _say(EXIT_MANIFEST, str(error))


def _identity(manifest: dict[str, Any], file: ManifestFile, clock: Clock) -> dict[str, Any]:
    return {
        "v": 1,
        **{name: manifest[name] for name in ("run_id", "iter_n", "attempt", "traceparent")},
        "manifest_sha256": file.sha256,
        "started_at": iso(clock.started_at),
        "ended_at": iso(datetime.now(timezone.utc)),
        "duration_seconds": round(time.monotonic() - clock.started, 3),
    }


def _stored_logs(scratchpad: str, logs: dict[str, BoundedLog]) -> dict[str, Any]:
    stored: dict[str, Any] = {}
    for name, log in logs.items():
        path = f"{scratchpad}/{name}.log"
        try:
            volume.write_file(path, log.freeze())
            stored[name] = path
        except OSError as error:
            _say(
                EXIT_NOT_WRITTEN, f"{path} could not be written, its tail is in the result: {error}"
            )
            stored[name] = None
        stored[f"{name}_tail"] = log.tail_text(LOG_TAIL_CHARS_MAX)
    return stored


def _write(result: dict[str, Any], path: str, capsule: dict[str, Any]) -> Exit:
    """Exit 0 is for one case: a result that says SUCCESS lies where it belongs, and reads back as
    it was written.
    """
    try:
        content, said = encoded(result, capsule)
        volume.write_result(path, content)
    except volume.ResultExistsError:
        return _say(
            EXIT_RESULT_EXISTS,
            f"{path} was written by somebody else while this attempt ran, and a result is "
            "written once: the attempt fails",
        )
    except Exception as error:
        traceback.print_exc()
        return _say(
            EXIT_NOT_WRITTEN,
            f"{path} could not be written, so the attempt counts for nothing: {error}",
        )
    failure = said["error"]
    if failure is None:
        return _say(0, f"SUCCESS ({path})")
    return _say(EXIT_FAILED, f"FAILED: {failure['type']}: {failure['summary']} ({path})")


def _result_path(manifest: dict[str, Any]) -> str:
    return f"{manifest['scratchpad']}/result.json"


def _say(code: int, sentence: str) -> Exit:
    try:
        print(f"signalbox: {sentence}", file=sys.stderr, flush=True)
    except Exception:
        pass  # a closed stderr changes nothing of what the result says
    return Exit(code, sentence)
