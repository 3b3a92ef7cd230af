"""Makes foreign text harmless where it is shown: no control characters, and
never the word that the executor's evidence begins with.
"""

import codecs

WORD = "signalbox-result"
"""Begins each line of the block in which the executor prints its result (evidence.py)."""

_CHANGED = WORD[:-1] + "?"
# U+2028 and U+2029 are no control characters, and end lines all the same for some readers.
_REPLACED = {
    code: "?"
    for code in (*range(0x20), *range(0x7F, 0xA0), 0x2028, 0x2029)
    if chr(code) not in "\n\t"
}


class Harmless:
    """Turns bytes that come in pieces into such text, never longer in UTF-8 than the bytes were.

    The word is changed wherever it stands, not only at the beginning of a line: then no reader's
    idea of a line, and nothing that a platform puts before one or takes away from it, can matter.
    """

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._held = ""  # a \r, until it is known whether a \n follows
        self._before = ""  # as much as a word can have begun with in earlier pieces

    def text(self, chunk: bytes, last: bool = False) -> str:
        """The next piece. What a piece leaves half (a character, a line end) comes with the next,
        or with the last one.
        """
        text = self._held + self._decoder.decode(chunk, last).replace("\ufffd", "?")
        self._held = "\r" if text.endswith("\r") and not last else ""
        text = text.removesuffix(self._held).replace("\r\n", "\n").translate(_REPLACED)
        # Only the word's last letter is changed, so what was handed out before stays as it was.
        whole = (self._before + text).replace(WORD, _CHANGED)
        known = len(self._before)
        self._before = whole[-(len(WORD) - 1) :]
        return whole[known:]


def harmless(text: str) -> str:
    """The same for a text that is there whole."""
    return Harmless().text(text.encode("utf-8", "replace"), last=True)
