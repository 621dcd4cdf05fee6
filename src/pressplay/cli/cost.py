"""`pressplay cost`: tokens and money of runs."""

from __future__ import annotations

import json
from decimal import Decimal, InvalidOperation
from typing import Any

import click

from pressplay.cli import runs
from pressplay.cli.failures import explains
from pressplay.cli.options import as_output, on_cluster
from pressplay.cli.show import money, say, table
from pressplay.kube.access import Access

HEADER = ("NAME", "PHASE", "MODEL", "CALLS", "INPUT", "CACHED", "OUTPUT", "COST", "PR")


@click.command()
@click.argument("name", required=False)
@click.option("-A", "--all-namespaces", "everywhere", is_flag=True, help="Of all namespaces.")
@as_output("json")
@explains
@on_cluster
def cost(access: Access, name: str | None, everywhere: bool, output: str) -> None:
    """Say what the run NAME cost, or each of all, with their sum."""
    found = [account(run) for run in ([runs.find(access, name)] if name else runs.every(access, everywhere))]
    if output == "json":
        click.echo(json.dumps({"runs": found, "dollars": str(total(found))}, indent=2))
        return
    if not found:
        here = f"in namespace {access.namespace}; -A looks everywhere"
        say(f"no runs {'in any namespace' if everywhere else here}")
        return
    rows = [row(each) for each in found]
    if len(found) > 1:
        merged = sum(1 for each in found if each["pullRequest"])
        rows.append(("total", "", "", *(_sum(found, key) for key in KEYS), money(str(total(found))), f"{merged} PRs"))
    click.echo(table(HEADER, rows))


KEYS = ("calls", "input", "cached", "output")


def account(run: runs.Run) -> dict[str, Any]:
    """What a run used, of what its status tells."""
    told = runs.status(run)
    usage = told.get("usage") or {}
    return {
        "name": run["metadata"]["name"],
        "phase": runs.phase(run),
        "model": told.get("model"),
        "calls": usage.get("calls", 0),
        "input": usage.get("inputTokens", 0) + usage.get("cacheWriteTokens", 0),
        "cached": usage.get("cacheReadTokens", 0),
        "output": usage.get("outputTokens", 0),
        "dollars": told.get("cost"),
        "pullRequest": told.get("pullRequest"),
    }


def row(told: dict[str, Any]) -> tuple[str, ...]:
    """An account's line below HEADER."""
    number = told["pullRequest"]
    return (
        told["name"],
        told["phase"],
        told["model"] or "-",
        *(f"{told[key]:,}" for key in KEYS),
        money(told["dollars"]),
        f"#{number}" if number else "-",
    )


def total(found: list[dict[str, Any]]) -> Decimal:
    """The sum of what is known in US dollars."""
    return sum((_dollars(each["dollars"]) for each in found), Decimal(0))


def _dollars(told: str | None) -> Decimal:
    try:
        return Decimal(told or 0)
    except InvalidOperation:
        return Decimal(0)


def _sum(found: list[dict[str, Any]], key: str) -> str:
    return f"{sum(each[key] for each in found):,}"
