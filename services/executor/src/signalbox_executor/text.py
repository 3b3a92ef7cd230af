"""Text of bounded length. Lengths are code points, as zod and JSON Schema count them too."""

import re

_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f]")


def has_controls(text: str) -> bool:
    """Whether it has characters that no table, log or terminal should be given."""
    return _CONTROLS.search(text) is not None


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
