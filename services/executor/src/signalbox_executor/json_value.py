"""JSON that arrives as it was sent: what Python can write and TypeScript would read differently is
refused.
"""

import json
import math
from decimal import Decimal
from typing import Any

from .limits import CAPSULE_BYTES_MAX, INTEGER_MAX, JSON_DEPTH_MAX, OUTPUT_BYTES_MAX


class NotJsonError(ValueError):
    """The value is not JSON, or would not come back as it is. The sentence says where in it."""


# An encoder of our own, made before any artifact runs: one that replaces json.dumps must not cost
# us the result.
_encoder = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"))


def to_bytes(value: Any) -> bytes:
    """Compact JSON in UTF-8. The value has passed plain()."""
    return _encoder.encode(value).encode("utf-8")


def plain(value: Any, where: str) -> tuple[Any, int]:
    """A copy out of plain dicts, lists, text, numbers, true, false and null, and its size as
    TypeScript's JSON.stringify has it.

    Raises NotJsonError.
    """
    stretch = [0]
    copy = _plain(value, where, 0, stretch)
    return copy, len(to_bytes(copy)) + stretch[0]


def within(value: Any, what: str, bytes_max: int, advice: str) -> Any:
    """The copy of plain(), within a number of bytes. Raises NotJsonError."""
    copy, size = plain(value, what)
    if size > bytes_max:
        raise NotJsonError(
            f"{what} has {size:,} bytes as JSON; at most {bytes_max:,} are allowed: {advice}"
        )
    return copy


def capsule_of(value: Any) -> dict[str, Any]:
    """The artifact's capsule, if it can be handed on. Raises NotJsonError."""
    if not isinstance(value, dict):
        raise NotJsonError(f"the capsule must be a dict, not a {type(value).__name__}")
    return within(value, "the capsule", CAPSULE_BYTES_MAX, "keep what is large as an artifact")


def output_of(value: Any) -> Any:
    """The artifact's output, if TypeScript would read it. Raises NotJsonError."""
    return within(value, "the output", OUTPUT_BYTES_MAX, "keep it as an artifact instead")


def _plain(value: Any, where: str, depth: int, stretch: list[int]) -> Any:
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return _text(value, where)
    if isinstance(value, int):
        return _integer(int(value), where, stretch)
    if isinstance(value, float):
        if not math.isfinite(value):
            raise NotJsonError(f"{where} is {value}, which JSON has no number for")
        stretch[0] += _javascript_length(float(value)) - len(float.__repr__(value))
        return float(value)
    if not isinstance(value, (dict, list, tuple)):
        raise NotJsonError(
            f"{where} is a {type(value).__name__}: make it text, a number, true, false, null, "
            "a list or a dict"
        )
    if depth >= JSON_DEPTH_MAX:
        raise NotJsonError(f"{where} is nested deeper than {JSON_DEPTH_MAX} levels")
    if isinstance(value, dict):
        return {
            _key(key, where): _plain(item, f"{where}[{key!r}]", depth + 1, stretch)
            for key, item in value.items()
        }
    return [
        _plain(item, f"{where}[{index}]", depth + 1, stretch) for index, item in enumerate(value)
    ]


def _integer(value: int, where: str, stretch: list[int]) -> int:
    if abs(value) <= INTEGER_MAX:
        return value
    if not _is_double(value):
        raise NotJsonError(
            f"{where} is an integer beyond 2^53 that no double holds, so JSON's readers would "
            "round it: make it text"
        )
    stretch[0] += _javascript_length(float(value)) - len(str(value))
    return value


def _is_double(value: int) -> bool:
    try:
        return int(float(value)) == value
    except OverflowError:
        return False


def integer_of(source: str) -> int | float:
    """For json.loads: an integer in what TypeScript wrote is a double, and JavaScript writes 2^60
    as 1152921504606847000. The integer that the double is comes back as it was sent.
    """
    value = float(source)
    if abs(value) <= INTEGER_MAX or not math.isfinite(value):
        return int(source)
    return int(value)


def _key(key: Any, where: str) -> str:
    if not isinstance(key, str):
        raise NotJsonError(
            f"{where} has the key {key!r}: JSON has only text as keys, and it would not be "
            "found again"
        )
    if key == "__proto__":
        raise NotJsonError(
            f"{where} has the key __proto__, which JavaScript takes for something else: rename it"
        )
    return _text(key, f"the key {key!r} of {where}")


def _text(value: str, where: str) -> str:
    try:
        value.encode("utf-8")
    except UnicodeEncodeError as error:
        raise NotJsonError(
            f"{where} has a lone surrogate at {error.start}, which is no text"
        ) from None
    return str(value)


def _javascript_length(number: float) -> int:
    """How long JavaScript writes a number: 1.0 as 1, and an exponent only from 1e21 and below 1e-6
    (Python: 1e16, 1e-4).
    """
    if number.is_integer() and abs(number) < 1e21:
        return len(str(int(number)))
    text = float.__repr__(number)
    if "e" in text and 1e-6 <= abs(number) < 1:
        return len(format(Decimal(text), "f"))
    return len(text)
