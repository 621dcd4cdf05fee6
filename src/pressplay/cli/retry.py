"""`pressplay retry`: a new run with the same task that goes on with an ended one's work and transcript."""

from __future__ import annotations

from typing import Any

import click

from pressplay.cli import runs
from pressplay.cli.failures import Problem, explains
from pressplay.cli.options import as_output, on_cluster
from pressplay.cli.show import say
from pressplay.cli.waiting import finish, waits
from pressplay.kube.access import Access
from pressplay.resources.base import API_VERSION
from pressplay.resources.names import RETRY_OF

# What belongs to the one run and not to its task.
LEFT_BEHIND = ("suspend", "cancel", "continueFrom", "branch")
LONGEST_PREFIX = 40


@click.command()
@click.argument("name")
@click.option("--afresh", is_flag=True, help="Begin anew instead of going on with what was done.")
@waits
@as_output("json", "yaml", "name")
@explains
@on_cluster
def retry(access: Access, name: str, afresh: bool, output: str, wait: bool, watch: bool, timeout: float | None) -> None:
    """Try the ended run NAME once more, in a new run that goes on where it stopped."""
    run = runs.find(access, name)
    if not runs.finished(run):
        raise Problem(f"{name} has not ended ({runs.phase(run)})", f"wait for it, or `pressplay cancel {name}` first")
    made = access.create(runs.path(run["kind"], access.namespace), build_retry(run, afresh))
    if output == "text":
        begins = "begins anew" if afresh or run["kind"] != "CodeRun" else f"goes on with the work of {name}"
        say(f"{made['metadata']['name']} {begins}")
    finish(access, made, output, wait=wait, watch=watch, timeout=timeout)


def build_retry(run: runs.Run, afresh: bool) -> dict[str, Any]:
    """The new run's manifest."""
    meta = run["metadata"]
    spec = {name: value for name, value in run["spec"].items() if name not in LEFT_BEHIND}
    if run["kind"] == "CodeRun" and not afresh:
        spec["continueFrom"] = meta["name"]
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
