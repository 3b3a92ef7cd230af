"""The executor's last words on stdout: the result, once more, in the run's own output.

The scratchpad is shared: code of other runs may rewrite result.json. What a run has printed, nobody
can change any more. So this is what the attempt is judged by (shared/domain/evidence.ts reads it),
and the file is for people.
"""

import base64
import hashlib
import zlib

from .harmless import WORD

_LINE_CHARS = 1_000


def block(content: bytes) -> str:
    """The lines that hold these bytes of result.json."""
    sha256 = hashlib.sha256(content).hexdigest()
    packed = base64.b64encode(zlib.compress(content)).decode("ascii")
    parts = [packed[at : at + _LINE_CHARS] for at in range(0, len(packed), _LINE_CHARS)]
    lines = [
        f"{WORD} begin {sha256} {len(content)}",
        *(f"{WORD} {number}/{len(parts)} {part}" for number, part in enumerate(parts, 1)),
        f"{WORD} end {sha256}",
    ]
    return "\n".join(lines) + "\n"
