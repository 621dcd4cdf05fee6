"""GraphQL, as far as it is used: how words were changed, review threads, resolving one; nothing else is understood."""

from __future__ import annotations

import asyncio
import base64
import re

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from localhub import differences, git, render, render_reviews
from localhub.context import EITHER, Context, Record, body_of, token_of
from localhub.problems import Problem

MUTATIONS = {"unresolveReviewThread": False, "resolveReviewThread": True}
# No list of GitHub's has more on one page.
MOST = 100


class Threads:
    """The one route."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._state = context.state

    def routes(self) -> list[Route]:
        """All of them."""
        return [Route("/api/graphql", self.graphql, methods=["POST"])]

    async def graphql(self, request: Request) -> Response:
        """A query or a mutation."""
        told = await body_of(request)
        query, variables = str(told.get("query", "")), told.get("variables") or {}
        if self._state.bearer(token_of(request)) is None:
            raise Problem(401, "Bad credentials")
        for name, resolved in MUTATIONS.items():
            if name in query:
                return self._resolve(request, name, str(variables.get("threadId")), resolved=resolved)
        if "lastEditedAt" in query and "issueOrPullRequest" in query:
            return self._edits(request, variables)
        if "reviewThreads" not in query:
            raise Problem(400, "The stand-in understands review threads, and how words were changed")
        return await asyncio.to_thread(self._threads, request, query, variables)

    def _refusal(
        self, request: Request, found: Record | None, level: str, permission: str | tuple[str, ...] = "pull_requests"
    ) -> tuple[str, str] | None:
        """Why a token may not do this: GraphQL tells it in an answer that is none of HTTP's errors."""
        try:
            self._context.check(token_of(request), found, permission, level)
        except Problem as error:
            return ("FORBIDDEN" if error.status == 403 else "NOT_FOUND"), error.message
        return None

    def _edits(self, request: Request, variables: Record) -> Response:
        """When the words of an issue or pull request were changed last, and its titles since a moment."""
        found, number = self._repository(request, variables, EITHER)
        if isinstance(found, Response):
            return found
        one = found["issues"].get(number) or found["pulls"].get(number)
        if one is None:
            told = f"Could not resolve to an issue or pull request with the number of {number}."
            return _wrong("NOT_FOUND", told)
        titles = [each for each in one.get("renamings", []) if each["at"] >= str(variables.get("since") or "")]
        nodes = [{"createdAt": each["at"], "previousTitle": each["from"]} for each in titles]
        shown = {"lastEditedAt": one.get("edited_at"), "timelineItems": {"nodes": nodes}}
        return JSONResponse({"data": {"repository": {"issueOrPullRequest": shown}}})

    def _repository(
        self, request: Request, variables: Record, permission: str | tuple[str, ...]
    ) -> tuple[Record | Response, str]:
        """The repository that a query names, or the answer that says why not; and the number that it asks for."""
        owner, name, number = (str(variables.get(each, "")) for each in ("owner", "name", "number"))
        found = self._state.find_repository(owner, name)
        refusal = self._refusal(request, found, "read", permission)
        if refusal is None and found is not None:
            return found, number
        kind, why = refusal or ("NOT_FOUND", "")
        known = f"Could not resolve to a Repository with the name '{owner}/{name}'."
        return _wrong(kind, why if kind == "FORBIDDEN" else known), number

    def _threads(self, request: Request, query: str, variables: Record) -> Response:
        found, number = self._repository(request, variables, "pull_requests")
        if isinstance(found, Response):
            return found
        if number not in found["pulls"]:
            return _wrong("NOT_FOUND", f"Could not resolve to a PullRequest with the number of {number}.")
        first, every = _first(query, "reviewThreads"), roots(found, number)
        start = _place(variables.get("after"))
        nodes = [self._shown(found, number, root, _first(query, "comments")) for root in every[start : start + first]]
        end = start + len(nodes)
        page = {"hasNextPage": end < len(every), "endCursor": _cursor(end) if nodes else None}
        shown = {"pageInfo": page, "totalCount": len(every), "nodes": nodes}
        return JSONResponse({"data": {"repository": {"pullRequest": {"reviewThreads": shown}}}})

    def _shown(self, found: Record, number: str, root: Record, most: int = MOST) -> Record:
        every = found["review_comments"][number]
        mine = [root, *(each for each in every if each.get("in_reply_to_id") == root["id"])]
        more = {"hasNextPage": len(mine) > most, "endCursor": _cursor(min(most, len(mine)))}
        folder, pull = self._context.folder(found), found["pulls"][number]
        head = git.branches(folder).get(pull["head"], pull["head_sha"])
        return {
            "id": render.node("PullRequestReviewThread", root["id"]), "isResolved": bool(root.get("resolved")),
            "isOutdated": differences.differs(folder, root["original_commit_id"], head, root["path"]),
            "path": root["path"], "line": root["line"],
            "comments": {
                "pageInfo": more, "totalCount": len(mine),
                "nodes": [render_reviews.graph(self._state, found, number, each) for each in mine[:most]],
            },
        }  # fmt: skip

    def _resolve(self, request: Request, mutation: str, thread: str, *, resolved: bool) -> Response:
        try:
            kind, _, identity = base64.b64decode(thread).decode().partition(":")
        except ValueError:
            kind, identity = "", ""
        every = ((found, number, root) for found in self._state.repositories.values() for number in found["pulls"]
                 for root in roots(found, number))  # fmt: skip
        for found, number, root in every:
            if kind != "PullRequestReviewThread" or str(root["id"]) != identity:
                continue
            refusal = self._refusal(request, found, "write")
            if refusal is not None and refusal[0] == "FORBIDDEN":
                return _wrong(*refusal)
            if refusal is None:
                self._change(request, found, number, root, resolved=resolved)
                return JSONResponse({"data": {mutation: {"thread": self._shown(found, number, root)}}})
        return _wrong("NOT_FOUND", f"Could not resolve to a node with the global id of '{thread}'.")

    def _change(self, request: Request, found: Record, number: str, root: Record, *, resolved: bool) -> None:
        if bool(root.get("resolved")) == resolved:
            return
        root["resolved"] = resolved
        mine = [root, *(each for each in found["review_comments"][number] if each.get("in_reply_to_id") == root["id"])]
        thread = {
            "node_id": render.node("PullRequestReviewThread", root["id"]),
            "comments": [render_reviews.comment(self._state, found, number, each) for each in mine],
        }
        pull, action = render.simple_pull(self._state, found, number), "resolved" if resolved else "unresolved"
        told = {"pull_request": pull, "thread": thread}
        self._context.happened("pull_request_review_thread", action, found, self._context.actor(request), **told)


def roots(found: Record, number: str) -> list[Record]:
    """The first comments of a pull request's threads."""
    return [each for each in found["review_comments"].get(number, []) if not each.get("in_reply_to_id")]


def _first(query: str, field: str) -> int:
    """How many of a list a query wants, where it says so in figures."""
    found = re.search(rf"\b{field}\s*\(\s*first:\s*(\d+)", query)
    return min(MOST, int(found[1])) if found else MOST


def _cursor(place: int) -> str:
    return base64.b64encode(f"cursor:{place}".encode()).decode()


def _place(cursor: object) -> int:
    try:
        return int(base64.b64decode(str(cursor or "")).decode().partition(":")[2] or 0)
    except ValueError:
        return 0


def _wrong(kind: str, message: str) -> Response:
    return JSONResponse({"data": {"repository": None}, "errors": [{"type": kind, "message": message}]})
