"""Whether what a persona says of itself agrees: what its work may lead to, its permissions, its tools, what it changes.

A permission too few would end a run at its very last step; one too many is a token that can do what nobody expects.
Both are refused when personas load, and the message names both sides.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Final

from pressplay.personas.permissions import Access, rank
from pressplay.personas.schema import Effect, Persona

Needed = Mapping[str, Access]

# What each effect needs at GitHub; of several sets one is enough.
NEEDS: Final[Mapping[Effect, tuple[Needed, ...]]] = {
    Effect.OPEN_PULL_REQUEST: ({"contents": "write", "pull_requests": "write"},),
    Effect.COMMENT: ({"pull_requests": "write"}, {"issues": "write"}),
    # What GitHub asks of an App for it is not documented; with less than both it is known to refuse.
    Effect.RESOLVE_THREAD: ({"contents": "write", "pull_requests": "write"},),
    Effect.VERDICT: ({"checks": "write"},),
}
# What a tool reads through the gateway, with a token of the persona's.
READS: Final[Mapping[str, Needed]] = {"discussion": {"issues": "read", "pull_requests": "read"}}


def lacking(persona: Persona, needed: Mapping[str, str]) -> list[str]:
    """The permissions that something needs and a persona has not, as GitHub names them: `contents: write`."""
    return [f"{name}: {level}" for name, level in needed.items() if rank(level) > rank(persona.permissions.get(name))]


def effects_have_permissions(persona: Persona) -> Iterator[str]:
    """No effect without what GitHub asks for it."""
    for effect in persona.effects:
        missing = [lacking(persona, needed) for needed in NEEDS[effect]]
        if all(missing):
            told = " or ".join(", ".join(each) for each in missing)
            yield f"effects: {effect.value} needs {told}, which permissions does not give"


def permissions_have_effects(persona: Persona) -> Iterator[str]:
    """No permission to write that no effect needs."""
    used = {name for effect in persona.effects for needed in NEEDS[effect] for name in needed}
    for name, level in persona.permissions.items():
        if level == "write" and name not in used:
            yield f"permissions: {name}: write is needed by none of its effects ({_listed(persona)}); read is enough"


def tools_have_permissions(persona: Persona) -> Iterator[str]:
    """No tool that could read nothing."""
    for tool, needed in READS.items():
        if tool in persona.tools and (missing := lacking(persona, needed)):
            yield f"tools: {tool} needs {', '.join(missing)}, which permissions does not give"


def changes_are_handed_over(persona: Persona) -> Iterator[str]:
    """Who may change files may open a pull request, and the other way round."""
    opens = Effect.OPEN_PULL_REQUEST in persona.effects
    if persona.writes.kinds and not opens:
        yield f"writes: it may change files, and none of its effects ({_listed(persona)}) hands them over; kinds: []"
    elif opens and not persona.writes.kinds:
        yield "writes: kinds is empty, and effects has open_pull_request; take one of them away"


RULES: Final[tuple[Callable[[Persona], Iterator[str]], ...]] = (
    effects_have_permissions, permissions_have_effects, tools_have_permissions, changes_are_handed_over,
)  # fmt: skip


def disagreements(persona: Persona) -> list[str]:
    """What does not go together, each beginning with its field."""
    return [told for rule in RULES for told in rule(persona)]


def _listed(persona: Persona) -> str:
    return ", ".join(effect.value for effect in persona.effects) or "there are none"
