"""`pressplay play`: a backlog goes to merged. One Workflow a play, which Argo goes on with when nobody looks."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click
from pydantic import ValidationError

from pressplay.cli import checkout, plays_cluster
from pressplay.cli import plays_text as text
from pressplay.cli.failures import Problem, WrongCall, explains
from pressplay.cli.options import Reach, as_output, reaching
from pressplay.cli.plays_watch import until_settled
from pressplay.cli.show import objects_as, say
from pressplay.cli.waiting import Duration
from pressplay.planner import plays
from pressplay.planner.backlog import BacklogError, Task, check, parse
from pressplay.planner.plays import NAME, PlayWrong, Settings, play_name
from pressplay.planner.schedule import Limits
from pressplay.resources.coderun import CodeRunSpec

USUAL = Path(".taskmaster/tasks/tasks.json")


@click.command()
@click.argument("backlog", required=False, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--repo", help="owner/name on GitHub; that of the checkout where nothing is said.")
@click.option("--tag", help="Of a tagged backlog; master, or the only one, where nothing is said.")
@click.option("--base", help="Branch that pull requests are for; the default branch where nothing is said.")
@click.option("--only", multiple=True, metavar="ID", help="Only this task; may be repeated.")
@click.option("--max-parallel", type=click.IntRange(min=1), help="How many tasks are worked at once.")
@click.option("--persona", default="rex", show_default=True, help="Who implements.")
@click.option("--model", help="Model of the implementation; the persona's where nothing is said.")
@click.option("--name", help="Name of the play; made of repository and file where nothing is said.")
@click.option("--dry-run", is_flag=True, help="Only print the plan; -o yaml prints the Workflow.")
@click.option("--watch", is_flag=True, help="Tell what happens until nothing more does.")
@click.option("--timeout", type=Duration(), help="Watch no longer: 90s, 15m, 2h.")
@as_output("json", "yaml")
@reaching
@explains
def play(
    reach: Reach, backlog: Path | None, repo: str | None, tag: str | None, only: tuple[str, ...], name: str | None,
    max_parallel: int | None, dry_run: bool, watch: bool, timeout: float | None, output: str, **told: Any,
) -> None:  # fmt: skip
    """Play BACKLOG, a tasks.json of TaskMaster's: each task until it is merged, in parallel where that is safe.

    Played again it goes on: what is merged stays so, what is at work goes on, what was parked is tried once more. The
    exit code tells how it ended where it was watched: 0 all merged, 1 something is parked, 4 not finished in time.
    """
    file = backlog or _usual()
    here = checkout.read(file.resolve().parent)
    repository = repo or (here.repository if here else "")
    if not repository:
        raise WrongCall("no repository is named, and the backlog is in no checkout with a remote", "add --repo")
    settings = _settings(repository, max_parallel, told)
    if name is not None and not NAME.fullmatch(name):
        raise WrongCall(f"--name {name!r} is wrong", "write small letters, digits and `-`, at most 50, a letter first")
    tasks, chosen = read(file, tag, only)
    source = f"{here.directory}/{file.name}".lstrip("/") if here else str(file.resolve())
    named = name or play_name(f"{source}#{tag}" if tag else source, repository)
    if dry_run:
        click.echo(_plan_as(output, named, tasks, chosen, settings))
        return
    if not chosen:
        raise Problem("there is nothing to do", text.held(tasks) or "every task is done")
    access = reach()
    namespace = plays_cluster.place(access)
    if only:
        plays_cluster.refuse_beside(access, namespace, named)
    workflow = plays_cluster.begin(access, namespace, named, chosen, settings)
    say(f"workflow/{workflow} plays {len(chosen)} of {len(tasks)} tasks in {namespace}")
    say(f"  `pressplay plays {named}` tells where it is")
    if watch:
        until_settled(access, namespace, named, timeout, output)
    else:
        click.echo(named)


def read(file: Path, tag: str | None, only: tuple[str, ...]) -> tuple[list[Task], list[Task]]:
    """A backlog, and those of its tasks that are to be worked.

    Raises:
        ClickException: it cannot be played; names the file, the task and what to do.
    """
    try:
        tasks = parse(file.read_bytes(), tag)
        troubles = check(tasks)
        if troubles:
            raise click.ClickException("\n".join(f"{file}: {trouble}" for trouble in troubles))
        return tasks, plays.chosen(tasks, only)
    except (BacklogError, PlayWrong) as error:
        raise click.ClickException(f"{file}: {error}") from None


def _settings(repository: str, parallel: int | None, told: Mapping[str, Any]) -> Settings:
    """How it is played, each of its form: what is wrong is said before anything begins.

    Raises:
        WrongCall: something has not; names the option.
    """
    spec = {"repository": repository, "task": "-", **{name: value for name, value in told.items() if value}}
    try:
        CodeRunSpec.model_validate(spec)
    except ValidationError as error:
        field = str(error.errors()[0]["loc"][0])
        option = "--repo" if field == "repository" else f"--{field}"
        raise WrongCall(
            f"{option} {str(spec.get(field))[:80]!r} is wrong", "`pressplay play --help` explains it"
        ) from None
    return Settings(repository, told["persona"], told["base"], told["model"], parallel)


def _usual() -> Path:
    if not USUAL.is_file():
        raise WrongCall("no backlog is named", f"give its file, or stand where {USUAL} is")
    return USUAL


def _plan_as(output: str, name: str, tasks: list[Task], chosen: list[Task], settings: Settings) -> str:
    if output == "yaml":
        return objects_as("yaml", plays.build(name, chosen, settings, 1))
    limits = Limits(settings.parallel)
    if output == "json":
        return json.dumps(text.plan_json(name, tasks, chosen, limits), indent=2)
    return text.plan(name, tasks, chosen, limits)
