"""Masks secrets in what an exception or the end of a log says: an attempt's error travels to places
that more people read than its log.

By their shape, and by their value where the environment names one. A help, and no promise: a secret
of no known shape passes.
"""

import os
import re
from collections.abc import Callable

from .masking import MASK, masking

CONTEXT_CHARS = 4_096
"""How much more than is kept should be looked at where a text is cut: half a secret is hard to
recognize.
"""

_VALUE_CHARS_MIN = 8
_SECRET_NAME = re.compile(r"secret|token|password|key", re.IGNORECASE)
# From before the artifact runs, which may put something else in its place.
_environ = os.environ

# The first group stays. No repetition stands within another, so a hostile text costs
# little; what is looked through is some thousand characters long.
_SHAPES = [
    # PEM, also where one of its ends is cut off.
    r"()-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY-----[A-Za-z0-9+/=\s\\]*"
    r"(?:-----END [A-Z0-9 ]{0,40}PRIVATE KEY-----)?",
    r"()\A[A-Za-z0-9+/=\s\\]*-----END [A-Z0-9 ]{0,40}PRIVATE KEY-----",
    # Databricks: personal access tokens, secrets of service principals.
    r"()(?<![A-Za-z0-9])(?:dapi|dose)[0-9a-fA-F]{16,}(?:-[0-9]+)?",
    # JSON Web Tokens.
    r"()(?<![A-Za-z0-9_-])eyJ[A-Za-z0-9_-]{5,}\.[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]*)?",
    # AWS access keys.
    r"()(?<![A-Za-z0-9])(?:AKIA|ASIA)[A-Z0-9]{12,}",
    r"((?i:\bbearer)\s{1,10})[A-Za-z0-9._~+/=-]{8,}",
    # user:password@, up to the last @ before the path.
    r"(://)[^\s/:@]{0,256}:[^\s/]+(?=@)",
    # name=value, name: value, "name": "value"; what is masked already is left alone.
    r"((?i:aws_secret_access_key|aws_session_token|client_secret|password|passwd|pwd)"
    r"""\\?["']?\s{0,10}[=:]\s{0,10}(?!\[REDACTED\]))"""
    r"""(?:"[^"\n]*"|'[^'\n]*'|[^\s"',;&)}\]]+)""",
]
_shapes = [re.compile(shape) for shape in _SHAPES]


def redacted(text: str) -> str:
    """The same text, with [REDACTED] in the place of each secret that is recognized."""
    text = masking.text(text)
    for value in _secret_values():
        text = text.replace(value, MASK)
    for shape in _shapes:
        text = shape.sub(_masked, text)
    return text


def redacted_and_cut(text: str, chars_max: int, cut: Callable[[str, int], str]) -> str:
    """Looked through before it is cut, and cut again because a mask may be longer than what it
    masks.
    """
    return cut(redacted(cut(text, chars_max + CONTEXT_CHARS)), chars_max)


def _masked(found: "re.Match[str]") -> str:
    return found[1] + MASK


def _secret_values() -> list[str]:
    """The longest first: one may be part of another."""
    try:
        values = {value for name, value in _environ.items() if _SECRET_NAME.search(name)}
        return sorted((each for each in values if len(each) >= _VALUE_CHARS_MIN), key=len)[::-1]
    except Exception:
        return []  # the artifact took the environment apart: shapes are left
