"""What all routes share: who calls and may do what, what happened, lists in pages."""

from __future__ import annotations

import asyncio
import base64
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from localhub import render
from localhub.hooks import Hooks
from localhub.problems import Problem, invalid, missing
from localhub.state import State

Record = dict[str, Any]

API = "/api/v3"
REPO = f"{API}/repos/{{owner}}/{{name}}"
# Of an issue that may be a pull request, either permission is enough.
EITHER = ("issues", "pull_requests")
LEVELS = {"read": 1, "write": 2, "admin": 3}
# What a person of each role may do, in the words of an App's permissions.
ROLES: dict[str, dict[str, str]] = {
    "none": {},
    "read": dict.fromkeys(("metadata", "contents", "pull_requests", "issues", "checks", "statuses"), "read"),
    "write": {
        **dict.fromkeys(("contents", "pull_requests", "issues", "statuses"), "write"),
        **dict.fromkeys(("metadata", "checks"), "read"),
    },
}
REFUSED = {
    "installation": "Resource not accessible by integration",
    "user": "Resource not accessible by personal access token",
}
ROLES["admin"] = {**ROLES["write"], "administration": "write"}


@dataclass(frozen=True)
class Context:
    """The stand-in as its routes see it.

    Attributes:
        admin_token: for the routes below `/_hub`, which are not GitHub's.
    """

    state: State
    hooks: Hooks
    admin_token: str
    _moving: dict[int, asyncio.Lock] = field(default_factory=dict)

    # Who calls

    def only_admin(self, request: Request) -> None:
        """Let nobody in who has not the admin token."""
        if request.headers.get("authorization") != f"Bearer {self.admin_token}":
            raise Problem(401, "the admin token is needed here")

    def allowed(
        self, request: Request, permission: str | tuple[str, ...], level: str, *, readers: bool = False
    ) -> Record:
        """The repository of a request, if its token may do this; of several permissions one is enough.

        Args:
            readers: whether people may who can only read, as they may open issues, comment and review.
        """
        owner, name = request.path_params["owner"], request.path_params["name"]
        found = self.state.find_repository(owner, name)
        self.check(token_of(request), found, permission, level, readers=readers)
        return found or {}

    def check(
        self, text: str, found: Record | None, permission: str | tuple[str, ...], level: str, *, readers: bool = False
    ) -> Record | None:
        """Who a token belongs to, if it may do this; None for whoever has none and needs none."""
        bearer = self.state.bearer(text) if text else None
        if text and bearer is None:
            raise Problem(401, "Bad credentials")
        public = found is not None and not found["private"] and level == "read"
        if found is None or (bearer is None and not public):
            raise missing()
        if bearer is not None and not public:
            granted = self.permissions(bearer, found)
            if not granted:
                # Whether there is such a repository is nobody's business who may not see it.
                raise missing()
            names = (permission,) if isinstance(permission, str) else permission
            wanted = "read" if readers and bearer["kind"] == "user" else level
            if all(LEVELS.get(granted.get(name, ""), 0) < LEVELS[wanted] for name in names):
                raise Problem(403, REFUSED[bearer["kind"]])
        return bearer

    def permissions(self, bearer: Record, found: Record) -> dict[str, str]:
        """What a token may do in a repository; nothing at all where it may not see it."""
        if not covers(bearer["repositories"], found):
            return {}
        if bearer["kind"] == "user":
            return ROLES[self.role(found, bearer["login"])]
        # Every App may read what a repository is.
        return {"metadata": "read", **bearer["permissions"]}

    def role(self, found: Record, login: str) -> str:
        """The role of a person in a repository: admin, write, read or none."""
        if login == found["full_name"].partition("/")[0]:
            return "admin"
        usual = self.state.users.get(login, {}).get("role", "none")
        role = str(found.get("collaborators", {}).get(login, usual))
        return "read" if role == "none" and not found["private"] else role

    def association(self, found: Record, login: str) -> str:
        """How somebody belongs to a repository, as GitHub says with comments (`author_association`)."""
        if login == found["full_name"].partition("/")[0]:
            return "OWNER"
        if login.endswith("[bot]"):
            return "CONTRIBUTOR"
        return "COLLABORATOR" if self.role(found, login) in ("write", "admin") else "NONE"

    def actor(self, request: Request) -> str:
        """Whose token it is."""
        return str((self.state.bearer(token_of(request)) or {}).get("login", "ghost"))

    def acting_app(self, request: Request) -> int | None:
        """The App whose token it is; None for a person's."""
        app = (self.state.bearer(token_of(request)) or {}).get("app")
        return None if app is None else int(app)

    # What there is, and what happened

    def folder(self, found: Record) -> Path:
        """A repository's git data."""
        return self.state.git_folder(found)

    def moving(self, found: Record) -> asyncio.Lock:
        """Held while a repository's refs are moved and that is told, so that each move is told once and as it was."""
        return self._moving.setdefault(found["id"], asyncio.Lock())

    def pull(self, found: Record, request: Request) -> tuple[str, Record]:
        """The pull request of a request's path, with its number."""
        number = str(request.path_params["number"])
        if number not in found["pulls"]:
            raise missing()
        return number, found["pulls"][number]

    def subject(self, found: Record, request: Request) -> tuple[str, Record]:
        """The issue, or the pull request as one, of a request's path."""
        number = str(request.path_params["number"])
        one = found["issues"].get(number) or found["pulls"].get(number)
        if one is None:
            raise missing()
        return number, one

    def next_number(self, found: Record) -> str:
        """The number of the next issue or pull request."""
        with self.state.lock:
            number = str(found["next"])
            found["next"] += 1
            return number

    def happened(self, event: str, action: str | None, found: Record, login: str, **subject: Any) -> None:
        """Keep the state and tell Apps of it."""
        self.state.save()
        told = {"repository": render.repository(self.state, found), "sender": render.user(self.state, login)}
        self.hooks.fire(event, {**({"action": action} if action else {}), **subject, **told})


def covers(repositories: object, found: Record) -> bool:
    """Whether an installation, or a token, is for a repository."""
    if repositories == "all":
        return True
    return isinstance(repositories, list) and (found["full_name"] in repositories or found["id"] in repositories)


def token_of(request: Request) -> str:
    """The token of a request, as a bearer's or as git sends it."""
    scheme, _, value = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "basic":
        try:
            _, colon, password = base64.b64decode(value).decode().partition(":")
        except ValueError:
            colon = password = ""
        # What is no password is nobody's.
        return password if colon else "-"
    return value.strip()


async def body_of(request: Request) -> Record:
    """A request's JSON object; an empty one where there is no body."""
    raw = await request.body()
    try:
        told = json.loads(raw) if raw else {}
    except ValueError:
        raise Problem(400, "Problems parsing JSON") from None
    if not isinstance(told, dict):
        raise Problem(400, "Body should be a JSON object")
    return told


def text_in(told: Record, field: str, resource: str, *, least: int = 1) -> str:
    """A text in a body."""
    value = told.get(field)
    if not isinstance(value, str) or len(value) < least:
        raise invalid(resource, field, "missing_field" if value is None else "invalid")
    return value


def page_of(request: Request) -> tuple[int, int]:
    """Which page of how many, as GitHub counts: from 1, 30 where nothing is said, 100 at most."""
    page, size = (request.query_params.get(name, "") for name in ("page", "per_page"))
    return max(1, _count(page, 1)), min(100, max(1, _count(size, 30)))


def _count(text: str, otherwise: int) -> int:
    return int(text) if re.fullmatch(r"[0-9]{1,9}", text) else otherwise


def paged(request: Request, state: State, shown: Iterable[Record]) -> list[Record]:
    """The page that is asked for; where the others are is kept for the answer's header Link."""
    every, (page, size) = list(shown), page_of(request)
    last = max(1, -(-len(every) // size))
    links = []
    for name, number in (("prev", page - 1), ("next", page + 1), ("first", 1), ("last", last)):
        if number != page and 1 <= number <= last:
            address = f"{state.url}{request.url.path}?{request.url.include_query_params(page=number).query}"
            links.append(f'<{address}>; rel="{name}"')
    request.state.link = ", ".join(links)
    return every[(page - 1) * size : page * size]


def listed(request: Request, state: State, shown: Iterable[Record]) -> Response:
    """One page of a list."""
    return JSONResponse(paged(request, state, shown))


def now() -> str:
    """The time as GitHub writes it."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
