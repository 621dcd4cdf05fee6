"""`pressplay plays`: the plays that there are, and where the tasks of one are."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import click

from pressplay.cli import plays_cluster
from pressplay.cli import plays_text as text
from pressplay.cli.failures import Problem, WrongCall, explains
from pressplay.cli.options import as_output, on_cluster
from pressplay.cli.plays_cluster import WORKING, Board
from pressplay.cli.plays_watch import show
from pressplay.cli.runs import moment, now
from pressplay.cli.show import age, table
from pressplay.kube.access import Access
from pressplay.planner.backlog import BacklogError, Status
from pressplay.planner.backlog_edit import with_statuses
from pressplay.protocol.gates import MERGED, PARKED

# What is parked waits for a person, and is tried once more when it is played again.
STATUSES: Final[Mapping[str, Status]] = {
    MERGED: Status.DONE, WORKING: Status.IN_PROGRESS, PARKED: Status.REVIEW,
}  # fmt: skip


@click.command()
@click.argument("name", required=False)
@click.option(
    "--write", type=click.Path(exists=True, dir_okay=False, writable=True, path_type=Path), metavar="FILE",
    help="Write into this backlog what is merged (done), at work (in-progress) and parked (review).",
)  # fmt: skip
@click.option("--tag", help="Of a tagged backlog; master, or the only one, where nothing is said.")
@as_output("json", "yaml")
@explains
@on_cluster
def plays(access: Access, name: str | None, write: Path | None, tag: str | None, output: str) -> None:
    """List plays, or tell where each task of the play NAME is."""
    if write is not None and name is None:
        raise WrongCall("--write is for one play", "name it; `pressplay plays` lists them")
    namespace = plays_cluster.place(access)
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
    if write is not None:
        write_back(board, write, tag)
    show(board, output)


def write_back(board: Board, file: Path, tag: str | None) -> None:
    """Write into a backlog where its tasks are; what has not begun, or is held, stays as it is."""
    statuses = {each.task: STATUSES[each.state] for each in board.tasks if each.state in STATUSES}
    data = file.read_bytes()
    try:
        made = with_statuses(data, tag, statuses)
    except BacklogError as error:
        raise click.ClickException(f"{file}: {error}") from None
    if made != data:
        beside = file.with_name(f".{file.name}.new")
        beside.write_bytes(made)
        beside.replace(file)


def begun(workflow: Mapping[str, Any]) -> datetime | None:
    """When a play's Workflow was made."""
    return moment(workflow["metadata"]["creationTimestamp"])
