"""The executor: one manifest in, one result out: result.json for people, and the last words on
stdout, by which the attempt is judged.

Exit codes: 0 the result says SUCCESS; 1 the result says FAILED; 2 there is no manifest that can be
run; 3 result.json could not be written; 4 this attempt has a result already; 5 the result says
SUCCESS and could not be printed; 128 + n the platform stopped it with signal n.
"""

import os
import queue
import sys
import threading
import time
import traceback
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from typing import Any

from . import volume
from .attempt import Ending, run_attempt
from .evidence import block
from .harmless import harmless
from .heartbeat import run_ids
from .limits import LOG_TAIL_CHARS_MAX
from .logs import BoundedLog
from .manifest import ManifestError, ManifestFile, identity_of, parse_manifest, read_manifest_file
from .own_streams import OwnStream
from .redact import CONTEXT_CHARS, redacted
from .result import Clock, encoded, failed, failure_of, iso
from .stop_signal import Events, StopSignal
from .text import tail
from .undumpable import make_undumpable

EXIT_FAILED, EXIT_MANIFEST, EXIT_NOT_WRITTEN, EXIT_RESULT_EXISTS = 1, 2, 3, 4
EXIT_NOT_PRINTED = 5


@dataclass(frozen=True)
class Exit:
    """With which code the executor exits, and the sentence that says why."""

    code: int
    sentence: str


@dataclass(frozen=True)
class Own:
    """The executor's own two streams."""

    stdout: OwnStream
    stderr: OwnStream

    def say(self, exit: Exit) -> Exit:
        self.stderr.say(f"signalbox: {exit.sentence}")
        return exit


class AttemptFailed(SystemExit):
    """Exits with the code; where a platform shows the exception, it shows the sentence and not a
    bare number.
    """

    def __init__(self, exit: Exit) -> None:
        super().__init__(exit.code)
        self._sentence = harmless(exit.sentence)  # it quotes the artifact, after the evidence

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
    make_undumpable()
    own = Own(OwnStream(sys.stdout), OwnStream(sys.stderr))
    if len(arguments) not in (1, 4):
        sentence = (
            "one parameter is needed, the manifest's path, or it and three ids of the run; there "
            f"are {len(arguments)}"
        )
        return own.say(Exit(EXIT_MANIFEST, sentence))
    events: Events = queue.SimpleQueue()
    with StopSignal(events) as stop:
        try:
            file = read_manifest_file(arguments[0])
        except ManifestError as error:
            return own.say(Exit(EXIT_MANIFEST, str(error)))
        try:
            manifest = parse_manifest(file)
        except ManifestError as error:
            return _refuse_manifest(own, file, error, clock)
        return _run(own, manifest, file, clock, run_ids(arguments[1:]), stop, events)


def _run(
    own: Own,
    manifest: dict[str, Any],
    file: ManifestFile,
    clock: Clock,
    ids: dict[str, str | None],
    stop: StopSignal,
    events: Events,
) -> Exit:
    path = _result_path(manifest)
    try:
        if volume.exists(path):
            sentence = f"{path} exists already: this attempt has been run, and is not run twice"
            return own.say(Exit(EXIT_RESULT_EXISTS, sentence))
        # Now and not at the end: where no result can be written, nothing should be run for hours.
        os.makedirs(manifest["scratchpad"], exist_ok=True)
    except OSError as error:
        sentence = f"the scratchpad cannot be used, so nothing was run: {error}"
        return own.say(Exit(EXIT_NOT_WRITTEN, sentence))
    stdout, stderr = BoundedLog(own.stdout.forward), BoundedLog(own.stderr.forward)
    ending = run_attempt(manifest, ids, stop, events, stdout, stderr)
    exit, content = _conclude(own, manifest, file, clock, ending, stdout, stderr)
    stdout.forward_rest()
    stderr.forward_rest()
    own.stdout.end_forwarding()
    own.stderr.end_forwarding()
    own.say(exit)
    exit = _print_evidence(own, content, exit)
    if exit.code == EXIT_FAILED and ending.stopped_by is not None:
        return replace(exit, code=128 + ending.stopped_by)
    return exit


def _print_evidence(own: Own, content: bytes | None, exit: Exit) -> Exit:
    """The last thing that is printed. None where no result was written, and the exit code says so.

    Returns with what the executor exits: never with 0 where the block did not get out. Somebody
    who printed one of his own and shut this stream would have the only block beside a success.
    """
    if content is None:
        return exit
    # Threads may outlive the attempt: the reader of a pipe that a process left behind holds open,
    # a heartbeat on a mount that hangs. Where one of them fails while the interpreter ends, its
    # traceback would come after the result, and says nothing of the attempt.
    threading.excepthook = lambda _failure: None
    try:
        own.stdout.print_evidence(block(content))
    except Exception as error:
        sentence = f"the result could not be printed: {type(error).__name__}: {error}"
        unprinted = own.say(Exit(EXIT_NOT_PRINTED, sentence))
        return unprinted if exit.code == 0 else exit
    return exit


def _conclude(
    own: Own,
    manifest: dict[str, Any],
    file: ManifestFile,
    clock: Clock,
    ending: Ending,
    stdout: BoundedLog,
    stderr: BoundedLog,
) -> tuple[Exit, bytes | None]:
    reports, end = ending.reports, ending.reports.end or {}
    result = {
        **_identity(manifest, file, clock),
        "status": "SUCCESS",
        "error": None,
        **reports.measured.as_json(),
        "produced_artifacts": ending.produced_artifacts,
        "produced_tables": reports.tables,
        "output": end.get("output"),
        "summary": end.get("summary", ""),
        "capsule": end.get("capsule"),
        "finished": end.get("finished"),
        "logs": {
            **_stored_log(own, manifest["scratchpad"], "stdout", stdout),
            **_stored_log(own, manifest["scratchpad"], "stderr", stderr),
        },
    }
    if ending.error is not None:
        result = failed(result, ending.error, manifest["capsule"])
    return _write(own, result, _result_path(manifest), manifest["capsule"])


def _refuse_manifest(own: Own, file: ManifestFile, error: ManifestError, clock: Clock) -> Exit:
    """Says so in a result as well, where the manifest tells whose it is and where it goes."""
    identity, content = identity_of(file), None
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
        exit, content = _write(own, result, _result_path(identity), identity["capsule"])
        own.say(exit)
    refused = own.say(Exit(EXIT_MANIFEST, str(error)))
    return _print_evidence(own, content, refused)


def _identity(manifest: dict[str, Any], file: ManifestFile, clock: Clock) -> dict[str, Any]:
    return {
        "v": 1,
        **{name: manifest[name] for name in ("run_id", "iter_n", "attempt", "traceparent")},
        "manifest_sha256": file.sha256,
        "started_at": iso(clock.started_at),
        "ended_at": iso(datetime.now(timezone.utc)),
        "duration_seconds": round(time.monotonic() - clock.started, 3),
    }


def _stored_log(own: Own, scratchpad: str, name: str, log: BoundedLog) -> dict[str, Any]:
    path = f"{scratchpad}/{name}.log"
    stored: str | None = path
    try:
        volume.write_file(path, log.freeze())
    except OSError as error:
        sentence = f"{path} could not be written, its tail is in the result: {error}"
        own.say(Exit(EXIT_NOT_WRITTEN, sentence))
        stored = None
    seen = redacted(log.tail_text(LOG_TAIL_CHARS_MAX + CONTEXT_CHARS))
    return {name: stored, f"{name}_tail": tail(seen, LOG_TAIL_CHARS_MAX)}


def _write(
    own: Own, result: dict[str, Any], path: str, capsule: dict[str, Any]
) -> tuple[Exit, bytes | None]:
    """Exit 0 is for one case: a result that says SUCCESS lies where it belongs, and reads back as
    it was written. Without one there are no bytes.
    """
    try:
        content, said = encoded(result, capsule)
        volume.write_result(path, content)
    except volume.ResultExistsError:
        sentence = (
            f"{path} was written by somebody else while this attempt ran, and a result is "
            "written once: the attempt fails"
        )
        return Exit(EXIT_RESULT_EXISTS, sentence), None
    except Exception as error:
        own.stderr.say(traceback.format_exc())
        sentence = f"{path} could not be written, so the attempt counts for nothing: {error}"
        return Exit(EXIT_NOT_WRITTEN, sentence), None
    failure = said["error"]
    if failure is None:
        return Exit(0, f"SUCCESS ({path})"), content
    return Exit(EXIT_FAILED, f"FAILED: {failure['type']}: {failure['summary']} ({path})"), content


def _result_path(manifest: dict[str, Any]) -> str:
    return f"{manifest['scratchpad']}/result.json"
