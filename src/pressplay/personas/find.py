"""Who can do a thing: personas by capability and tags. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Final

from pressplay.personas.schema import Persona

# Who does a task where nobody is named; among equals it goes first.
USUAL: Final = "rex"


def find(personas: Iterable[Persona], capability: str, tags: Collection[str] = ()) -> tuple[Persona, ...]:
    """The personas with a capability, the best first: who shares most tags, then the usual one, then the specialist."""
    able = [one for one in personas if capability in one.capabilities]
    return tuple(sorted(able, key=lambda one: _rank(one, tags)))


def having(personas: Iterable[Persona], capability: str | None = None, tag: str | None = None) -> list[Persona]:
    """Those that have a capability and a tag, as far as one is named, by their names."""
    able = [one for one in personas if capability is None or capability in one.capabilities]
    return sorted((one for one in able if tag is None or tag in one.tags), key=lambda one: one.name)


def _rank(one: Persona, tags: Collection[str]) -> tuple[int, bool, int, str]:
    return -len(set(one.tags) & set(tags)), one.name != USUAL, len(one.capabilities), one.name
