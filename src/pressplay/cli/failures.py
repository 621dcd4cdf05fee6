"""How a command ends: exit codes, and errors as one line that says what is wrong and one that says what to do."""

from __future__ import annotations

import functools
from collections.abc import Callable
from enum import IntEnum
from http import HTTPStatus
from typing import ParamSpec, TypeVar

import click

from pressplay.kube.access import Refused, Unreachable

P = ParamSpec("P")
R = TypeVar("R")
CHOOSE = (
    'check KUBECONFIG and --context; `eval "$(pressplay cluster env)"` takes the local cluster that '
    "`pressplay cluster up` makes"
)
INSTALL = "`helm upgrade --install pressplay charts/pressplay --namespace pressplay-system --create-namespace`"


class Exit(IntEnum):
    """Exit codes of commands that tell of runs. 2 is click's: the command was called wrongly."""

    SUCCEEDED = 0
    FAILED = 1
    CANCELLED = 3
    NOT_FINISHED = 4


class Problem(click.ClickException):
    """What the user can mend."""

    def __init__(self, message: str, remedy: str) -> None:
        super().__init__(f"{message}\n  {remedy}")


class WrongCall(Problem):
    """The command was called wrongly."""

    exit_code = 2


class NotYet(Problem):
    """What was asked for is not there yet."""

    exit_code = Exit.NOT_FINISHED


def explains(command: Callable[P, R]) -> Callable[P, R]:
    """Turn errors of the cluster into problems."""

    @functools.wraps(command)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return command(*args, **kwargs)
        except Unreachable as error:
            raise Problem(str(error), CHOOSE) from None
        except Refused as error:
            raise explained(error) from None

    return wrapped


def explained(error: Refused) -> Problem:
    """A refusal of the API server, with what to do about it."""
    if error.status == HTTPStatus.NOT_FOUND and not error.reason:
        # The path itself is unknown, not an object at it.
        return Problem(
            "this cluster knows no CodeRun and no DocsRun",
            f"{INSTALL} brings them; or choose another --context",
        )
    if error.status == HTTPStatus.FORBIDDEN:
        return Problem(
            error.message, "ask who administers the cluster for this permission, or choose another namespace"
        )
    if error.reason == "Invalid":
        return Problem(error.message, "change what the message names and try again")
    return Problem(error.message, "`pressplay doctor` looks at the whole installation")
