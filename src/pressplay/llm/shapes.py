"""Shapes of JSON, and the one function that holds a value against a shape.

X
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from pydantic import JsonValue


class NotAllowed(Exception):
    """A value that may not pass: `path` is where it stands, `reason` why not."""

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(f"{path or 'the body'}: {reason}")
        self.path = path
        self.reason = reason


@dataclass(frozen=True)
class String:
    """Text: any, one of `values`, or one that `pattern` matches whole."""

    values: frozenset[str] | None = None
    pattern: str | None = None
    hint: str = ""


@dataclass(frozen=True)
class Whole:
    """A whole number."""

    least: int
    most: int


@dataclass(frozen=True)
class Number:
    """A number, whole or not."""

    least: float
    most: float


@dataclass(frozen=True)
class Flag:
    """True or false, or only one of the two."""

    only: bool | None = None


@dataclass(frozen=True)
class FreeObject:
    """An object of any content, which the vendor hands to the model and does not act on.

    Attributes:
        is_schema: it is a JSON schema: its `$ref`s must stay inside it.
    """

    is_schema: bool = False


@dataclass(frozen=True)
class ListOf:
    """A list."""

    item: Shape
    most: int = 100_000


@dataclass(frozen=True)
class Field:
    """A field of a record."""

    shape: Shape
    required: bool = False
    nullable: bool = False


@dataclass(frozen=True)
class Record:
    """An object: the fields that may pass, and those that the vendor knows and that may not, with the reason."""

    allowed: Mapping[str, Field]
    refused: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Tagged:
    """An object whose kind is told by one of its fields.

    Attributes:
        tag: the field.
        variants: by its value.
        refused: values that the vendor knows and that may not pass, with the reason.
        untagged: the value that is meant where the field is missing or null.
    """

    tag: str
    variants: Mapping[str, Record]
    refused: Mapping[str, str] = field(default_factory=dict)
    untagged: str | None = None


@dataclass(frozen=True)
class Either:
    """One of several shapes, told apart by what kind of JSON value it is."""

    options: tuple[Shape, ...]


Shape = String | Whole | Number | Flag | FreeObject | ListOf | Record | Tagged | Either


def hold(shape: Shape, value: JsonValue, path: str = "") -> None:
    """Hold a value against a shape.

    Raises:
        NotAllowed: with the first place that does not fit, in the order in which the value is written.
    """
    match shape:
        case Either():
            _hold_either(shape, value, path)
        case ListOf():
            _hold_list(shape, value, path)
        case Record():
            _hold_record(shape, value, path)
        case Tagged():
            _hold_tagged(shape, value, path)
        case FreeObject():
            _hold_free(shape, value, path)
        case _:
            _hold_scalar(shape, value, path)


def _hold_scalar(shape: String | Whole | Number | Flag, value: JsonValue, path: str) -> None:
    match shape:
        case String():
            _hold_string(shape, value, path)
        case Flag():
            if not isinstance(value, bool):
                raise NotAllowed(path, "must be true or false")
            if shape.only is not None and value is not shape.only:
                raise NotAllowed(path, f"only {str(shape.only).lower()} is allowed")
        case Whole():
            if isinstance(value, bool) or not isinstance(value, int) or not shape.least <= value <= shape.most:
                raise NotAllowed(path, f"must be a whole number from {shape.least} to {shape.most}")
        case Number():
            if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
                raise NotAllowed(path, "must be a number")
            if not shape.least <= value <= shape.most:
                raise NotAllowed(path, f"must be from {shape.least} to {shape.most}")


def _hold_string(shape: String, value: JsonValue, path: str) -> None:
    if not isinstance(value, str):
        raise NotAllowed(path, "must be a string")
    if shape.values is not None and value not in shape.values:
        raise NotAllowed(path, f"must be one of: {', '.join(sorted(shape.values))}")
    if shape.pattern is not None and re.fullmatch(shape.pattern, value) is None:
        raise NotAllowed(path, shape.hint or "has not the form that is allowed")


def _hold_either(shape: Either, value: JsonValue, path: str) -> None:
    for option in shape.options:
        if isinstance(value, _kind(option)):
            hold(option, value, path)
            return
    raise NotAllowed(path, f"must be {' or '.join(_KIND_NAMES[_kind(option)] for option in shape.options)}")


_KIND_NAMES: Mapping[type, str] = {str: "a string", list: "a list", dict: "an object"}


def _kind(shape: Shape) -> type:
    if isinstance(shape, String):
        return str
    return list if isinstance(shape, ListOf) else dict


def _hold_list(shape: ListOf, value: JsonValue, path: str) -> None:
    if not isinstance(value, list):
        raise NotAllowed(path, "must be a list")
    if len(value) > shape.most:
        raise NotAllowed(path, f"has more than {shape.most} entries")
    for index, item in enumerate(value):
        hold(shape.item, item, f"{path}[{index}]")


def _hold_record(shape: Record, value: JsonValue, path: str) -> None:
    if not isinstance(value, dict):
        raise NotAllowed(path, "must be an object")
    for name, item in value.items():
        place = _at(path, name)
        if name in shape.refused:
            raise NotAllowed(place, shape.refused[name])
        wanted = shape.allowed.get(name)
        if wanted is None:
            raise NotAllowed(place, "unknown field")
        if item is None and wanted.nullable:
            continue
        hold(wanted.shape, item, place)
    for name, wanted in shape.allowed.items():
        if wanted.required and name not in value:
            raise NotAllowed(_at(path, name), "is missing")


def _hold_tagged(shape: Tagged, value: JsonValue, path: str) -> None:
    if not isinstance(value, dict):
        raise NotAllowed(path, "must be an object")
    place = _at(path, shape.tag)
    tag = value.get(shape.tag)
    if tag is None:
        tag = shape.untagged
    if not isinstance(tag, str):
        raise NotAllowed(place, f"must be one of: {', '.join(sorted(shape.variants))}")
    if tag in shape.refused:
        raise NotAllowed(place, f"`{tag}`: {shape.refused[tag]}")
    record = shape.variants.get(tag)
    if record is None:
        raise NotAllowed(place, f"`{tag[:60]}` is unknown; must be one of: {', '.join(sorted(shape.variants))}")
    hold(record, value, path)


def _hold_free(shape: FreeObject, value: JsonValue, path: str) -> None:
    if not isinstance(value, dict):
        raise NotAllowed(path, "must be an object")
    if shape.is_schema:
        _hold_references(value, path)


def _hold_references(value: JsonValue, path: str) -> None:
    if isinstance(value, dict):
        for name, item in value.items():
            place = _at(path, name)
            if name in ("$ref", "$dynamicRef") and isinstance(item, str) and not item.startswith("#"):
                raise NotAllowed(place, "a schema refers only to itself (#…), never to an address")
            _hold_references(item, place)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            _hold_references(item, f"{path}[{index}]")


def _at(path: str, name: str) -> str:
    # The name comes from outside and is shown to people: neither long nor with control characters.
    shown = name if re.fullmatch(r"[A-Za-z0-9_.$-]{1,64}", name) else ascii(name[:64])
    return f"{path}.{shown}" if path else shown


def one_of(*values: str) -> String:
    """A string that is one of these."""
    return String(values=frozenset(values))


def refuse(reason: str, names: Sequence[str]) -> dict[str, str]:
    """The same reason for several names."""
    return dict.fromkeys(names, reason)
