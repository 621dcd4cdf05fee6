"""`pressplay retry`: a new run with an ended one's task that goes on with its work; of a Workflow, what failed anew."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import click

from pressplay.cli import runs, workflows
from pressplay.cli.budgets import budget_of, with_budget
from pressplay.cli.failures import Problem, WrongCall, explains
from pressplay.cli.options import as_output, on_cluster
from pressplay.cli.retry_workflow import retry_workflow
from pressplay.cli.show import say
from pressplay.cli.waiting import finish, waits
from pressplay.kube.access import Access
from pressplay.resources.base import API_VERSION
from pressplay.resources.names import RETRY_OF
from pressplay.resources.reasons import ConditionType, Phase, Reason

# What belongs to the one run and not to its task.
LEFT_BEHIND = ("suspend", "cancel", "continueFrom", "branch")
# The same of a run that never began: what it was to begin with still holds.
OF_ONE_THAT_NEVER_BEGAN = ("suspend", "cancel")
LONGEST_PREFIX = 40
NOTHING_ELSE: Mapping[str, Any] = {}


@click.command()
@click.argument("name")
@click.option("--afresh", is_flag=True, help="Begin anew instead of going on with what was done.")
@click.option("--node", metavar="NODE", help="Of a Workflow: begin with this step, and what followed it.")
@with_budget
@click.option("--model", help="Another model than that of the run.")
@waits
@as_output("json", "yaml", "name")
@explains
@on_cluster
def retry(
    access: Access, name: str, afresh: bool, node: str | None, budgets: tuple[str, ...], model: str | None,
    output: str, wait: bool, watch: bool, timeout: float | None,
) -> None:  # fmt: skip
    """Try the ended run NAME once more, in a new run that goes on where it stopped.

    What it may spend counts anew. Where it ended since that was too little, give it more: --budget '$5'.

    Of the Workflow NAME, a flow that failed, the steps that failed begin anew; each goes on with the work of its run.
    """
    changed = _changes(budgets, model)
    run = runs.look(access, name)
    if run is None:
        of_workflow = node is not None or name.rpartition("/")[0].lower() in workflows.PREFIXES
        found = workflows.find(access, name) if of_workflow else workflows.look(access, name)
        if found is not None:
            _only_of_runs(afresh, bool(changed), wait or watch or timeout is not None, found["metadata"]["name"])
            retry_workflow(access, found, node, output)
            return
        run = runs.find(access, name)
    if node is not None:
        raise WrongCall(f"{name} is a run, and has no nodes", "leave --node out, or name its Workflow")
    _check(run, afresh)
    made = access.create(runs.path(run["kind"], access.namespace), build_retry(run, afresh, changed))
    if output == "text":
        say(f"{made['metadata']['name']} {_begins(run, afresh)}")
    finish(access, made, output, wait=wait, watch=watch, timeout=timeout)


def _changes(budgets: tuple[str, ...], model: str | None) -> dict[str, Any]:
    """What the new run has otherwise than the old one."""
    return {name: value for name, value in {"budget": budget_of(budgets), "model": model}.items() if value}


def _only_of_runs(afresh: bool, changed: bool, waited: bool, name: str) -> None:
    if changed:
        raise WrongCall("--budget and --model are for runs", "a flow's runs have what its template gives them")
    if afresh:
        raise WrongCall("--afresh is for runs", f"`pressplay retry {name}` begins anew what failed")
    if waited:
        told = f"leave it out; `pressplay workflow status {name}` tells how far it is"
        raise WrongCall("a Workflow is not waited for", told)


def _check(run: runs.Run, afresh: bool) -> None:
    name = run["metadata"]["name"]
    if not runs.finished(run):
        raise Problem(f"{name} has not ended ({runs.phase(run)})", f"wait for it, or `pressplay cancel {name}` first")
    if runs.phase(run) == Phase.SUCCEEDED and not afresh:
        told = f"`pressplay retry {name} --afresh` does its task once more"
        raise Problem(f"{name} succeeded, so there is nothing to go on with", told)


def _begins(run: runs.Run, afresh: bool) -> str:
    name = run["metadata"]["name"]
    if not afresh and not _began(run):
        return f"begins anew: {name} was refused or ended before it did anything"
    return "begins anew" if afresh or run["kind"] != "CodeRun" else f"goes on with the work of {name}"


def _began(run: runs.Run) -> bool:
    """Whether there may be work of it."""
    return (runs.condition(run, ConditionType.ADMITTED) or {}).get("status") == "True"


def build_retry(run: runs.Run, afresh: bool, changed: Mapping[str, Any] = NOTHING_ELSE) -> dict[str, Any]:
    """The new run's manifest.

    Args:
        changed: fields of its spec that are to be others; what a budget does not name stays.
    """
    meta = run["metadata"]
    goes_on = _began(run) and not afresh
    left = LEFT_BEHIND if goes_on or afresh else OF_ONE_THAT_NEVER_BEGAN
    spec = {name: value for name, value in run["spec"].items() if name not in left}
    if (runs.telling(run) or {}).get("reason") == Reason.CONTINUE_FROM_NOT_FOUND:
        spec.pop("continueFrom", None)
    elif run["kind"] == "CodeRun" and goes_on:
        spec["continueFrom"] = meta["name"]
    spec |= changed
    if "budget" in changed:
        spec["budget"] = {**run["spec"].get("budget", {}), **changed["budget"]}
    first = (meta.get("annotations") or {}).get(RETRY_OF) or meta["name"]
    return {
        "apiVersion": API_VERSION,
        "kind": run["kind"],
        "metadata": {
            "generateName": f"{first[:LONGEST_PREFIX].rstrip('-.')}-",
            # Of the first in the row, so that a retry of a retry is named after the task, too.
            "annotations": {RETRY_OF: first},
        },
        "spec": spec,
    }
