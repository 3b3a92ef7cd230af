"""Text of bounded length. Lengths are code points, as zod and JSON Schema count them too."""

import re
from typing import Any

from .limits import METRIC_NAME_CHARS_MAX

_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f]")
# As in the contract's paths: controls, ends of lines, and what turns the direction of text.
_MISLEADING = re.compile(
    r"[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]"
)


def has_controls(text: str) -> bool:
    """Whether it has characters that no table, log or terminal should be given."""
    return _CONTROLS.search(text) is not None


def is_misleading(text: str) -> bool:
    """Whether who reads it may see another name, or another line, than there is."""
    return _MISLEADING.search(text) is not None


def is_metric_name(name: Any) -> bool:
    # __proto__ as a key is something else than a key in JavaScript.
    return (
        isinstance(name, str)
        and 0 < len(name) <= METRIC_NAME_CHARS_MAX
        and name == clean(name)
        and not has_controls(name)
        and name != "__proto__"
    )


def clean(text: str) -> str:
    """The same text; lone surrogates, which are no text and cannot be written, become ?."""
    return text.encode("utf-8", "replace").decode("utf-8")


def head(text: str, chars_max: int) -> str:
    """The beginning, ending in … where something was cut."""
    return clean(text if len(text) <= chars_max else text[: chars_max - 1] + "…")


def tail(text: str, chars_max: int) -> str:
    """The end, without a mark."""
    return clean(text[-chars_max:])


def head_and_tail(text: str, chars_max: int) -> str:
    """Both ends, with a line between them that says that the middle was cut."""
    if len(text) <= chars_max:
        return clean(text)
    mark = f"\n[signalbox: {len(text) - chars_max} characters and more were cut here]\n"
    half = (chars_max - len(mark)) // 2
    return head(text, half) + mark + tail(text, half)
