"""`pressplay repo`: what a checkout tells of its branches, without a cluster."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import click

from pressplay.cli.failures import Problem, explains
from pressplay.cli.options import as_output
from pressplay.cli.show import clipped, one_line, say, table
from pressplay.cli.waiting import Duration
from pressplay.workspace.conflicts import Branch, Conflict, active, branch_of, foretell
from pressplay.workspace.git import Git, GitFailed

CONFLICTS_CODE = 1
USUAL_SINCE = "720h"
FETCH_SECONDS = 300
MOST_BRANCHES = 200
LONGEST_FILES = 60
REMOTE, HERE = "refs/remotes/", "refs/heads/"


@click.group()
def repo() -> None:
    """What the checkout here tells of its branches."""


@repo.command("check-conflicts")
@click.option("--base", help="Branch that all others go to; the remote's default where nothing is said.")
@click.option("--remote", default="origin", show_default=True, help="Whose branches; `.` for those of the checkout.")
@click.option("--fetch", is_flag=True, help="Fetch the remote's branches first.")
@click.option("--since", type=Duration(), default=USUAL_SINCE, show_default=True,
              help="Branches that nobody touched for so long are passed over.")  # fmt: skip
@as_output("json")
@explains
def check_conflicts(base: str | None, remote: str, fetch: bool, since: float, output: str) -> None:
    """Foretell conflicts between all active branches, and with the base; nothing is changed.

    The exit code is 1 where there are some, so that a schedule can tell somebody.
    """
    git = _checkout()
    if fetch and remote != ".":
        _fetch(git.folder, remote)
    place = HERE if remote == "." else f"{REMOTE}{remote}/"
    root = _base(git, place, remote, base)
    branches = active(git, place, root, time.time() - since)
    if len(branches) > MOST_BRANCHES:
        raise Problem(
            f"{len(branches)} branches are active, and at most {MOST_BRANCHES} are compared", "shorten --since"
        )
    try:
        found = foretell(git, root, branches)
    except GitFailed as failed:
        raise Problem(f"git cannot foretell: {failed.said or failed}", "it takes git 2.39 or newer") from None
    if output == "json":
        conflicts = [{**asdict(each), "suggestion": suggestion(each, root, branches)} for each in found]
        told = {"base": root.name, "branches": [asdict(each) for each in branches], "conflicts": conflicts}
        click.echo(json.dumps(told, indent=2))
    else:
        click.echo(
            table(("BRANCH", "AHEAD", "BEHIND"), [(each.name, str(each.ahead), str(each.behind)) for each in branches])
        )
        if found:
            rows = [(each.one, each.other, _files(each), suggestion(each, root, branches)) for each in found]
            click.echo("\n" + table(("BRANCH", "AND", "CONFLICT IN", "SUGGESTION"), rows))
        say(f"{len(found)} conflicts between {len(branches)} active branches and {root.name}")
    sys.exit(CONFLICTS_CODE if found else 0)


def suggestion(conflict: Conflict, base: Branch, branches: Sequence[Branch]) -> str:
    """What would deal with a conflict."""
    if conflict.one == base.name:
        return f"rebase {conflict.other} onto {base.name}"
    # The branches come with the fewest commits first: what is small is merged soon, and leaves less to rebase.
    order = [each.name for each in branches]
    first, second = sorted((conflict.one, conflict.other), key=order.index)
    return f"merge {first} first, then rebase {second}"


def _files(conflict: Conflict) -> str:
    return clipped(one_line(", ".join(conflict.files)), LONGEST_FILES)


def _checkout() -> Git:
    """The checkout that one stands in, from its root on."""
    try:
        return Git(Path(Git(Path.cwd()).text("rev-parse", "--show-toplevel")))
    except GitFailed:
        raise Problem("this is no git checkout", "go into one; all is read from there") from None


def _fetch(folder: Path, remote: str) -> None:
    """As the user would: with his settings and credentials."""
    words = ["git", "fetch", "--prune", "--quiet", remote]
    done = subprocess.run(words, cwd=folder, capture_output=True, text=True, timeout=FETCH_SECONDS, check=False)
    if done.returncode:
        raise Problem(f"{remote} cannot be fetched: {one_line(done.stderr)}", "check --remote, network and credentials")


def _base(git: Git, place: str, remote: str, named: str | None) -> Branch:
    """The branch that all others go to."""
    name = named or (_default(git, remote) if remote != "." else "main")
    found = branch_of(git, place, name)
    if found is None:
        raise Problem(f"there is no branch {name} in {place.removesuffix('/')}", "name it with --base, or add --fetch")
    return found


def _default(git: Git, remote: str) -> str:
    try:
        return git.text("symbolic-ref", "--short", f"{REMOTE}{remote}/HEAD").removeprefix(f"{remote}/")
    except GitFailed:
        return "main"
