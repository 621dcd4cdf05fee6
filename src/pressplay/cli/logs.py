"""`pressplay logs`: what the pod of a run writes; where there is none, why."""

from __future__ import annotations

import sys
import time
from http import HTTPStatus
from typing import Any

import click

from pressplay.cli import runs
from pressplay.cli.describe import why_now
from pressplay.cli.failures import Exit, NotYet, Problem, explains
from pressplay.cli.options import on_cluster
from pressplay.cli.pods import choose, pods_of, waiting_reason
from pressplay.cli.show import say, shown
from pressplay.cli.waiting import Duration
from pressplay.kube.access import Access, Refused, objects
from pressplay.resources.names import PREPARE_CONTAINER, RUNNER_CONTAINER, WORKBENCH_CONTAINER

LOOK_AGAIN_SECONDS = 1.0
CONTAINERS = (RUNNER_CONTAINER, PREPARE_CONTAINER, WORKBENCH_CONTAINER)


@click.command()
@click.argument("name")
@click.option("-f", "--follow", is_flag=True, help="Go on as new lines come; waits for the pod if there is none yet.")
@click.option("-c", "--container", type=click.Choice(CONTAINERS), default=RUNNER_CONTAINER, show_default=True)
@click.option("--attempt", type=click.IntRange(min=1), help="Of an earlier attempt; the latest where nothing is said.")
@click.option("--tail", type=click.IntRange(min=1), help="Only the last lines.")
@click.option("--timeout", type=Duration(), default="5m", show_default=True, help="How long -f waits for the pod.")
@explains
@on_cluster
def logs(
    access: Access, name: str, follow: bool, container: str, attempt: int | None, tail: int | None, timeout: float
) -> None:
    """Show what the agent of the run NAME writes."""
    run = runs.find(access, name)
    pod = choose(pods_of(access, run), attempt)
    ends = time.monotonic() + timeout
    while follow and not _has_begun(pod, container) and not runs.finished(run) and time.monotonic() < ends:
        time.sleep(LOOK_AGAIN_SECONDS)
        run = runs.find(access, name)
        pod = choose(pods_of(access, run), attempt)
    if pod is None:
        say("\n".join(why_now(run, runs.now())))
        if not attempt and not run.get("status", {}).get("attempts"):
            # It never began, and why is all that there is to tell.
            sys.exit(Exit.NOT_FINISHED if not runs.finished(run) else Exit.FAILED)
        raise Problem(
            f"{name} has no pod" + (f" of attempt {attempt}" if attempt else ""),
            "pods go when their attempt is over for long; the transcript is the gateway's",
        )
    _print(access, pod, container, follow, tail)


def _has_begun(pod: dict[str, Any] | None, container: str) -> bool:
    return pod is not None and waiting_reason(pod, container) is None


def _print(access: Access, pod: dict[str, Any], container: str, follow: bool, tail: int | None) -> None:
    name = pod["metadata"]["name"]
    query = {
        "container": container,
        **({"follow": "true"} if follow else {}),
        **({"tailLines": str(tail)} if tail else {}),
    }
    try:
        for line in access.lines(objects("v1", "pods", access.namespace, name, "log"), None, **query):
            click.echo(shown(line.decode(errors="replace")))
    except Refused as error:
        if error.status != HTTPStatus.BAD_REQUEST:
            raise
        reason = waiting_reason(pod, container) or error.message
        raise NotYet(
            f"{container} in pod {name} has written nothing yet: {reason}",
            "-f waits for it; `pressplay why` says what holds the run up",
        ) from None
