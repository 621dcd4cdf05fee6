"""`pressplay run`: makes a CodeRun of a sentence and the checkout that one stands in."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
from pydantic import ValidationError

from pressplay.cli import checkout, runs
from pressplay.cli.budgets import budget_of, with_budget
from pressplay.cli.checkout import Checkout
from pressplay.cli.failures import Problem, WrongCall, explains
from pressplay.cli.options import Reach, as_output, reaching
from pressplay.cli.show import objects_as, say
from pressplay.cli.waiting import finish, waits
from pressplay.resources.base import API_VERSION
from pressplay.resources.coderun import CodeRunSpec

# Room for the five characters that the API server adds.
LONGEST_PREFIX = 40
LONGEST_SHOWN = 100

# Field of the spec → what it has to look like, where the model would show a regular expression.
FORMS = {
    "repository": "it is not owner/name, as in acme/sums",
    "base": "it is no name of a branch: letters, digits and ._/-, beginning and ending with a letter or digit",
}

# Field of the spec → the option that fills it, for messages.
OPTIONS = {
    "repository": "--repo",
    "base": "--base",
    "workingDirectory": "--directory",
    "issue": "--issue",
    "pullRequest": "--pr",
    "acceptanceCriteria": "--criterion",
    "persona": "--persona",
    "model": "--model",
    "budget": "--budget",
    "attempts": "--attempts",
    "workbench": "--image",
    "task": "TASK",
}


@click.command()
@click.argument("task", required=False)
@click.option("--repo", help="owner/name on GitHub; that of the checkout's remote where nothing is said.")
@click.option("--base", help="Branch that the pull request is for; the one that the current branch follows.")
@click.option("--directory", help="Folder that commands run in; where one stands in the checkout.")
@click.option("--issue", type=click.IntRange(min=1), help="An issue as the task.")
@click.option("--pr", type=click.IntRange(min=1), help="The review comments of a pull request as the task.")
@click.option("--criterion", "criteria", multiple=True, help="What must hold when it is done; may be repeated.")
@click.option("--persona", help="Who does it; rex where nothing is said.")
@click.option("--model", help="Which model; the persona's where nothing is said.")
@with_budget
@click.option("--attempts", type=click.IntRange(1, 10), help="How often to begin, the first time included.")
@click.option("--image", help="Image in which the repository's code runs.")
@click.option("--name", help="Name of the run; made of the task where nothing is said.")
@click.option("--dry-run", is_flag=True, help="Only print the manifest.")
@waits
@as_output("json", "yaml", "name")
@reaching
@explains
def run(reach: Reach, dry_run: bool, output: str, wait: bool, watch: bool, timeout: float | None, **told: Any) -> None:
    """Have TASK done: in words, or `-` for standard input. In a git checkout nothing else need be said.

    The exit code tells how it ended where it was waited for: 0 done, 1 failed, 3 cancelled, 4 not finished in time.
    """
    here = checkout.read(Path.cwd())
    manifest = build_manifest(told, here, sys.stdin.read)
    for line in hints(manifest, here):
        say(line)
    if dry_run:
        click.echo(objects_as("yaml" if output == "text" else output, {**manifest, "metadata": manifest["metadata"]}))
        return
    access = reach()
    made = access.create(runs.path("CodeRun", access.namespace), manifest)
    if output == "text":
        say(f"coderun/{made['metadata']['name']} is made in {access.namespace}: {summary(manifest['spec'])}")
    finish(access, made, output, wait=wait, watch=watch, timeout=timeout)


def build_manifest(told: dict[str, Any], here: Checkout | None, read: Callable[[], str]) -> dict[str, Any]:
    """The CodeRun that is meant.

    Args:
        told: the options' values.
        here: the checkout that one stands in.
        read: gives the task where it is `-`.

    Raises:
        Problem: something is missing or wrong; names the option.
    """
    spec = build_spec(told, here, read)
    try:
        CodeRunSpec.model_validate(spec)
    except ValidationError as error:
        raise _explained(error, spec) from None
    prefix = slug(spec.get("task") or f"issue-{told['issue']}" if not told["pr"] else f"pull-{told['pr']}")
    metadata = {"name": told["name"]} if told["name"] else {"generateName": f"{prefix}-"}
    return {"apiVersion": API_VERSION, "kind": "CodeRun", "metadata": metadata, "spec": spec}


def build_spec(told: dict[str, Any], here: Checkout | None, read: Callable[[], str]) -> dict[str, Any]:
    """The spec, with nothing in it that was neither said nor found."""
    ways = [name for name in ("task", "issue", "pr") if told[name] is not None]
    if len(ways) != 1 and ways != ["task", "pr"]:
        raise WrongCall(
            "there is no task" if not ways else f"the task is said in {len(ways)} ways",
            'say one: pressplay run "what is to be done", --issue N or --pr N; or words with --pr N, to be done on it',
        )
    task = read().strip() if told["task"] == "-" else told["task"]
    repository = told["repo"] or (here.repository if here else "")
    if not repository:
        raise WrongCall(
            "no repository is named, and this folder is no checkout with a remote" if here is None
            else "this checkout has no remote on a server that would name its repository",
            "name it with --repo owner/name, or go into a checkout of it",
        )  # fmt: skip
    # What the checkout tells is true of its own repository only.
    same = here is not None and here.repository == repository
    found = {
        "repository": repository,
        "task": task,
        "issue": told["issue"],
        "pullRequest": told["pr"],
        "base": told["base"] or (here.base if same and here and not told["pr"] else None),
        "workingDirectory": told["directory"] or (here.directory if same and here else None),
        "acceptanceCriteria": list(told["criteria"]),
        "persona": told["persona"],
        "model": told["model"],
        "budget": budget_of(told["budgets"]),
        "attempts": told["attempts"],
        "workbench": {"image": told["image"]} if told["image"] else None,
    }
    return {name: value for name, value in found.items() if value}


def slug(text: str) -> str:
    """A name made of a text's first words."""
    words = re.findall(r"[a-z0-9]+", text.lower())
    name = ""
    for word in words:
        if len(name) + len(word) + 1 > LONGEST_PREFIX:
            break
        name += f"-{word}" if name else word
    return name or (words[0][:LONGEST_PREFIX] if words else "run")


def hints(manifest: dict[str, Any], here: Checkout | None) -> list[str]:
    """What the user may have overlooked: work that is only on this machine."""
    if here is None or here.repository != manifest["spec"]["repository"]:
        return []
    lines = []
    if here.unpushed:
        commits = "a commit of yours is" if here.unpushed == 1 else f"{here.unpushed} commits of yours are"
        lines.append(f"note: {commits} not pushed; the agent begins on what GitHub has of {here.base}")
    if here.changed:
        lines.append("note: changed files of yours are not committed; the agent does not see them")
    return lines


def summary(spec: dict[str, Any]) -> str:
    """What was found out, in one line."""
    parts = [spec["repository"], f"base {spec['base']}" if "base" in spec else "its default branch"]
    if "workingDirectory" in spec:
        parts.append(f"in {spec['workingDirectory']}")
    return ", ".join(parts)


def _explained(error: ValidationError, spec: dict[str, Any]) -> Problem:
    first = error.errors()[0]
    field = str(first["loc"][0]) if first["loc"] else "spec"
    option = OPTIONS.get(field, field)
    value = spec.get(field)
    told = f"{option} {value!r}" if isinstance(value, str) and len(value) <= LONGEST_SHOWN else option
    why = FORMS.get(field, first["msg"]) if first["type"] == "string_pattern_mismatch" else first["msg"]
    return WrongCall(f"{told} is wrong: {why}", f"say another with {option}; `pressplay run --help` explains it")
