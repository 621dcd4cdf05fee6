"""Issues, and pull requests as such: opened, listed, read, changed."""

from __future__ import annotations

from collections.abc import Mapping

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from localhub import render
from localhub.closing import close, reopen
from localhub.context import EITHER, REPO, Context, Record, body_of, listed, now, text_in
from localhub.problems import invalid
from localhub.subjects import have_labels, names_of, reword, set_labels, tell

REASONS = ("completed", "not_planned", "duplicate")
SORTED = {"created": "created_at", "updated": "updated_at"}


class Issues:
    """Their routes."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._state = context.state

    def routes(self) -> list[Route]:
        """All of them."""
        one = f"{REPO}/issues/{{number:int}}"
        return [
            Route(f"{REPO}/issues", self.issues),
            Route(f"{REPO}/issues", self.open, methods=["POST"]),
            Route(one, self.issue),
            Route(one, self.change, methods=["PATCH"]),
            Route(f"{one}/events", self.events),
        ]

    async def issues(self, request: Request) -> Response:
        """Issues, and pull requests as such, the latest first."""
        found, query = self._context.allowed(request, "issues", "read"), request.query_params
        every = {**found["pulls"], **found["issues"]}
        numbers = sorted((number for number, one in every.items() if _wanted(one, query)), key=int, reverse=True)
        shown = [render.issue(self._state, found, number) for number in numbers]
        shown.sort(key=lambda each: str(each[SORTED.get(query.get("sort", ""), "created_at")]), reverse=True)
        if query.get("direction") == "asc":
            shown.reverse()
        return listed(request, self._state, shown)

    async def open(self, request: Request) -> Response:
        """Open an issue. Who may only read cannot label it: GitHub leaves the labels out without a word."""
        found = self._context.allowed(request, "issues", "write", readers=True)
        told, login = await body_of(request), self._context.actor(request)
        title = text_in(told, "title", "Issue")
        names = names_of(told.get("labels") or []) if self._may_label(request, found) else []
        number = self._context.next_number(found)
        found["issues"][number] = {
            "id": self._state.number(), "state": "open", "title": title, "body": told.get("body") or "",
            "login": login, "created_at": now(), "labels": [],
            "author_association": self._context.association(found, login),
        }  # fmt: skip
        new = have_labels(self._context, found, found["issues"][number], names)
        shown = tell(self._context, found, number, "opened", login)
        for name in new:
            tell(self._context, found, number, "labeled", login, label=render.label(self._state, found, name))
        return JSONResponse(shown, 201)

    def _may_label(self, request: Request, found: Record) -> bool:
        login = self._context.actor(request)
        return login.endswith("[bot]") or self._context.role(found, login) in ("write", "admin")

    async def issue(self, request: Request) -> Response:
        """One of them."""
        found = self._context.allowed(request, "issues", "read")
        number, _ = self._context.subject(found, request)
        return JSONResponse(render.issue(self._state, found, number))

    async def events(self, request: Request) -> Response:
        """Which labels were put on it or taken away and by whom, the oldest first; GitHub tells more kinds."""
        found = self._context.allowed(request, EITHER, "read")
        _, one = self._context.subject(found, request)
        return listed(request, self._state, [render.labelling(self._state, found, each)
                                             for each in one.get("labellings", [])])  # fmt: skip

    async def change(self, request: Request) -> Response:
        """Change title, body, labels or state."""
        found = self._context.allowed(request, EITHER, "write")
        number, one = self._context.subject(found, request)
        told, login = await body_of(request), self._context.actor(request)
        changes = _changes(told, one)
        names = names_of(told.get("labels") or [])
        self._turn(found, number, one, told, login)
        reword(one, {name: told[name] for name in changes})
        if changes:
            tell(self._context, found, number, "edited", login, changes=changes)
        if "labels" in told:
            set_labels(self._context, found, number, names, login)
        self._state.save()
        return JSONResponse(render.issue(self._state, found, number))

    def _turn(self, found: Record, number: str, one: Record, told: Record, login: str) -> None:
        """Close it or open it again, if that is what is told."""
        wanted = told.get("state") or one["state"]
        if wanted == one["state"]:
            return
        closed, folder = wanted == "closed", self._context.folder(found)
        if number in found["pulls"]:
            close(folder, one) if closed else reopen(folder, one)
        else:
            reason = (told.get("state_reason") or "completed") if closed else "reopened"
            one.update(state=wanted, closed_at=now() if closed else None, state_reason=reason)
        tell(self._context, found, number, "closed" if closed else "reopened", login)


def _changes(told: Record, one: Record) -> Record:
    """What a request changes of the texts, as the event has it."""
    if "title" in told:
        text_in(told, "title", "Issue")
    if told.get("state") not in (None, "open", "closed"):
        raise invalid("Issue", "state")
    if told.get("state_reason") not in (None, "reopened", *REASONS):
        raise invalid("Issue", "state_reason")
    if told.get("body", "") is None:
        told["body"] = ""
    return {name: {"from": one[name]} for name in ("title", "body") if told.get(name, one[name]) != one[name]}


def _wanted(one: Record, query: Mapping[str, str]) -> bool:
    labels = {each.lower() for each in query.get("labels", "").split(",") if each}
    return (
        query.get("state", "open") in ("all", one["state"])
        and labels <= {each.lower() for each in one.get("labels", [])}
        and query.get("creator", one["login"]) == one["login"]
        and query.get("since", "") <= str(one.get("updated_at") or one["created_at"])
    )
