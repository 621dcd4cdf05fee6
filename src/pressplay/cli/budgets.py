"""What a run may spend, as people write it: $2.50, 200k, 40steps, 30m."""

from __future__ import annotations

import re
from typing import Any, Final

import click

from pressplay.cli.failures import WrongCall
from pressplay.resources.run import MOST_SECONDS, MOST_STEPS, MOST_TOKENS

AMOUNT: Final = re.compile(
    r"^(?:\$(?P<dollars>[0-9]+(?:\.[0-9]+)?)|(?P<number>[0-9]+)(?P<unit>k|M|tokens|steps|s|m|h))$"
)
SECONDS: Final = {"s": 1, "m": 60, "h": 3600}
TOKENS: Final = {"tokens": 1, "k": 1000, "M": 1_000_000}
# What a run may have at most, in the words that people use.
MOST: Final = {
    "seconds": (MOST_SECONDS, f"{MOST_SECONDS // 3600}h, which are {MOST_SECONDS // 86_400} days"),
    "steps": (MOST_STEPS, f"{MOST_STEPS}steps"),
    "tokens": (MOST_TOKENS, f"{MOST_TOKENS // 1_000_000}M"),
}

with_budget = click.option(
    "--budget", "budgets", multiple=True, metavar="AMOUNT",
    help="What it may spend: $2.50, 200k (tokens), 40steps, 30m; may be repeated.",
)  # fmt: skip


def budget_of(amounts: tuple[str, ...]) -> dict[str, Any]:
    """What may be spent, as a run's spec has it.

    Raises:
        WrongCall: one of the amounts is none, or is more than any run may spend.
    """
    found: dict[str, Any] = {}
    for amount in amounts:
        match = AMOUNT.match(amount.strip())
        if not match:
            raise WrongCall(
                f"--budget {amount!r} is no amount",
                "write $2.50 for money, 200k or 1M for tokens, 40steps for calls of the model, 30m for time",
            )
        if match["dollars"]:
            found["dollars"] = match["dollars"]
            continue
        field, factor = _unit(match["unit"])
        found[field] = int(match["number"]) * factor
        most, words = MOST[field]
        if found[field] > most:
            raise WrongCall(f"--budget {amount!r} is more than a run may have", f"it may have {words} at most")
    return found


def _unit(unit: str) -> tuple[str, int]:
    if unit in SECONDS:
        return "seconds", SECONDS[unit]
    return ("steps", 1) if unit == "steps" else ("tokens", TOKENS[unit])
