"""`pressplay get`: runs as a list, or one of them whole."""

from __future__ import annotations

import click

from pressplay.cli import runs
from pressplay.cli.describe import HEADER, row
from pressplay.cli.failures import explains
from pressplay.cli.options import as_output, on_cluster
from pressplay.cli.show import objects_as, say, table
from pressplay.kube.access import Access


@click.command()
@click.argument("name", required=False)
@click.option("-A", "--all-namespaces", "everywhere", is_flag=True, help="Of all namespaces.")
@as_output("json", "yaml", "name")
@explains
@on_cluster
def get(access: Access, name: str | None, everywhere: bool, output: str) -> None:
    """List the runs, or show the run NAME."""
    found = [runs.find(access, name)] if name else runs.every(access, everywhere)
    if output != "text":
        click.echo(objects_as(output, found[0] if name else found))
    elif not found:
        say(f"no runs in namespace {access.namespace}")
        say('  `pressplay run "what is to be done"` in a git checkout makes one; -A looks everywhere')
    else:
        now = runs.now()
        header = ("NAMESPACE", *HEADER) if everywhere else HEADER
        rows = [(run["metadata"]["namespace"], *row(run, now)) if everywhere else row(run, now) for run in found]
        click.echo(table(header, rows))
