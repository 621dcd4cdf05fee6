"""`pressplay why`: the one thing that holds a run up, or how it ended."""

from __future__ import annotations

import click

from pressplay.cli import runs
from pressplay.cli.describe import why_now
from pressplay.cli.failures import explains
from pressplay.cli.options import on_cluster
from pressplay.kube.access import Access


@click.command()
@click.argument("name")
@explains
@on_cluster
def why(access: Access, name: str) -> None:
    """Say why the run NAME is as it is, and what to do about it."""
    click.echo("\n".join(why_now(runs.find(access, name), runs.now())))
