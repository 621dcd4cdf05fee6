"""Options that commands share: which cluster and namespace, and how results are written."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable
from typing import Any, TypeVar

import click

from pressplay.kube.access import Access, connect

F = TypeVar("F", bound=Callable[..., Any])
Reach = Callable[[], Access]


def _a_name(_: click.Context, __: click.Parameter, given: str | None) -> str | None:
    """A namespace's name; of another the API server would say only that it has no such path."""
    if given and not re.fullmatch(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?", given):
        raise click.BadParameter(f"{given[:80]!r} is no name of a namespace: small letters, digits and hyphens")
    return given


def namespace_is_named() -> bool:
    """Whether the command that is called was told a namespace, so that no other is meant."""
    return bool(click.get_current_context().params.get("namespace"))


def reaching(command: F) -> F:
    """Add -n, --context and --kubeconfig, and call the command with `reach`, which connects, instead of them."""

    @click.option(
        "-n", "--namespace", callback=_a_name, help="The namespace; that of the context where nothing is said."
    )
    @click.option("--context", help="The kubeconfig's context; its current one where nothing is said.")
    @click.option("--kubeconfig", help="The kubeconfig; that of KUBECONFIG, or ~/.kube/config.")
    @functools.wraps(command)
    def wrapped(*args: Any, namespace: str | None, context: str | None, kubeconfig: str | None, **kwargs: Any) -> Any:
        return command(*args, reach=lambda: connect(kubeconfig, context, namespace), **kwargs)

    return wrapped  # type: ignore[return-value]


def on_cluster(command: F) -> F:
    """The same, and call the command with the connected `access`."""

    @functools.wraps(command)
    def connected(*args: Any, reach: Reach, **kwargs: Any) -> Any:
        return command(*args, access=reach(), **kwargs)

    return reaching(connected)  # type: ignore[return-value]


def as_output(*kinds: str) -> Callable[[F], F]:
    """Add -o with these kinds besides plain text."""
    choice = click.Choice(["text", *kinds])
    return click.option("-o", "--output", type=choice, default="text", show_default=True, help="Form of the result.")
