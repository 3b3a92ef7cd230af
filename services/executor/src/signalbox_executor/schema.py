"""Checks JSON against the subset of JSON Schema that zod generates for the contract.

A keyword that is not known here is an error and not a pass: a contract that grew must not be
checked by halves.
"""

import re
from collections.abc import Callable, Iterator
from typing import Any

Schema = dict[str, Any]


def problems(value: Any, schema: Schema, where: str) -> list[str]:
    """Sentences that say what is wrong and where; none: the value is valid."""
    return list(_check(value, schema, where, schema))


def _check(value: Any, schema: Schema, where: str, root: Schema) -> Iterator[str]:
    for keyword, expected in schema.items():
        check = _KEYWORDS.get(keyword)
        if check is None:
            raise NotImplementedError(
                f"the contract uses {keyword}, which schema.py does not know yet"
            )
        found = list(check(value, expected, where, schema, root))
        yield from found
        if found and keyword in ("type", "$ref", "anyOf"):
            return  # a value of another type fails all that follows, and says no more by it


def _type(value: Any, expected: str, where: str, *_: Any) -> Iterator[str]:
    if not _TYPES[expected](value):
        yield f"{where} must be of type {expected}, not {_type_name(value)}"


def _const(value: Any, expected: Any, where: str, *_: Any) -> Iterator[str]:
    if value != expected or isinstance(value, bool) != isinstance(expected, bool):
        yield f"{where} must be {expected!r}, not {_shown(value)}"


def _enum(value: Any, expected: list[Any], where: str, *_: Any) -> Iterator[str]:
    if value not in expected:
        yield f"{where} must be one of {', '.join(map(str, expected))}, not {_shown(value)}"


def _pattern(value: Any, expected: str, where: str, *_: Any) -> Iterator[str]:
    # fullmatch, because Python's $ also matches before a last newline and JavaScript's does not.
    if isinstance(value, str) and not re.fullmatch(expected, value, re.ASCII):
        yield f"{where} is {_shown(value)}, which does not match {expected}"


def _max_length(value: Any, expected: int, where: str, *_: Any) -> Iterator[str]:
    if isinstance(value, str) and len(value) > expected:
        yield f"{where} has {len(value)} characters; at most {expected} are allowed"


def _min_length(value: Any, expected: int, where: str, *_: Any) -> Iterator[str]:
    if isinstance(value, str) and len(value) < expected:
        yield f"{where} has {len(value)} characters; at least {expected} are needed"


def _maximum(value: Any, expected: float, where: str, *_: Any) -> Iterator[str]:
    if _is_number(value) and value > expected:
        yield f"{where} is {value}; at most {expected} is allowed"


def _minimum(value: Any, expected: float, where: str, *_: Any) -> Iterator[str]:
    if _is_number(value) and value < expected:
        yield f"{where} is {value}; at least {expected} is needed"


def _max_items(value: Any, expected: int, where: str, *_: Any) -> Iterator[str]:
    if isinstance(value, list) and len(value) > expected:
        yield f"{where} has {len(value)} items; at most {expected} are allowed"


def _min_items(value: Any, expected: int, where: str, *_: Any) -> Iterator[str]:
    if isinstance(value, list) and len(value) < expected:
        yield f"{where} has {len(value)} items; at least {expected} are needed"


def _items(value: Any, expected: Schema, where: str, _: Any, root: Schema) -> Iterator[str]:
    if isinstance(value, list):
        for index, item in enumerate(value):
            yield from _check(item, expected, f"{where}[{index}]", root)


def _properties(value: Any, expected: Schema, where: str, _: Any, root: Schema) -> Iterator[str]:
    if isinstance(value, dict):
        for name, schema in expected.items():
            if name in value:
                yield from _check(value[name], schema, f"{where}.{name}", root)


def _required(value: Any, expected: list[str], where: str, *_: Any) -> Iterator[str]:
    if isinstance(value, dict):
        yield from (f"{where}.{name} is missing" for name in expected if name not in value)


def _additional(
    value: Any, expected: Any, where: str, schema: Schema, root: Schema
) -> Iterator[str]:
    if not isinstance(value, dict):
        return
    for name in value.keys() - schema.get("properties", {}).keys():
        if expected is False:
            yield f"{where}.{name} is not known"
        else:
            yield from _check(value[name], expected, f"{where}.{name}", root)


def _property_names(
    value: Any, expected: Schema, where: str, _: Any, root: Schema
) -> Iterator[str]:
    if isinstance(value, dict):
        for name in value:
            yield from _check(name, expected, f"the name {_shown(name)} in {where}", root)


def _any_of(value: Any, expected: list[Schema], where: str, _: Any, root: Schema) -> Iterator[str]:
    tries = [list(_check(value, option, where, root)) for option in expected]
    if all(tries):
        yield min(tries, key=len)[0]


def _ref(value: Any, expected: str, where: str, _: Any, root: Schema) -> Iterator[str]:
    yield from _check(value, root["$defs"][expected.removeprefix("#/$defs/")], where, root)


def _annotation(*_: Any) -> Iterator[str]:
    yield from ()


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _type_name(value: Any) -> str:
    return next(name for name, matches in _TYPES.items() if matches(value))


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 100 else f"{text[:99]}…"


_TYPES: dict[str, Callable[[Any], bool]] = {
    "null": lambda value: value is None,
    "boolean": lambda value: isinstance(value, bool),
    "integer": lambda value: _is_number(value) and float(value).is_integer(),
    "number": _is_number,
    "string": lambda value: isinstance(value, str),
    "array": lambda value: isinstance(value, list),
    "object": lambda value: isinstance(value, dict),
}

_KEYWORDS: dict[str, Callable[..., Iterator[str]]] = {
    "type": _type,
    "const": _const,
    "enum": _enum,
    "pattern": _pattern,
    "maxLength": _max_length,
    "minLength": _min_length,
    "maximum": _maximum,
    "minimum": _minimum,
    "maxItems": _max_items,
    "minItems": _min_items,
    "items": _items,
    "properties": _properties,
    "required": _required,
    "additionalProperties": _additional,
    "propertyNames": _property_names,
    "anyOf": _any_of,
    "$ref": _ref,
    "$schema": _annotation,
    "$defs": _annotation,
    "format": _annotation,  # its pattern stands beside it
    "default": _annotation,
    "description": _annotation,
}
