"""`pressplay plays`: the plays that there are, and where the tasks of one are."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Any

import click

from pressplay.cli import plays_cluster
from pressplay.cli import plays_text as text
from pressplay.cli.failures import Problem, explains
from pressplay.cli.options import as_output, on_cluster
from pressplay.cli.plays_watch import show
from pressplay.cli.runs import moment, now
from pressplay.cli.show import age, table
from pressplay.cli.workflows import flows_namespace
from pressplay.kube.access import Access


@click.command()
@click.argument("name", required=False)
@as_output("json", "yaml")
@explains
@on_cluster
def plays(access: Access, name: str | None, output: str) -> None:
    """List plays, or tell where each task of the play NAME is."""
    namespace = flows_namespace(access)
    if namespace is None:
        raise Problem("a play needs Argo Workflows", "install it, and set flows.enabled; runs alone need none")
    found = plays_cluster.newest(access, namespace)
    boards = [(plays_cluster.board_of(each), each) for each in found]
    if name is None:
        if output == "json":
            click.echo(json.dumps([asdict(board) for board, _ in boards], indent=2))
            return
        current = now()
        rows = [
            (board.name, board.phase or "Pending", text.counts(board), age(begun(each), current))
            for board, each in boards
        ]
        click.echo(table(("PLAY", "PHASE", "TASKS", "AGE"), rows))
        return
    board = next((board for board, _ in boards if board.name == name), None)
    if board is None:
        there = ", ".join(each.name for each, _ in boards) or "none"
        raise Problem(f"there is no play {name!r} in {namespace}", f"there are: {there}")
    show(board, output)


def begun(workflow: Mapping[str, Any]) -> datetime | None:
    """When a play's Workflow was made."""
    return moment(workflow["metadata"]["creationTimestamp"])
