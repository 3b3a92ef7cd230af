"""Masks the secrets that were handed out, by their value, in everything that leaves the attempt.

It knows each value as it is and in the encodings that are common by accident: base64, hex, URL,
JSON, and a long value's single lines. It cannot know a value that code prints in pieces, reversed or
enciphered: who may read a secret can tell it. This keeps accidents out of logs, no intruder.
"""

import base64
import json
import urllib.parse
from collections.abc import Iterator
from typing import Any, AnyStr

MASK = "[REDACTED]"
VALUE_CHARS_MIN = 6
"""A shorter value is in many an innocent word: it is handed out, and not masked."""
_LINE_CHARS_MIN = 16
_INNER_CHARS_MIN = 12
_MASK_BYTES = MASK.encode()


class Masking:
    """The values that are masked. One for a process; without any it changes nothing."""

    def __init__(self) -> None:
        self._texts: list[str] = []
        self.forms: list[bytes] = []

    def hide(self, value: str) -> None:
        """From now on this value is masked, if it is long enough."""
        if len(value) < VALUE_CHARS_MIN:
            return
        forms = {form for form in _forms(value) if len(form) >= VALUE_CHARS_MIN}
        self._texts = [*{*self._texts, *forms}]
        self.forms = [form.encode("utf-8", "replace") for form in self._texts]

    def text(self, text: str) -> str:
        spans = _covered(text, self._texts)
        if not spans:
            return text
        ends = [0, *(end for _, end in spans)]
        starts = [*(start for start, _ in spans), len(text)]
        return MASK.join(text[end:start] for end, start in zip(ends, starts, strict=True))

    def json(self, value: Any) -> Any:
        """The same JSON, with each text in it masked, names included."""
        if not self._texts:
            return value
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, list):
            return [self.json(each) for each in value]
        if isinstance(value, dict):
            return {self.text(name): self.json(each) for name, each in value.items()}
        return value


class MaskedStream:
    """Masks a stream that comes in pieces, as if it came whole: it holds back what may be the
    beginning of a value.
    """

    def __init__(self, masking: Masking) -> None:
        self._masking = masking
        self._held = b""
        self._masked = 0
        """The mask of so many of the held bytes was shown already."""

    def take(self, chunk: bytes) -> bytes:
        data = self._held + chunk
        begun = max((_begun(data, form) for form in self._masking.forms), default=0)
        return self._show(data, len(data) - begun)

    def end(self) -> bytes:
        """The bytes held back so far: no more come."""
        return self._show(self._held, len(self._held))

    def _show(self, data: bytes, until: int) -> bytes:
        """The bytes before `until`. A whole value goes at once, to its end: where a value overlaps
        itself, the stream would be held for ever otherwise.
        """
        shown, at = b"", self._masked
        for start, end in _covered(data, self._masking.forms, self._masked):
            if start >= until:
                break
            if start >= self._masked:
                shown += data[at:start] + _MASK_BYTES
            at = end
        shown += data[at:until]
        self._held, self._masked = data[until:], max(0, at - until)
        return shown


def _covered(
    data: AnyStr, forms: list[AnyStr], masked: int = 0
) -> list[tuple[int, int]]:
    """Where values stand, from and to, in their order; those that overlap as one. Looked for one by
    one: an artifact may print gigabytes, and this costs little where nothing is found.
    """
    spans = [(0, masked)] if masked else []
    spans += sorted(span for form in forms for span in _places(data, form))
    merged: list[tuple[int, int]] = []
    for start, end in spans:
        if merged and start < merged[-1][1]:
            merged[-1] = merged[-1][0], max(merged[-1][1], end)
        else:
            merged.append((start, end))
    return merged


def _places(data: AnyStr, form: AnyStr) -> Iterator[tuple[int, int]]:
    at = data.find(form)
    while at != -1:
        yield at, at + len(form)
        at = data.find(form, at + 1)


def _begun(data: bytes, form: bytes) -> int:
    """How many bytes at the end may be the beginning of this form."""
    at = data.find(form[:1], max(0, len(data) - len(form) + 1))
    while at != -1:
        if form.startswith(data[at:]):
            return len(data) - at
        at = data.find(form[:1], at + 1)
    return 0


def _forms(value: str) -> set[str]:
    data = value.encode("utf-8", "replace")
    encoded = {base64.b64encode(data).decode(), base64.urlsafe_b64encode(data).decode()}
    lines = [line.strip() for line in value.splitlines()]
    return {
        value,
        *encoded,
        *(each.rstrip("=") for each in encoded),
        data.hex(),
        data.hex().upper(),
        *_inner_base64(data),
        urllib.parse.quote(value),
        urllib.parse.quote(value, safe=""),
        urllib.parse.quote_plus(value),
        json.dumps(value)[1:-1],
        json.dumps(value, ensure_ascii=False)[1:-1],
        repr(value)[1:-1],
        *(line for line in lines if len(line) >= _LINE_CHARS_MIN),
    }


def _inner_base64(data: bytes) -> set[str]:
    """Its characters within the base64 of something longer, such as `Basic user:password`: they
    depend on where in a group of three bytes it begins.
    """
    found = set()
    for before, shared in ((0, 0), (1, 2), (2, 3)):
        text = base64.b64encode(bytes(before) + data).rstrip(b"=").decode()
        whole = len(text) if (before + len(data)) % 3 == 0 else len(text) - 1
        found.add(text[shared:whole])
    return {form for form in found if len(form) >= _INNER_CHARS_MIN}


masking = Masking()
"""The values that this process masks."""
