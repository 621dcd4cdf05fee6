"""`pressplay cluster`: parses, calls `cluster`, prints. Results go to standard output, progress to standard error."""

from __future__ import annotations

import functools
import json
import shlex
import sys
from collections.abc import Callable
from pathlib import Path
from typing import ParamSpec, TypeVar

import click

from localkube import cluster as clusters
from localkube import doctor, logs, state
from localkube.cluster import UpSettings
from localkube.components import PARTS
from localkube.consent import Consent, can_ask, given_beforehand
from localkube.errors import LocalKubeError
from localkube.progress import Progress
from localkube.status import Status, status_of

P = ParamSpec("P")
R = TypeVar("R")

DEFAULT_NAME = "pressplay"
NOT_READY = 1


def _explains_errors(command: Callable[P, R]) -> Callable[P, R]:
    """Show an error of ours as one line and a remedy instead of a traceback."""

    @functools.wraps(command)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return command(*args, **kwargs)
        except LocalKubeError as error:
            raise click.ClickException(str(error)) from error
        except OSError as error:
            # A full disk, a folder of somebody else: the system says it in one line.
            raise click.ClickException(str(error)) from error

    return wrapped


name_option = click.option(
    "--name", default=DEFAULT_NAME, show_default=True, envvar="LOCALKUBE_NAME", help="The cluster."
)
yes_option = click.option("--yes", is_flag=True, help="Agree beforehand to what is changed; so do YES=1 and CI=true.")


@click.group()
def cluster() -> None:
    """A local Kubernetes with Argo, from one command."""


@cluster.command()
@name_option
@yes_option
@click.option(
    "--provider", type=click.Choice(["auto", "existing", "kind"]), default="auto", show_default=True,
    help="kind makes a cluster; existing takes that of the current KUBECONFIG; auto is kind.",
)  # fmt: skip
@click.option("--without", multiple=True, type=click.Choice(PARTS), help="Leave out a part of Argo; may be repeated.")
@click.option(
    "--images", type=click.Choice(["auto", "pull", "build"]), default="auto", show_default=True,
    help="pull takes upstream's images; build makes them from packages; auto pulls where a registry answers.",
)  # fmt: skip
@click.option(
    "--ui-port", type=click.IntRange(0, 65535), default=None,
    help="Port on 127.0.0.1 for the Argo UI; 0 takes a free one. By default 2746, or a free one if that is taken.",
)  # fmt: skip
@_explains_errors
def up(name: str, yes: bool, provider: str, without: tuple[str, ...], images: str, ui_port: int | None) -> None:
    """Bring a cluster up, or what is missing of it; changes nothing where all is well."""
    settings = UpSettings(name=name, provider=provider, without=without, images=images, ui_port=ui_port)
    with Progress() as progress:
        record = clusters.up(settings, _consent(yes, progress), progress)
    click.echo(f"Cluster {name} is ready.")
    click.echo(f'  use it:   eval "$(pressplay cluster env{_name_flag(name)})" && kubectl get pods --all-namespaces')
    if "argo" not in record.without:
        click.echo(f"  Argo UI:  pressplay cluster ui{_name_flag(name)}")


@cluster.command()
@name_option
@yes_option
@click.option("--forget", is_flag=True, help="Only drop what is written down here of a cluster that is gone for ever.")
@click.option("--all", "everything", is_flag=True, help="All clusters of ours, and the engine that we started.")
@_explains_errors
def down(name: str, yes: bool, forget: bool, everything: bool) -> None:
    """Remove a cluster and all that belongs to it. The cache of builds stays."""
    if forget:
        removed = clusters.forget(name)
    else:
        with Progress() as progress:
            consent = _consent(yes, progress)
            removed = clusters.down_all(consent, progress) if everything else clusters.down(name, consent, progress)
    for line in removed:
        click.echo(line)


@cluster.command()
@name_option
@click.option("-o", "--output", type=click.Choice(["text", "json"]), default="text", show_default=True)
@_explains_errors
def status(name: str, output: str) -> None:
    """Say what runs and what does not; exit code 1 where something is not ready."""
    found = status_of(state.require(name))
    click.echo(json.dumps(found.as_json(), indent=2) if output == "json" else _as_text(found))
    if not found.ready:
        sys.exit(NOT_READY)


@cluster.command()
@name_option
@_explains_errors
def env(name: str) -> None:
    """Print what a shell needs to use the cluster, for `eval`."""
    for variable, value in clusters.environment(state.require(name)).items():
        click.echo(f"export {variable}={shlex.quote(value)}")


@cluster.command()
@name_option
@click.argument("images", nargs=-1, required=True, metavar="IMAGE…")
@_explains_errors
def load(name: str, images: tuple[str, ...]) -> None:
    """Bring images of the engine, or image archives (*.tar), into the cluster."""
    with Progress() as progress:
        clusters.load(state.require(name), images, progress)


@cluster.command()
@click.argument("folder", metavar="DIR", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("-t", "--tag", required=True, help="The image's name.")
@click.option("-f", "--file", "dockerfile", type=click.Path(dir_okay=False, path_type=Path), help="The Dockerfile.")
@click.option(
    "--images", type=click.Choice(["auto", "pull", "build"]), default="auto", help="Where base images come from."
)
@name_option
@yes_option
@_explains_errors
def build(folder: Path, tag: str, dockerfile: Path | None, images: str, name: str, yes: bool) -> None:
    """Build the Dockerfile in DIR on the cluster's engine, with or without a registry for its base image."""
    with Progress() as progress:
        clusters.build_image(folder, tag, dockerfile, name, images, _consent(yes, progress), progress)
    click.echo(f"{tag} is built; `pressplay cluster load {tag}` brings it into a cluster")


@cluster.command(name="logs")
@name_option
@click.argument("component")
@click.option("-f", "--follow", is_flag=True, help="Go on as new lines come.")
@click.option("--tail", type=click.IntRange(min=1), default=200, show_default=True, help="How many lines.")
@_explains_errors
def logs_command(name: str, component: str, follow: bool, tail: int) -> None:
    """Show what COMPONENT wrote: argo-controller, argo-server, argo-events, nats, dns, kubelet and others."""
    sys.exit(logs.show(state.require(name), component, follow=follow, tail=tail))


@cluster.command(name="doctor")
@click.option("-o", "--output", type=click.Choice(["text", "json"]), default="text", show_default=True)
@_explains_errors
def doctor_command(output: str) -> None:
    """Say what this machine lacks, and the command that installs it; exit code 1 if something is missing."""
    findings = doctor.diagnose()
    if output == "json":
        click.echo(json.dumps([finding.as_json() for finding in findings], indent=2))
    else:
        click.echo(doctor.as_text(findings))
    if any(finding.state == "missing" for finding in findings):
        sys.exit(NOT_READY)


@cluster.command()
@name_option
@_explains_errors
def ui(name: str) -> None:
    """Print the address of the Argo UI and a token to log in with."""
    address, token = clusters.ui(state.require(name))
    click.echo(address)
    click.echo("Log in by pasting this into the box under 'client authentication':")
    click.echo(f"Bearer {token}")


def _consent(yes: bool, progress: Progress) -> Consent:
    def ask(question: str) -> bool:
        with progress.paused():
            return click.confirm(question, err=True)

    return Consent(given_beforehand(yes), ask if can_ask() else None, progress.say)


def _name_flag(name: str) -> str:
    return "" if name == DEFAULT_NAME else f" --name {name}"


def _as_text(found: Status) -> str:
    lines = [f"cluster {found.name} ({found.provider}, {found.version or 'no answer'}): {found.summary}"]
    width = max((len(part.name) for part in found.components), default=0)
    lines += [f"  {'✓' if part.ready else '✗'} {part.name:<{width}}  {part.detail}" for part in found.components]
    lines.append(f"network policies: {found.network_policies}")
    return "\n".join(lines)
