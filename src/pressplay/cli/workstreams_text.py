"""A set of workstreams in words: the plan, where each is, and a report in Markdown. Pure.

What a run or a file says is written by others, so it is put on one line and stripped of what would be markup.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict
from decimal import Decimal, InvalidOperation
from typing import Any

from pressplay.cli.runs import moment
from pressplay.cli.show import clipped, duration, money, one_line, table
from pressplay.planner.workstream_board import Board, Ran, State
from pressplay.planner.workstreams import Planned

PLAN_HEADER = ("", "WORKSTREAM", "PRIORITY", "PERSONA", "REPOSITORY", "AFTER")
STATUS_HEADER = ("WORKSTREAM", "STATE", "PERSONA", "RUN", "PR", "COST", "WHY")
LONGEST_CELL = 100


def plan_table(plan: tuple[Planned, ...]) -> str:
    """The order in which they begin, and who works each."""
    rows = [
        (f"{place}.", each.name, each.stream.priority.value, each.persona, each.repository,
         ", ".join(each.stream.dependencies) or "-")
        for place, each in enumerate(plan, start=1)
    ]  # fmt: skip
    return table(PLAN_HEADER, rows)


def status_table(where: Board) -> str:
    """Where each workstream is."""
    return table(STATUS_HEADER, [_row(where, each) for each in where.plan])


def counts(where: Board) -> str:
    """How many are where, in one line."""
    found = Counter(where.states.values())
    return ", ".join(f"{found[state]} {state}" for state in State if found[state])


def as_json(where: Board) -> dict[str, Any]:
    """All that is known, for programs."""
    streams = []
    for each in where.plan:
        ran = where.ran.get(each.name)
        streams.append(
            {
                "name": each.name, "state": where.states[each.name].value, "persona": each.persona,
                "priority": each.stream.priority.value, "repository": each.repository, "base": each.base,
                "dependencies": list(each.stream.dependencies), "waitsFor": list(where.waits_for(each.name)),
                "objectives": list(each.stream.objectives), "run": _run_json(ran) if ran else None,
            }
        )  # fmt: skip
    found = Counter(state.value for state in where.states.values())
    return {
        "name": where.name, "settled": where.settled, "done": where.done, "counts": dict(sorted(found.items())),
        "dollars": str(total(where)), "workstreams": streams,
    }  # fmt: skip


def report(where: Board) -> str:
    """What came of a set, as Markdown."""
    begun = [ran.began for ran in where.ran.values() if ran.began]
    ended = [ran.ended for ran in where.ran.values() if ran.ended]
    lines = [f"# Workstreams {plain(where.name)}", "", f"{counts(where)}. Cost {money(str(total(where)))}."]
    if begun and ended and where.settled:
        lines[-1] += f" From the first start to the last end {duration(moment(min(begun)), moment(max(ended)))}."
    lines += [
        "",
        "| workstream | state | persona | pull request | cost | took |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for each in where.plan:
        ran = where.ran.get(each.name) or Ran(each.name, 0, State.READY)
        cells = (
            each.name, where.states[each.name].value, each.persona, _link(ran), money(ran.cost or None),
            duration(moment(ran.began), moment(ran.ended)),
        )  # fmt: skip
        lines.append(f"| {' | '.join(cells)} |")
    for each in where.plan:
        lines += ["", *_section(where, each)]
    return "\n".join(lines)


def total(where: Board) -> Decimal:
    """What the latest runs cost together, in US dollars, as far as it is known."""
    return sum((_dollars(ran.cost) for ran in where.ran.values()), Decimal(0))


def why(where: Board, name: str) -> str:
    """What explains a workstream's state, in one line; empty where nothing need be said."""
    state, ran = where.states[name], where.ran.get(name)
    if state in (State.WAITING, State.BLOCKED):
        verb = "waits for" if state is State.WAITING else "cannot begin without"
        return f"{verb} {', '.join(where.waits_for(name))}"
    if state is State.HELD:
        return "its file says `status: held`"
    if ran is None:
        return "its file says `status: done`" if state is State.DONE else ""
    return ": ".join(part for part in (ran.reason, one_line(ran.message)) if part)


def plain(text: str) -> str:
    """Text on one line that Markdown shows as it reads."""
    return re.sub(r"([\\`*_\[\]<>|#!~@])", r"\\\1", one_line(text))


def _section(where: Board, each: Planned) -> Iterator[str]:
    ran, state = where.ran.get(each.name), where.states[each.name]
    yield f"## {each.name}: {state}"
    yield ""
    for objective in each.stream.objectives:
        yield f"- {plain(objective)}"
    told = why(where, each.name)
    if told and state is not State.DONE:
        yield ""
        yield f"{plain(told)}."
    if ran is not None and ran.summary:
        yield ""
        yield f"> {plain(ran.summary)}"
    if ran is not None and ran.run:
        yield ""
        yield f"Run `{ran.run}`" + (f" of Workflow `{ran.workflow}`." if ran.workflow else ".")


def _row(where: Board, each: Planned) -> tuple[str, ...]:
    ran = where.ran.get(each.name)
    return (
        each.name, where.states[each.name].value, each.persona, (ran.run if ran else "") or "-",
        f"#{ran.pull_request}" if ran and ran.pull_request else "-", money((ran.cost if ran else "") or None),
        clipped(why(where, each.name), LONGEST_CELL),
    )  # fmt: skip


def _run_json(ran: Ran) -> dict[str, Any]:
    told = asdict(ran)
    told["pullRequest"] = told.pop("pull_request")
    return {name: value for name, value in told.items() if name != "workstream"}


def _link(ran: Ran) -> str:
    if not ran.pull_request:
        return "-"
    whole = re.fullmatch(r"https?://[\w.:/-]+", ran.url)
    return f"[#{ran.pull_request}]({ran.url})" if whole else f"#{ran.pull_request}"


def _dollars(told: str) -> Decimal:
    try:
        return Decimal(told or 0)
    except InvalidOperation:
        return Decimal(0)
