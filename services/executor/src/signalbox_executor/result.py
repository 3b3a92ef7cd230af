"""result.json: what the executor says happened, within every limit."""

from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any

from .json_value import NotJsonError, plain, to_bytes
from .limits import (
    CAPSULE_BYTES_MAX,
    ERROR_TYPE_CHARS_MAX,
    LOG_TAIL_CHARS_MAX,
    RESULT_BYTES_MAX,
    RESULT_SCHEMA,
    SUMMARY_CHARS_MAX,
    TRACE_CHARS_MAX,
)
from .redact import redacted_and_cut
from .schema import problems
from .text import head, head_and_tail, tail

_TRIMMED_CHARS = 1_000
_BESIDE_METRICS = ("failed_metrics", "samples", "baselines")


@dataclass(frozen=True)
class Clock:
    """When the executor began, on the wall and on a clock that only goes forward (seconds)."""

    started_at: datetime
    started: float


def failure_of(kind: str, summary: str, trace: str = "", transient: bool = False) -> dict[str, Any]:
    """A result's `error`."""
    return without_secrets(
        {
            "type": head(kind, ERROR_TYPE_CHARS_MAX),
            "summary": summary,
            "trace": trace,
            "transient": transient,
        }
    )


def without_secrets(error: dict[str, Any]) -> dict[str, Any]:
    """The same error with its texts masked, and within their limits. What is no text stays: the
    schema says so later.
    """
    cuts = {"summary": (SUMMARY_CHARS_MAX, head), "trace": (TRACE_CHARS_MAX, head_and_tail)}
    return {
        name: redacted_and_cut(value, *cuts[name])
        if name in cuts and isinstance(value, str)
        else value
        for name, value in error.items()
    }


def failed(
    result: dict[str, Any], error: dict[str, Any], capsule: dict[str, Any]
) -> dict[str, Any]:
    """The same attempt, failed: it goes on from the capsule that it was given, and finishes
    nothing.
    """
    return {
        **result,
        "status": "FAILED",
        "error": error,
        "finished": None,
        "capsule": bounded_capsule(capsule),
    }


def bounded_capsule(capsule: dict[str, Any]) -> dict[str, Any]:
    """A capsule that was given to us, or none where it could not be handed on."""
    try:
        copy, size = plain(capsule, "the capsule")
    except NotJsonError:
        return {}
    return copy if size <= CAPSULE_BYTES_MAX else {}


def encoded(result: dict[str, Any], capsule: dict[str, Any]) -> tuple[bytes, dict[str, Any]]:
    """The bytes of result.json, valid and within the limit whatever was reported, and what they
    say.
    """
    trimmed = _without_long_texts(result)
    for candidate in (result, trimmed):
        content, wrong = _checked(candidate)
        if content is not None and len(content) <= RESULT_BYTES_MAX:
            return content, candidate
    reason = (
        wrong
        or f"result.json would have {len(content or b''):,} bytes; at most "
        f"{RESULT_BYTES_MAX:,} are allowed: report less"
    )
    bare = {
        **{name: value for name, value in trimmed.items() if name not in _BESIDE_METRICS},
        "metrics": {},
        "produced_artifacts": [],
        "produced_tables": [],
        "output": None,
        "summary": "",
    }
    bare = failed(bare, failure_of("RefusedError", reason), capsule)
    return to_bytes(bare), bare


def iso(time: datetime) -> str:
    return time.astimezone(timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _checked(result: dict[str, Any]) -> tuple[bytes | None, str]:
    """Its bytes, or what is wrong with it, by the same schema that TypeScript reads it with."""
    found = problems(result, RESULT_SCHEMA, "result")
    if found:
        return None, f"the result would not be valid: {found[0]}"
    try:
        return to_bytes(result), ""
    except ValueError as error:
        return None, f"the result is no JSON: {error}"


def _without_long_texts(result: dict[str, Any]) -> dict[str, Any]:
    """Tails and traceback go first: the log files have them whole."""
    logs, error = result["logs"], result["error"]
    return {
        **result,
        "error": error and {**error, "trace": head_and_tail(error["trace"], _TRIMMED_CHARS)},
        "logs": {
            **logs,
            "stdout_tail": tail(logs["stdout_tail"], _TRIMMED_CHARS),
            "stderr_tail": tail(logs["stderr_tail"], _TRIMMED_CHARS),
        },
    }


assert _TRIMMED_CHARS < LOG_TAIL_CHARS_MAX
