"""Commands in comments: `/pressplay VERB …` at the beginning of a line. What follows the verb is text. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

_LINE = re.compile(r"^/pressplay(?:[ \t]+(?P<rest>[^\r\n]*))?$", re.MULTILINE)
# Quoted, and what stands in code, is what somebody else said or shows.
_FENCE = re.compile(r"`{3,}|~{3,}")
# HTML's comments, which nobody sees who reads it: whoever pastes them commands nothing by them. One that is never
# closed has all that follows in it; what stands behind one on its line begins no line.
_HIDDEN = re.compile(r"<!--.*?(?:-->|\Z)", re.DOTALL)
LONGEST = 2_000


class Verb(StrEnum):
    """What can be asked for."""

    RUN = "run"
    RETRY = "retry"
    STOP = "stop"
    WHY = "why"
    BUDGET = "budget"
    APPROVE = "approve"


@dataclass(frozen=True)
class Command:
    """A command.

    Attributes:
        verb: None for one that there is not.
        rest: what follows it: for `run` the task in words, for `approve` the commit.
    """

    verb: Verb | None
    rest: str = ""


def command_in(text: str) -> Command | None:
    """The first command of a comment; None where there is none."""
    found = _LINE.search(_HIDDEN.sub(" ", _outside_code(text)))
    if found is None:
        return None
    word, _, rest = (found["rest"] or "").strip().partition(" ")
    verb = Verb(word) if word in set(Verb) else None
    return Command(verb, rest.strip()[:LONGEST] if verb else word[:40])


def _outside_code(text: str) -> str:
    """The lines that stand in no fenced code; a fence that is never closed has all that follows in it."""
    outside: list[str] = []
    fence = ""
    for line in text.split("\n"):
        opened = None if fence else _FENCE.match(line)
        if opened is not None:
            fence = opened[0]
        elif not fence:
            outside.append(line)
        elif line.startswith(fence):
            fence = ""
    return "\n".join(outside)
