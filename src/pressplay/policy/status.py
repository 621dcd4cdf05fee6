"""What people are told of a pull request or issue: what stands in the way, what was spent, what can be asked. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from pressplay.policy.commands import Verb

USES = {
    Verb.RUN: "start on the newest commit of a pull request or on an issue; with words: do what they say",
    Verb.RETRY: "start what ended here once more",
    Verb.STOP: "stop what is at work here",
    Verb.WHY: "tell what it waits for",
    Verb.BUDGET: "tell what was spent here",
    Verb.APPROVE: "answer for the newest commit of a pull request, or for the one that is named, so that it may go on",
}
MOST_RUNS = 10
MICRO = 1_000_000


def usage() -> str:
    """All commands."""
    lines = [f"- `/pressplay {verb}`: {words}" for verb, words in USES.items()]
    return "\n".join(["there is no such command. These are:", "", *lines])


def spent(runs: Sequence[tuple[str, str, int, int]]) -> str:
    """What runs have cost.

    Args:
        runs: name, persona, tokens and millionths of a dollar of each, the latest first.
    """
    if not runs:
        return "nothing was spent here yet."
    tokens, cost = sum(each[2] for each in runs), sum(each[3] for each in runs)
    lines = [f"- {name} ({persona}): {_amount(some, of)}" for name, persona, some, of in runs[:MOST_RUNS]]
    if len(runs) > MOST_RUNS:
        lines.append(f"- and {len(runs) - MOST_RUNS} earlier ones")
    return "\n".join([f"{_amount(tokens, cost)} in {len(runs)} run{'s' if len(runs) != 1 else ''}.", "", *lines])


def _amount(tokens: int, cost: int) -> str:
    return f"${cost / MICRO:.2f}, {tokens:,} tokens"


def blocking(
    flows: Sequence[tuple[str, int, str, str | None]],
    stood: Sequence[tuple[str, str, str | None, str]],
    at_work: Sequence[tuple[str, str]],
    parked: str = "",
) -> str:
    """The one thing that is waited for.

    Args:
        flows: name, generation, state and commit of each, the latest first.
        stood: gate, commit, verdict and message of each, the latest first.
        at_work: name and persona of runs that have not ended.
        parked: why nothing begins by itself any more.
    """
    live = next((each for each in flows if each[2] in ("wanted", "made", "stopping")), None)
    if live is None:
        if parked:
            return f"parked: {parked}."
        if not flows:
            return "nothing was started here; `/pressplay run` does."
        return f"{flows[0][0]} has ended, and nothing is at work; `/pressplay retry` starts it once more."
    name, _, state, head = live
    if state == "wanted":
        return f"{name} is wanted and about to be made."
    if state == "stopping":
        return f"{name} is being stopped."
    for gate, commit, verdict, message in stood:
        if verdict is None and head in (None, commit):
            return f"{name} waits for {gate}: {message}."
    if at_work:
        names = ", ".join(f"{run} ({persona})" for run, persona in at_work)
        return f"{name} waits for a run: {names}."
    return f"{name} is at work."
