"""Answers that are errors, in GitHub's shape."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

DOCUMENTATION = "https://docs.github.com/rest"


class Problem(Exception):
    """An answer that is an error.

    Attributes:
        errors: what is wrong with which field, as GitHub lists it; None where it lists nothing.
    """

    def __init__(self, status: int, message: str, errors: list[object] | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.errors = errors


def missing(kind: str = "") -> Problem:
    """What is not there, or may not be seen: GitHub tells the two apart for nobody."""
    del kind
    return Problem(404, "Not Found")


def invalid(resource: str, field: str, code: str = "invalid", message: str = "") -> Problem:
    """A body that cannot be used."""
    told: dict[str, object] = {"resource": resource, "field": field, "code": code}
    if message:
        told["message"] = message
    return Problem(422, "Validation Failed", [told])


def simple(error: Problem) -> Problem:
    """The same with errors as texts, as GitHub has it where it checks a body by another way, such as reviews."""
    told: list[object] = [
        f"{each.get('field', '')}: {each.get('message') or each.get('code')}" if isinstance(each, dict) else str(each)
        for each in error.errors or [error.message]
    ]
    return Problem(error.status, "Unprocessable Entity", told)


def unknown(request: Request, _: Exception) -> Response:
    """What no route answers: GitHub says of a method that it does not know, too, that there is nothing."""
    return answered(request, missing())


def answered(_: Request, error: Exception) -> Response:
    """A problem as GitHub answers it."""
    if not isinstance(error, Problem):
        raise error
    body: dict[str, Any] = {"message": error.message, "documentation_url": DOCUMENTATION, "status": str(error.status)}
    if error.errors is not None:
        body["errors"] = error.errors
    return JSONResponse(body, error.status)
