"""Asking before a machine or a cluster that is not ours is changed: says what will be done, then goes on or not."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from localkube.errors import LocalKubeError

TRUE_WORDS = frozenset({"1", "true", "yes", "on"})


@dataclass(frozen=True)
class Consent:
    """How to get a yes.

    Attributes:
        given: the user has said yes beforehand (`--yes`, YES=1, CI=true).
        ask: shows a question and answers whether the user agreed; None where nobody can be asked.
        say: shows a line.
    """

    given: bool
    ask: Callable[[str], bool] | None
    say: Callable[[str], None]

    def require(self, changes: Sequence[str]) -> None:
        """Go on only if the user agrees to all of `changes`; does nothing when there are none.

        Raises:
            LocalKubeError: the user said no, or nobody can be asked.
        """
        if not changes:
            return
        self.say("This changes what is outside our own folders:")
        for change in changes:
            self.say(f"  - {change}")
        if self.given:
            return
        if self.ask is None:
            raise LocalKubeError("nobody is there to agree to these changes", "say yes beforehand with --yes or YES=1")
        if not self.ask("Go on?"):
            raise LocalKubeError("nothing was changed, as you wished", "")


def given_beforehand(flag: bool, environment: Mapping[str, str] = os.environ) -> bool:
    """Whether `--yes`, YES=1 or CI=true stands for the user's answer."""
    return flag or any(environment.get(name, "").lower() in TRUE_WORDS for name in ("YES", "CI"))


def can_ask() -> bool:
    """Whether a person sits before a terminal."""
    return sys.stdin.isatty() and sys.stderr.isatty()
