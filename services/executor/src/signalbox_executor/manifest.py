"""The plan of one attempt, read once and checked before anything of it is believed."""

import hashlib
import json
from dataclasses import dataclass
from typing import Any

from .json_value import integer_of
from .limits import MANIFEST_BYTES_MAX, MANIFEST_SCHEMA, RESULT_SCHEMA
from .schema import problems

# A scratchpad must leave room for /artifacts/<name> within the longest path that a result may name.
_SCRATCHPAD_CHARS_MAX = 1024 - 160


class ManifestError(Exception):
    """The manifest is missing or wrong. The sentence says what, where, and what to do."""


@dataclass(frozen=True)
class ManifestFile:
    path: str
    content: bytes

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.content).hexdigest()


def read_manifest_file(path: str) -> ManifestFile:
    """Raises ManifestError."""
    try:
        with open(path, "rb") as file:
            content = file.read(MANIFEST_BYTES_MAX + 1)
    except (OSError, ValueError) as error:
        raise ManifestError(f"the manifest {path} cannot be read: {error}") from error
    if len(content) > MANIFEST_BYTES_MAX:
        raise ManifestError(f"the manifest {path} is larger than {MANIFEST_BYTES_MAX:,} bytes")
    return ManifestFile(path, content)


def parse_manifest(file: ManifestFile) -> dict[str, Any]:
    """Raises ManifestError."""
    manifest = _json_object(file)
    found = problems(manifest, MANIFEST_SCHEMA, "manifest") or _contradictions(manifest)
    if found:
        more = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
        raise ManifestError(
            f"{file.path} is no manifest that this executor can run: {found[0]}{more}"
        )
    return manifest


def identity_of(file: ManifestFile) -> dict[str, Any] | None:
    """Out of an invalid manifest, what a result needs that says so: run, attempt, scratchpad; None
    if one of it is wrong.
    """
    try:
        manifest = _json_object(file)
    except ManifestError:
        return None
    for name, schema in (
        ("run_id", RESULT_SCHEMA["properties"]["run_id"]),
        ("iter_n", RESULT_SCHEMA["properties"]["iter_n"]),
        ("attempt", RESULT_SCHEMA["properties"]["attempt"]),
        ("scratchpad", MANIFEST_SCHEMA["properties"]["scratchpad"]),
    ):
        if name not in manifest or problems(manifest[name], schema, name):
            return None
    traceparent, capsule = manifest.get("traceparent"), manifest.get("capsule")
    return {
        **{name: manifest[name] for name in ("run_id", "iter_n", "attempt", "scratchpad")},
        "traceparent": traceparent if isinstance(traceparent, str) else "",
        "capsule": capsule if isinstance(capsule, dict) else {},
    }


def _json_object(file: ManifestFile) -> dict[str, Any]:
    try:
        manifest = json.loads(
            file.content.decode("utf-8"), parse_constant=_no_constant, parse_int=integer_of
        )
    except (ValueError, RecursionError) as error:  # also what is no UTF-8
        raise ManifestError(f"the manifest {file.path} is no JSON: {error}") from error
    if not isinstance(manifest, dict):
        raise ManifestError(f"the manifest {file.path} is no JSON object")
    if manifest.get("stopped") is True:
        raise ManifestError(
            f"{file.path} says that this attempt was stopped before it was planned: nothing is "
            "to be run"
        )
    return manifest


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON")


def _contradictions(manifest: dict[str, Any]) -> list[str]:
    names = [file["name"] for file in manifest["files"]]
    found = []
    if manifest["entry"] not in names:
        found.append(
            f"manifest.entry is {manifest['entry']}, which is not among manifest.files "
            f"({', '.join(names)})"
        )
    if len(set(names)) < len(names):
        found.append(f"manifest.files names a file twice: {', '.join(sorted(names))}")
    if len(manifest["scratchpad"]) > _SCRATCHPAD_CHARS_MAX:
        found.append(f"manifest.scratchpad is longer than {_SCRATCHPAD_CHARS_MAX} characters")
    return found
