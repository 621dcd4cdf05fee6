"""`pressplay watch`: what a run does, live, until it ends."""

from __future__ import annotations

import click

from pressplay.cli import runs
from pressplay.cli.failures import explains
from pressplay.cli.options import as_output, on_cluster
from pressplay.cli.waiting import Duration, finish
from pressplay.kube.access import Access


@click.command()
@click.argument("name")
@click.option("--timeout", type=Duration(), help="Wait no longer: 90s, 15m, 2h. The run goes on.")
@as_output("json", "yaml", "name")
@explains
@on_cluster
def watch(access: Access, name: str, timeout: float | None, output: str) -> None:
    """Follow the run NAME until it ends.

    The exit code tells how it ended: 0 done, 1 failed, 3 cancelled, 4 not finished in time.
    """
    finish(access, runs.find(access, name), output, wait=True, watch=True, timeout=timeout)
