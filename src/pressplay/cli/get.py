"""`pressplay get`: runs as a list, or one of them whole."""

from __future__ import annotations

import click

from pressplay.cli import runs
from pressplay.cli.describe import HEADER, row
from pressplay.cli.failures import explains
from pressplay.cli.options import as_output, on_cluster
from pressplay.cli.show import listing, objects_as, say
from pressplay.cli.workflow import show_all
from pressplay.kube.access import Access

# A run of this name is got as coderun/flows.
FLOWS = ("flows", "workflows")


@click.command()
@click.argument("name", required=False)
@click.option("-A", "--all-namespaces", "everywhere", is_flag=True, help="Of all namespaces.")
@as_output("json", "yaml", "name")
@explains
@on_cluster
def get(access: Access, name: str | None, everywhere: bool, output: str) -> None:
    """List the runs, or show the run NAME; `flows` lists the Workflows of flows."""
    if name in FLOWS:
        show_all(access, everywhere, output)
        return
    found = [runs.find(access, name)] if name else runs.every(access, everywhere)
    if output != "text":
        click.echo(objects_as(output, found[0] if name else found))
    elif not found:
        say(f"no runs in namespace {access.namespace}")
        say('  `pressplay run "what is to be done"` in a git checkout makes one; -A looks everywhere')
    else:
        click.echo(listing(found, HEADER, row, runs.now(), everywhere=everywhere))
