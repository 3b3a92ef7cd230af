"""Reads the artifact's reports, line by line through a pipe, and how little of them
is believed.
"""

import json
import os
import threading
from typing import Any

from .heartbeat import Progress
from .json_value import NotJsonError, capsule_of, output_of
from .limits import (
    ARTIFACTS_MAX,
    REPORT_LINE_BYTES_MAX,
    SUMMARY_CHARS_MAX,
    TABLES_MAX,
)
from .masking import masking
from .measures import Measured, MeasureError
from .text import head, is_misleading

_CHUNK_BYTES = 64 * 1024


class Reports:
    """All that was reported so far. A process that is killed in the middle leaves what it said
    before.
    """

    def __init__(self, writes: list[str]) -> None:
        self.measured = Measured()
        self.tables: list[str] = []
        self.artifacts: dict[str, dict[str, Any]] = {}
        self.refused: str | None = None
        """The first thing that was refused. It fails the attempt."""
        self.waiting: list[str] = []
        """Threads that the main program left running when it came to its end."""
        self.end: dict[str, Any] | None = None
        """The last report: how the artifact ended. None: it never came to its end."""
        self.progress = Progress()
        self._writes = writes

    def take(self, line: bytes) -> None:
        try:
            report = json.loads(line)
            self._take(report["report"], report)
        except MeasureError as error:
            self._refuse(str(error))
        except Exception as error:  # else one report ended the reading of all others
            self._refuse(
                f"a report of the artifact could not be read ({type(error).__name__}: {error})"
            )

    def too_long(self) -> None:
        self._refuse(f"a report of the artifact is longer than {REPORT_LINE_BYTES_MAX:,} bytes")

    def _take(self, kind: str, report: dict[str, Any]) -> None:
        if kind == "progress":
            self.progress.say(report["fraction"], report["text"])
        elif any(masking.text(name) != name for name in _names_in(report)):
            self._refuse(f"the name of a {kind} holds a secret: names are public")
        elif kind == "metric":
            measures = self.measured.of(report.get("of"))
            measures.put(report["name"], report["value"], report.get("samples"))
        elif kind == "metric_failed":
            self.measured.of(report.get("of")).fail(report["name"], report["why"])
        elif kind == "no_baseline":
            self.measured.no_baseline(report["name"])
        elif kind == "table":
            self._table(str(report["name"]))
        elif kind == "artifact":
            self._artifact(
                os.path.basename(report["name"]), str(report["sha256"]), int(report["bytes"])
            )
        elif kind == "refused":
            self._refuse(str(report["summary"]))
        elif kind == "waiting":
            self.waiting = [str(name) for name in report["threads"]]
        elif kind == "end":
            self._end(report)
        else:
            raise ValueError(f"there is no report called {kind}")

    def _table(self, name: str) -> None:
        if name not in self._writes:
            self._refuse(f"table {name[:100]} is not among the tables that this workload may write")
        elif name not in self.tables and len(self.tables) >= TABLES_MAX:
            self._refuse(
                f"table {name} is one too many: an attempt reports at most {TABLES_MAX} tables"
            )
        elif name not in self.tables:
            self.tables.append(name)

    def _artifact(self, name: str, sha256: str, size: int) -> None:
        if is_misleading(name):
            self._refuse(
                f"artifact {name!r:.200} has characters in its name that end a line or turn the "
                "direction of text: give it a name without them"
            )
        elif name not in self.artifacts and len(self.artifacts) >= ARTIFACTS_MAX:
            self._refuse(
                f"artifact {name} is one too many: an attempt keeps at most {ARTIFACTS_MAX} "
                "artifacts"
            )
        else:
            self.artifacts[name] = {"sha256": sha256, "bytes": size}

    def _end(self, report: dict[str, Any]) -> None:
        """The artifact may have written this report itself, past the context that checks it."""
        self.end = {**report, "capsule": {}, "output": None}
        for name in ("summary", "finished"):
            if isinstance(text := report.get(name), str):
                self.end[name] = head(masking.text(text), SUMMARY_CHARS_MAX)
        try:
            if report["error"] is None:
                self.end["capsule"] = capsule_of(masking.json(report["capsule"]))
            self.end["output"] = output_of(masking.json(report["output"]))
        except NotJsonError as error:
            self._refuse(str(error))

    def _refuse(self, sentence: str) -> None:
        self.refused = self.refused or sentence


def _names_in(report: dict[str, Any]) -> list[str]:
    return [str(report.get(key)) for key in ("name", "of")]


def listen(fd: int, reports: Reports) -> threading.Thread:
    """Reads reports to the end of the pipe, in a thread of its own and in bounded memory."""

    def read() -> None:
        line, skipping = bytearray(), False
        while chunk := os.read(fd, _CHUNK_BYTES):
            *complete, rest = chunk.split(b"\n")
            for end in complete:
                if not skipping:
                    reports.take(bytes(line + end))
                line.clear()
                skipping = False
            line += rest
            if len(line) > REPORT_LINE_BYTES_MAX:
                if not skipping:
                    reports.too_long()
                skipping = True
                line.clear()

    thread = threading.Thread(target=read, name="reports", daemon=True)
    thread.start()
    return thread
