"""`pressplay workstreams`: a folder of workstreams run as one graph, where it is, and what came of it.

With Argo one Workflow does it, and goes on without us. Without Argo this command begins each workstream when what it
depends on is done, for as long as it waits.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import yaml

from pressplay.cli import checkout, personas_known
from pressplay.cli import workstreams_text as text
from pressplay.cli.failures import Exit, WrongCall, explains
from pressplay.cli.options import Reach, as_output, reaching
from pressplay.cli.show import objects_as, say
from pressplay.cli.waiting import INTERRUPTED, Duration
from pressplay.cli.workflows import flows_namespace
from pressplay.cli.workstreams_cluster import gather
from pressplay.cli.workstreams_work import FromHere, InWorkflow, Set, Worked, until_settled
from pressplay.kube.access import Access
from pressplay.planner.workstream_board import Board, State, board
from pressplay.planner.workstream_objects import build_workflow, set_name
from pressplay.planner.workstreams import Home, WorkstreamsWrong, plan

SUFFIXES = (".yaml", ".yml")
# It begins a Workflow's name and is a label's value.
SET = re.compile(r"[a-z]([-a-z0-9]{0,48}[a-z0-9])?")


def _on_a_folder(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add DIR and what decides how it is read."""
    agents = click.Path(exists=True, file_okay=False, path_type=Path)
    folder = click.Path(exists=True, file_okay=False, path_type=Path)
    command = click.option("--agents", type=agents, help="Folder of the personas; those of the cluster else.")(command)
    command = click.option("--name", help="Name of the set; made of repository and folder where nothing is said.")(
        command
    )
    command = click.option("--repo", help="owner/name on GitHub; that of the checkout where nothing is said.")(command)
    return click.argument("folder", type=folder, metavar="DIR")(command)


@click.group()
def workstreams() -> None:
    """Work a folder of workstreams, each a YAML file, to pull requests in the order that they depend on each other."""


@workstreams.command()
@_on_a_folder
@click.option("--wait", is_flag=True, help="Wait until nothing more happens, and tell what happens.")
@click.option("--timeout", type=Duration(), help="Wait no longer: 90s, 15m, 2h.")
@click.option("--again", is_flag=True, help="Run what is done already once more.")
@click.option("--no-argo", is_flag=True, help="Make the runs from here, even where there is Argo.")
@click.option("--parallel", type=click.IntRange(min=1), help="How many at once, where the runs are made from here.")
@click.option("--dry-run", is_flag=True, help="Only print the plan; -o yaml prints the Workflow.")
@as_output("json", "yaml")
@reaching
@explains
def run(
    reach: Reach, folder: Path, repo: str | None, name: str | None, agents: Path | None, wait: bool,
    timeout: float | None, again: bool, no_argo: bool, parallel: int | None, dry_run: bool, output: str,
) -> None:  # fmt: skip
    """Run the workstreams of DIR; what is done already is not run again, what failed is.

    The exit code tells how it ended where it was waited for: 0 done, 1 something failed, 4 not finished in time.
    """
    told = read_set(reach, folder, repo, name, agents)
    if dry_run:
        click.echo(_plan_as(output, told))
        return
    access = reach()
    flows = flows_namespace(access)
    argo = None if no_argo else flows
    if argo is not None and parallel is not None:
        raise WrongCall(
            "Argo begins all that is ready at once", "--no-argo makes the runs from here, --parallel at a time"
        )
    if argo is None and again and not wait:
        raise WrongCall("without Argo --again would begin only what depends on nothing", "add --wait")
    work: Worked
    if argo is not None:
        work = InWorkflow(access, _places(access, argo), told)
    else:
        work = FromHere(access, _places(access, access.namespace, flows), told, parallel)
    if argo is None and wait:
        say(
            "the runs are made from here, each when what it depends on is done: they need this command to go on waiting"
        )
    work.begin(again)
    _finish(work, output, wait=wait, timeout=timeout)


@workstreams.command()
@_on_a_folder
@as_output("json")
@reaching
@explains
def status(
    reach: Reach, folder: Path, repo: str | None, name: str | None, agents: Path | None, output: str
) -> None:  # fmt: skip
    """Say where each workstream of DIR is."""
    where = look(reach(), read_set(reach, folder, repo, name, agents))
    if output == "json":
        click.echo(json.dumps(text.as_json(where), indent=2))
        return
    click.echo(text.status_table(where))
    say(f"{where.name}: {text.counts(where)}")


@workstreams.command()
@_on_a_folder
@as_output("json")
@reaching
@explains
def report(
    reach: Reach, folder: Path, repo: str | None, name: str | None, agents: Path | None, output: str
) -> None:  # fmt: skip
    """Tell what came of the workstreams of DIR, as Markdown."""
    where = look(reach(), read_set(reach, folder, repo, name, agents))
    click.echo(json.dumps(text.as_json(where), indent=2) if output == "json" else text.report(where))


def read_set(reach: Reach, folder: Path, repo: str | None, name: str | None, agents: Path | None) -> Set:
    """A folder's workstreams, planned.

    Raises:
        Problem: they cannot be; names each file and what to do.
    """
    files = {path.name: path.read_bytes() for path in sorted(folder.iterdir()) if path.suffix in SUFFIXES}
    if name is not None and not SET.fullmatch(name):
        raise WrongCall(
            f"--name {name!r} is wrong", "write small letters, digits and `-`, at most 50, the first a letter"
        )
    here = checkout.read(folder)
    same = here is not None and (repo is None or here.repository == repo)
    home = Home(repo or (here.repository if here else ""), here.base if here and same else None)
    known = personas_known.of_folder(agents) if agents else personas_known.of_cluster_or_release(reach, say)
    try:
        found = plan(files, known, home)
    except WorkstreamsWrong as error:
        raise click.ClickException(str(error)) from None
    # What a checkout's root is called is its owner's affair; the set is the same from every checkout.
    where = here.directory if here else folder.resolve().name
    return Set(name or set_name(where, home.repository), found)


def look(access: Access, told: Set) -> Board:
    """Where a set is, wherever it was worked."""
    seen = gather(access, _places(access, access.namespace, flows_namespace(access)), told.name)
    return board(told.name, told.plan, seen.ran, seen.wanted)


def _finish(work: Worked, output: str, *, wait: bool, timeout: float | None) -> None:
    if not wait:
        where = work.step()
        _print(output, where)
        if not where.settled:
            say(work.left_alone(where))
        return
    try:
        where = until_settled(work, say, timeout)
    except KeyboardInterrupt:
        say(work.left_alone(work.look()))
        sys.exit(INTERRUPTED)
    _print(output, where)
    if not where.settled:
        say(work.left_alone(where))
    if not work.over(where):
        sys.exit(Exit.NOT_FINISHED)
    sys.exit(Exit.SUCCEEDED if where.done else Exit.FAILED)


def _print(output: str, where: Board) -> None:
    if output == "text":
        click.echo(text.status_table(where))
        say(f"{where.name}: {text.counts(where)}")
    else:
        told = text.as_json(where)
        click.echo(json.dumps(told, indent=2) if output == "json" else yaml.safe_dump(told, sort_keys=False).rstrip())


def _plan_as(output: str, told: Set) -> str:
    if output == "text":
        return text.plan_table(told.plan)
    where = board(told.name, told.plan, ())
    if output == "yaml":
        chosen = [name for name, state in where.states.items() if state in (State.READY, State.WAITING)]
        return objects_as("yaml", build_workflow(told.name, told.plan, 1, chosen))
    return json.dumps(text.as_json(where), indent=2)


def _places(access: Access, first: str, *others: str | None) -> tuple[str, ...]:
    """Where something of a set may be, each namespace once."""
    return tuple(dict.fromkeys(place for place in (first, access.namespace, *others) if place))
