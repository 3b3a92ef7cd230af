"""Masks the secrets that were handed out, by their value, in everything that leaves the attempt.

It knows each value as it is and in the encodings that are common by accident: base64, hex, URL,
JSON, and a long value's single lines. It cannot know a value that code prints in pieces, reversed or
enciphered: who may read a secret can tell it. This keeps accidents out of logs, no intruder.
"""

import base64
import json
import re
import urllib.parse
from typing import Any

MASK = "[REDACTED]"
VALUE_CHARS_MIN = 6
"""A shorter value is in many an innocent word: it is handed out, and not masked."""
_LINE_CHARS_MIN = 16
_INNER_CHARS_MIN = 12


class Masking:
    """The values that are masked. One for a process; without any it changes nothing."""

    def __init__(self) -> None:
        self._forms: set[str] = set()
        self._pattern: re.Pattern[str] | None = None
        self._bytes: re.Pattern[bytes] | None = None
        self._beginnings: list[bytes] = []

    def hide(self, value: str) -> None:
        """From now on this value is masked, if it is long enough."""
        if len(value) < VALUE_CHARS_MIN:
            return
        self._forms |= {form for form in _forms(value) if len(form) >= VALUE_CHARS_MIN}
        longest_first = sorted(self._forms, key=len, reverse=True)
        self._pattern = re.compile("|".join(map(re.escape, longest_first)))
        self._beginnings = [form.encode("utf-8", "replace") for form in longest_first]
        self._bytes = re.compile(b"|".join(map(re.escape, self._beginnings)))

    def text(self, text: str) -> str:
        return text if self._pattern is None else self._pattern.sub(MASK, text)

    def json(self, value: Any) -> Any:
        """The same JSON, with each text in it masked, names included."""
        if self._pattern is None:
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
        if self._bytes is None:
            return data, b""
        cut = len(data) - self._begun(data)
        for found in self._bytes.finditer(data):
            if found.start() < cut < found.end():
                cut = found.end()  # whole already, and no longer value begins where it does
        return self._bytes.sub(MASK.encode(), data[:cut]), data[cut:]

    def _begun(self, data: bytes) -> int:
        longest = max(map(len, self._beginnings)) - 1
        for length in range(min(longest, len(data)), 0, -1):
            end = data[-length:]
            if any(len(each) > length and each.startswith(end) for each in self._beginnings):
                return length
        return 0


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
