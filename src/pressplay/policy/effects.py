"""What a persona's work may lead to on GitHub: checked before anything of an output leaves and any token is taken."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from pressplay.personas.agreement import NEEDS, lacking
from pressplay.personas.permissions import Access
from pressplay.personas.schema import Effect, Persona
from pressplay.protocol.run import Output, Violation

# What an output needs of a token: the branch is pushed, the pull request opened.
PUBLISHING: Final[Mapping[str, Access]] = {"contents": "write", "pull_requests": "write"}
ON_PULL_REQUEST: Final[Mapping[str, Access]] = {"pull_requests": "write"}
ON_ISSUE: Final[Mapping[str, Access]] = {"issues": "write"}
RESOLVING: Final[Mapping[str, Access]] = NEEDS[Effect.RESOLVE_THREAD][0]
BACKUP: Final[Mapping[str, Access]] = {"contents": "write"}

# The rule that an agent cannot mend: whoever keeps the personas can.
PERMISSION: Final = "permission"

Check = Callable[[Persona, Output], Violation | None]


def commenting(pull_request: int | None) -> dict[str, Access]:
    """What a comment where the task stands needs: on its pull request, or on its issue where there is none."""
    return dict(ON_PULL_REQUEST if pull_request else ON_ISSUE)


def may_comment(persona: Persona, issue: int | None, pull_request: int | None) -> bool:
    """Whether a persona may say something on the issue or pull request that a run is about."""
    somewhere = bool(issue or pull_request)
    return somewhere and Effect.COMMENT in persona.effects and not lacking(persona, commenting(pull_request))


def may_resolve(persona: Persona, pull_request: int | None) -> bool:
    """Whether a persona may resolve review threads of the pull request that a run is about."""
    return bool(pull_request) and Effect.RESOLVE_THREAD in persona.effects and not lacking(persona, RESOLVING)


def changes(persona: Persona, output: Output) -> Violation | None:
    """Only who may open a pull request hands changes over."""
    if output.changes.empty or Effect.OPEN_PULL_REQUEST in persona.effects:
        return None
    return Violation(
        rule="effect",
        message=f"{persona.title} changes nothing; leave the working tree as it was and say what you found",
        paths=(*(file.path for file in output.changes.files), *output.changes.deleted)[:20],
    )


def verdict(persona: Persona, output: Output) -> Violation | None:
    """Only who may judge gives a verdict."""
    if output.verdict is None or Effect.VERDICT in persona.effects:
        return None
    return Violation(rule="effect", message=f"{persona.title} gives no verdict; call finish without one")


def comment(persona: Persona, output: Output) -> Violation | None:
    """Only who may comment does."""
    if not output.comment or Effect.COMMENT in persona.effects:
        return None
    return Violation(rule="effect", message=f"{persona.title} comments nowhere; call finish without a comment")


def resolved(persona: Persona, output: Output) -> Violation | None:
    """Only who may resolve threads does."""
    if not output.resolved or Effect.RESOLVE_THREAD in persona.effects:
        return None
    return Violation(rule="effect", message=f"{persona.title} resolves no threads; call finish without `resolved`")


def permissions(persona: Persona, output: Output) -> Violation | None:
    """The persona's own permissions bound the token's, also where the persona was changed since the run began."""
    for effect, used in (
        (Effect.OPEN_PULL_REQUEST, not output.changes.empty),
        (Effect.VERDICT, output.verdict is not None),
        (Effect.RESOLVE_THREAD, bool(output.resolved)),
    ):
        missing = [lacking(persona, needed) for needed in NEEDS[effect]] if used and effect in persona.effects else []
        if missing and all(missing):
            told = f"{persona.title} lacks the permissions {', '.join(missing[0])}, which {effect.told} needs"
            return Violation(rule=PERMISSION, message=f"{told}; whoever keeps the personas may give them")
    return None


CHECKS: Final[tuple[Check, ...]] = (changes, verdict, comment, resolved, permissions)


def violations(persona: Persona, output: Output) -> list[Violation]:
    """Everything that an output breaks."""
    return [found for check in CHECKS if (found := check(persona, output)) is not None]
