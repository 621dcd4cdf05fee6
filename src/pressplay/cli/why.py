"""`pressplay why`: the one thing that holds a run or a Workflow up, or how it ended."""

from __future__ import annotations

import click

from pressplay.cli import runs, workflows
from pressplay.cli.describe import why_now
from pressplay.cli.describe_workflow import why_workflow
from pressplay.cli.failures import explains
from pressplay.cli.options import on_cluster
from pressplay.kube.access import Access


@click.command()
@click.argument("name")
@explains
@on_cluster
def why(access: Access, name: str) -> None:
    """Say why the run or the Workflow NAME is as it is, and what to do about it.

    Of a run and a Workflow of one name the run is meant; `workflow/NAME` is the other.
    """
    run = runs.look(access, name)
    found = workflows.look(access, name) if run is None else None
    if found is None:
        click.echo("\n".join(why_now(run or runs.find(access, name), runs.now())))
        return
    told = why_workflow(found, workflows.steps(found), workflows.runs_of(access, found), runs.now())
    click.echo("\n".join(told))
