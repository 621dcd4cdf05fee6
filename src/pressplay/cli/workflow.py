"""`pressplay workflow`: the Workflows of flows, their steps, and what the agents of their runs write."""

from __future__ import annotations

import json
from collections.abc import Iterator
from http import HTTPStatus

import click

from pressplay.cli import runs, workflows
from pressplay.cli.describe_workflow import HEADER, STEPS_HEADER, as_json, heading, row, step_row, why_workflow
from pressplay.cli.failures import Problem, explains
from pressplay.cli.options import as_output, namespace_is_named, on_cluster
from pressplay.cli.places import check_namespace
from pressplay.cli.pods import choose, pods_of, waiting_reason
from pressplay.cli.show import listing, objects_as, say, shown, table
from pressplay.kube.access import Access, Refused, objects
from pressplay.resources.names import RUNNER_CONTAINER

OF_WORKFLOW = "workflows.argoproj.io/workflow"
NODE_ID = "workflows.argoproj.io/node-id"
ARGO_CONTAINER = "main"


@click.group()
def workflow() -> None:
    """The Workflows of flows: their steps, and what their agents write."""


@workflow.command("list")
@click.option("-A", "--all-namespaces", "everywhere", is_flag=True, help="Of all namespaces.")
@as_output("json", "yaml", "name")
@explains
@on_cluster
def list_(access: Access, everywhere: bool, output: str) -> None:
    """List the Workflows of flows."""
    show_all(access, everywhere, output)


@workflow.command()
@click.argument("name")
@as_output("json")
@explains
@on_cluster
def status(access: Access, name: str, output: str) -> None:
    """Show the steps of the Workflow NAME, and what it waits for."""
    found = workflows.find(access, name)
    steps, of_node, now = workflows.steps(found), workflows.runs_of(access, found), runs.now()
    if output == "json":
        click.echo(json.dumps(as_json(found, steps, of_node, now), indent=2))
        return
    click.echo(heading(found, now))
    if steps:
        click.echo(table(STEPS_HEADER, [step_row(step, of_node.get(step.id), now) for step in steps]))
    say("\n".join(why_workflow(found, steps, of_node, now)))


@workflow.command()
@click.argument("name")
@click.option("--step", "only", help="Of this step alone.")
@click.option("--tail", type=click.IntRange(min=1), help="Only the last lines of each.")
@explains
@on_cluster
def logs(access: Access, name: str, only: str | None, tail: int | None) -> None:
    """Show what the agents of the Workflow NAME have written, step by step.

    `pressplay logs -f RUN` follows the one that is at work.
    """
    found = workflows.find(access, name)
    steps = [step for step in workflows.steps(found) if only in (None, step.name)]
    if only is not None and not steps:
        raise Problem(f"{name} has no step {only!r}", "`pressplay workflow status` lists those it has")
    of_node = workflows.runs_of(access, found)
    pods = {pod["metadata"]["annotations"].get(NODE_ID): pod for pod in _pods(access, found)}
    for step in steps:
        run = of_node.get(step.id)
        pod = choose(pods_of(access, run), None) if run else pods.get(step.id)
        if run is None and pod is None:
            continue
        click.echo(f"==> {step.name}: {runs.name_of(run)} <==" if run else f"==> {step.name} <==")
        if pod is None:
            say("its pod is gone, or has not begun; `pressplay why` says which")
            continue
        for line in _lines(access, pod, RUNNER_CONTAINER if run else ARGO_CONTAINER, tail):
            click.echo(shown(line.decode(errors="replace")))


def show_all(access: Access, everywhere: bool, output: str) -> None:
    """Print all Workflows of flows."""
    only = namespace_is_named() and not everywhere
    if only:
        check_namespace(access)
    found = workflows.every(access, everywhere, only=only)
    if output != "text":
        click.echo(objects_as(output, found))
    elif not found:
        say(f"no flows in namespace {access.namespace}")
        say("  events start them where flows are enabled; -A looks everywhere")
    else:
        click.echo(listing(found, HEADER, row, runs.now(), everywhere=everywhere))


def _pods(access: Access, found: workflows.Workflow) -> list[runs.Run]:
    """The pods that Argo made; steps of ours have none."""
    selector = f"{OF_WORKFLOW}={found['metadata']['name']}"
    items: list[runs.Run] = access.get(objects("v1", "pods", found["metadata"]["namespace"]), labelSelector=selector)[
        "items"
    ]
    return [item for item in items if item["metadata"].get("annotations")]


def _lines(access: Access, pod: runs.Run, container: str, tail: int | None) -> Iterator[bytes]:
    meta = pod["metadata"]
    query = {"container": container, **({"tailLines": str(tail)} if tail else {})}
    try:
        yield from access.lines(objects("v1", "pods", meta["namespace"], meta["name"], "log"), None, **query)
    except Refused as error:
        if error.status != HTTPStatus.BAD_REQUEST:
            raise
        say(f"{container} in pod {meta['name']} has written nothing yet: {waiting_reason(pod, container)}")
