"""`pressplay dev`: the product of this checkout on a local cluster, with stand-ins for what is outside."""

from __future__ import annotations

import functools
import subprocess
import sys
from collections.abc import Callable
from typing import ParamSpec, TypeVar

import click

from localdemo import demo as demonstration
from localdemo import platform, vendor
from localkube import state
from localkube.errors import LocalKubeError
from localkube.progress import Progress

P = ParamSpec("P")
R = TypeVar("R")

INTERRUPTED = 130
name_option = click.option(
    "--name", default=demonstration.DEFAULT_NAME, show_default=True, envvar="LOCALKUBE_NAME", help="The cluster."
)


def _explains_errors(command: Callable[P, R]) -> Callable[P, R]:
    """Show what a user can mend as one line and a remedy instead of a traceback."""

    @functools.wraps(command)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return command(*args, **kwargs)
        except (LocalKubeError, OSError, subprocess.TimeoutExpired) as error:
            raise click.ClickException(str(error)) from error
        except KeyboardInterrupt:
            click.echo("Stopped watching; what was begun goes on in the cluster.", err=True)
            sys.exit(INTERRUPTED)

    return wrapped


@click.group()
def dev() -> None:
    """The product of this checkout on a local cluster, with stand-ins for GitHub and the model."""


@dev.command()
@name_option
@click.option("--run", "alone", is_flag=True, help="Only the single run, without the flows that its events start.")
@_explains_errors
def demo(name: str, alone: bool) -> None:
    """Have four lines become a pull request: a real bug in a real package, seen, mended and proven.

    Then its webhook, a person's review and a failed check each start a flow, by Argo Events and Argo Workflows.

    The model is stood in for by a script, unless ANTHROPIC_API_KEY or OPENAI_API_KEY is set.
    """
    sys.exit(demonstration.demo(state.require(name), vendor.chosen(), alone=alone))


@dev.command()
@name_option
@_explains_errors
def install(name: str) -> None:
    """Build the images, install the stand-ins and the chart, and wait until all is ready."""
    with Progress() as progress:
        platform.install(state.require(name), vendor.chosen(), progress, {})


@dev.command()
@name_option
@_explains_errors
def uninstall(name: str) -> None:
    """Remove product and stand-ins; definitions, runs and the cluster stay."""
    with Progress() as progress:
        platform.uninstall(state.require(name), progress)
