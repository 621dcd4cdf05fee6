"""Watching a play: what changes is told, a line each, until nothing more happens."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import click
import yaml

from pressplay.cli import plays_cluster
from pressplay.cli import plays_text as text
from pressplay.cli.failures import Exit, Problem
from pressplay.cli.follow import Patience
from pressplay.cli.plays_cluster import Board
from pressplay.cli.show import one_line, say
from pressplay.cli.waiting import INTERRUPTED
from pressplay.kube.access import Access, Unreachable, objects
from pressplay.kube.argo import API_VERSION, PLURAL

WATCH_SECONDS = 30


def until_settled(access: Access, namespace: str, play: str, timeout: float | None, output: str) -> None:
    """Tell what changes until the play is over, and end the process with the exit code that says how it ended."""
    try:
        board = _until_over(access, namespace, play, timeout)
    except KeyboardInterrupt:
        say(f"{play} goes on; `pressplay plays {play}` tells where it is")
        sys.exit(INTERRUPTED)
    show(board, output)
    if not board.over:
        sys.exit(Exit.NOT_FINISHED)
    sys.exit(Exit.SUCCEEDED if board.merged else Exit.FAILED)


def _until_over(access: Access, namespace: str, play: str, timeout: float | None) -> Board:
    """Tell what changes until the play or the time is over; answers where it is then.

    Raises:
        Problem: the play was deleted.
    """
    ends = None if timeout is None else time.monotonic() + timeout
    told: dict[str, str] = {}
    patience = Patience()
    while True:
        try:
            found = plays_cluster.generations(access, namespace, play)
            patience.seen()
            if not found:
                raise Problem(f"the play {play} was deleted", "`pressplay play` begins it once more")
            board = plays_cluster.board_of(found[-1])
            _tell(board, told)
            if board.over or (ends is not None and time.monotonic() >= ends):
                return board
            left = WATCH_SECONDS if ends is None else min(WATCH_SECONDS, max(1, int(ends - time.monotonic())))
            _wait(access, namespace, found[-1]["metadata"], left)
        except Unreachable as error:
            patience.unseen(error)


def show(board: Board, output: str) -> None:
    """Where a play is, as it was asked for."""
    told = asdict(board)
    if output == "json":
        click.echo(json.dumps(told, indent=2))
    elif output == "yaml":
        click.echo(yaml.safe_dump(json.loads(json.dumps(told)), sort_keys=False).rstrip())
    else:
        click.echo(text.board_table(board))
        say(f"{board.name}: {text.counts(board)}")


def _wait(access: Access, namespace: str, meta: Mapping[str, Any], seconds: int) -> None:
    """Wait for a Workflow's next change, or for some seconds."""
    query = {"resourceVersion": meta["resourceVersion"], "fieldSelector": f"metadata.name={meta['name']}"}
    for _ in access.watch(objects(API_VERSION, PLURAL, namespace), seconds, **query):
        return


def _tell(board: Board, told: dict[str, str]) -> None:
    for each in board.tasks:
        line = f"{each.task}: {each.state}" + (f" {each.flow}" if each.flow else "")
        line += f" ({one_line(each.why)})" if each.why else ""
        if told.get(each.task) != line:
            told[each.task] = line
            say(f"  {line}")
