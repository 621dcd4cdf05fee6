"""Whose verdict counts at a merge: a run that was asked nothing but to judge its pull request. Pure.

Whoever may create runs can name any persona. With words, an image or variables of its own such a run could be had to
say anything; with nothing of its own it is what a flow asks for, whoever made it.
"""

from __future__ import annotations

from typing import Final

from pressplay.resources.coderun import CodeRunSpec

# Fields that say what is judged and by whom, and those that change nothing of how.
HARMLESS: Final = frozenset({
    "repository", "pull_request", "persona", "github_app", "head", "continue_from", "budget", "attempts",
    "ttl_seconds_after_finished", "suspend", "cancel",
})  # fmt: skip


def only_judges(spec: object, persona: str, before: tuple[str, bool] | None) -> bool:
    """Whether a run is asked nothing but to judge its pull request.

    Args:
        before: persona of the run that it goes on with, and whether that one only judged; None where it begins anew.
    """
    if not isinstance(spec, CodeRunSpec) or spec.pull_request is None:
        return False
    own = spec.model_dump(exclude_defaults=True).keys() - HARMLESS
    return not own and (before is None or before == (persona, True))
