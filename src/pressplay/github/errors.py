"""What can go wrong at GitHub, in few kinds. Made only where GitHub is called; a token is in none of them."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping

import httpx


class GitHubError(Exception):
    """GitHub did not do what was asked.

    Attributes:
        message: for people.
        request_id: GitHub's own id of the request, for its support; empty where there is none.
    """

    def __init__(self, message: str, request_id: str = "") -> None:
        super().__init__(f"{message} (request {request_id})" if request_id else message)
        self.message = message
        self.request_id = request_id


class NotFound(GitHubError):
    """It is not there, or the token may not see it: GitHub does not say which."""


class Refused(GitHubError):
    """The credential is not accepted, or lacks a permission.

    Attributes:
        needs: the permissions that would do, as GitHub names them; empty where it does not say.
    """

    def __init__(self, message: str, request_id: str = "", needs: str = "") -> None:
        super().__init__(f"{message}; needs {needs}" if needs else message, request_id)
        self.needs = needs


class RateLimited(GitHubError):
    """Too many requests.

    Attributes:
        after: seconds until it may be tried again.
    """

    def __init__(self, message: str, request_id: str = "", after: float = 60.0) -> None:
        super().__init__(message, request_id)
        self.after = after


class Unavailable(GitHubError):
    """No answer, or a fault of GitHub's: later it may go."""


class Invalid(GitHubError):
    """GitHub finds the request wrong; the message has its words for each field."""


class Conflict(GitHubError):
    """It is in another state than the request takes for granted."""


class Moved(GitHubError):
    """The repository was renamed or handed over. No token follows a redirect."""


def error_of(answer: httpx.Response) -> GitHubError:
    """The error that an answer stands for."""
    body = _body(answer)
    said = str(body.get("message") or f"GitHub answered {answer.status_code}")
    request = answer.headers.get("x-github-request-id", "")
    code = answer.status_code
    if code in (403, 429) and (wait := retry_after(answer.headers, said, time.time())) is not None:
        return RateLimited(said, request, wait)
    match code:
        case 301 | 302 | 303 | 307 | 308:
            return Moved("the repository has moved; use its new name", request)
        case 401 | 403:
            return Refused(said, request, answer.headers.get("x-accepted-github-permissions", ""))
        case 404 | 410:
            return NotFound(said, request)
        case 409 | 405:
            return Conflict(said, request)
        case 422:
            return Invalid("; ".join([said, *_fields(body)]), request)
        case _ if code >= 500:
            return Unavailable(f"GitHub answered {code}", request)
        case _:
            return GitHubError(f"GitHub answered {code}: {said}", request)


def retry_after(headers: Mapping[str, str], said: str, now: float) -> float | None:
    """Seconds to wait, where an answer is one of a rate limit; None where it is not.

    Source: GitHub's "Rate limits for the REST API": `retry-after`, else `x-ratelimit-reset` where nothing remains, else
    a minute for a secondary limit.
    """
    if "retry-after" in headers:
        return float(headers["retry-after"])
    if headers.get("x-ratelimit-remaining") == "0":
        return max(1.0, float(headers.get("x-ratelimit-reset", now + 60)) - now)
    return 60.0 if "secondary rate limit" in said.lower() else None


def _body(answer: httpx.Response) -> dict[str, object]:
    try:
        body = json.loads(answer.content or b"{}")
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}


def _fields(body: dict[str, object]) -> list[str]:
    errors = body.get("errors")
    found = []
    for each in errors if isinstance(errors, list) else []:
        if isinstance(each, dict):
            told = each.get("message") or f"{each.get('resource')}.{each.get('field')}: {each.get('code')}"
            found.append(str(told))
        else:
            found.append(str(each))
    return found
