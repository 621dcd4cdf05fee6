"""What can go wrong at GitHub, in few kinds. Made only where GitHub is called; a token is in none of them."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Mapping

import httpx

A_MINUTE = 60.0
# As GitHub words it where a proxy dropped the headers: not every text that has a limit in it.
_LIMITED = re.compile(r"(?:secondary|api) rate limit", re.IGNORECASE)


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
    wait = retry_after(answer.headers, said, time.time()) if code in (403, 429) else None
    if wait is not None or code == 429:
        return RateLimited(said, request, A_MINUTE if wait is None else wait)
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
    asked, reset = _number(headers.get("retry-after")), _number(headers.get("x-ratelimit-reset"))
    if asked is not None:
        return asked
    if headers.get("x-ratelimit-remaining") == "0" or "retry-after" in headers or _LIMITED.search(said):
        return A_MINUTE if reset is None or "secondary" in said.lower() else max(1.0, reset - now)
    return None


def _number(told: str | None) -> float | None:
    """A header that is a number; a proxy on the way may have put a date there."""
    return float(told) if told is not None and told.isascii() and told.isdigit() else None


def checked(answer: httpx.Response) -> httpx.Response:
    """An answer that is whole: one whose JSON ends in the middle was cut on the way.

    Raises:
        Unavailable: it is not.
    """
    if answer.is_success and answer.content and "json" in answer.headers.get("content-type", ""):
        try:
            answer.json()
        except (ValueError, RecursionError):
            request = answer.headers.get("x-github-request-id", "")
            raise Unavailable("GitHub's answer breaks off in the middle", request) from None
    return answer


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
