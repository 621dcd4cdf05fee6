"""`pressplay cancel`: ends runs for good; what they did is kept."""

from __future__ import annotations

import click

from pressplay.cli import runs
from pressplay.cli.failures import explains
from pressplay.cli.options import on_cluster
from pressplay.kube.access import Access


@click.command()
@click.argument("names", nargs=-1, required=True, metavar="NAME…")
@explains
@on_cluster
def cancel(access: Access, names: tuple[str, ...]) -> None:
    """End runs for good. Work that came to no pull request is kept on a branch."""
    for run in [runs.find(access, name) for name in names]:
        name = run["metadata"]["name"]
        if runs.finished(run):
            click.echo(f"{name} has ended already ({runs.phase(run)})")
            continue
        access.patch(runs.path(run["kind"], access.namespace, name), {"spec": {"cancel": True}})
        click.echo(f"{name} is being cancelled")
