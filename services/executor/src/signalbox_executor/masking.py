"""Masks the secrets that were handed out, by their value, in everything that leaves the attempt.

It knows each value as it is and in the encodings that are common by accident: base64, hex, URL,
JSON, and a long value's single lines. It cannot know a value that code prints in pieces, reversed or
enciphered: who may read a secret can tell it. This keeps accidents out of logs, no intruder.
"""

import base64
import json
import urllib.parse
from typing import Any

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
        self._bytes: list[bytes] = []

    def hide(self, value: str) -> None:
        """From now on this value is masked, if it is long enough."""
        if len(value) < VALUE_CHARS_MIN:
            return
        forms = {form for form in _forms(value) if len(form) >= VALUE_CHARS_MIN}
        # The longest first: one may be part of another.
        self._texts = sorted({*self._texts, *forms}, key=len, reverse=True)
        self._bytes = [form.encode("utf-8", "replace") for form in self._texts]

    def text(self, text: str) -> str:
        for form in self._texts:
            text = text.replace(form, MASK)
        return text

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

    def split(self, data: bytes) -> tuple[bytes, bytes]:
        """What may be shown of a stream's next bytes, masked, and what must wait for more: its end
        may be the beginning of a secret.
        """
        if not self._bytes:
            return data, b""
        cut = len(data) - max(_begun(data, form) for form in self._bytes)
        # What is whole already goes at once, and no longer value begins where it does.
        cut = max([cut, *(_end_across(data, form, cut) for form in self._bytes)])
        shown = data[:cut]
        # Looked for one by one: an artifact may print gigabytes, and this costs little where
        # nothing is found.
        for form in self._bytes:
            shown = shown.replace(form, _MASK_BYTES)
        return shown, data[cut:]


def _begun(data: bytes, form: bytes) -> int:
    """How many bytes at the end may be the beginning of this form."""
    at = data.find(form[:1], max(0, len(data) - len(form) + 1))
    while at != -1:
        if form.startswith(data[at:]):
            return len(data) - at
        at = data.find(form[:1], at + 1)
    return 0


def _end_across(data: bytes, form: bytes, cut: int) -> int:
    """Where a whole one ends that begins before the cut and ends after it; else the cut."""
    at = data.find(form, max(0, cut - len(form) + 1), cut + len(form) - 1)
    return cut if at == -1 else at + len(form)


class MaskedStream:
    """Masks a stream that comes in pieces."""

    def __init__(self, masking: Masking) -> None:
        self._masking = masking
        self._held = b""

    def take(self, chunk: bytes) -> bytes:
        shown, self._held = self._masking.split(self._held + chunk)
        return shown

    def end(self) -> bytes:
        """What was held: whole values in it are masked, and no more comes."""
        held, self._held = self._held, b""
        return self._masking.text(held.decode("utf-8", "surrogateescape")).encode(
            "utf-8", "surrogateescape"
        )


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
"""What this process masks."""
