"""Comments on issues and pull requests, and single comments of either kind by their ids: read, changed, deleted."""

from __future__ import annotations

from collections.abc import Callable

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from localhub import render, render_reviews
from localhub.context import EITHER, REPO, Context, Record, body_of, listed, now, text_in
from localhub.problems import missing

Permission = str | tuple[str, ...]


class Comments:
    """Their routes."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._state = context.state

    def routes(self) -> list[Route]:
        """All of them."""
        every, code = f"{REPO}/issues/comments", f"{REPO}/pulls/comments"
        return [
            Route(f"{REPO}/issues/{{number:int}}/comments", self.comments),
            Route(f"{REPO}/issues/{{number:int}}/comments", self.comment, methods=["POST"]),
            *self._of_one(f"{every}/{{comment:int}}", "comments", EITHER),
            *self._of_one(f"{code}/{{comment:int}}", "review_comments", "pull_requests"),
            Route(every, self._all_of("comments", EITHER)),
            Route(code, self._all_of("review_comments", "pull_requests")),
        ]

    def _of_one(self, path: str, kind: str, permission: Permission) -> list[Route]:
        async def read(request: Request) -> Response:
            found = self._context.allowed(request, permission, "read")
            return JSONResponse(self._shown(kind, found, *self._find(kind, found, request)))

        async def change(request: Request) -> Response:
            found, number, one = self._to_change(kind, permission, request)
            body, login = text_in(await body_of(request), "body", "Comment"), self._context.actor(request)
            before, one["body"], one["updated_at"] = one["body"], body, now()
            shown = self._shown(kind, found, number, one)
            self._tell(kind, found, number, "edited", login, shown, changes={"body": {"from": before}})
            return JSONResponse(shown)

        async def delete(request: Request) -> Response:
            found, number, one = self._to_change(kind, permission, request)
            shown = self._shown(kind, found, number, one)
            found[kind][number].remove(one)
            self._tell(kind, found, number, "deleted", self._context.actor(request), shown)
            return Response(status_code=204)

        return [
            Route(path, read), Route(path, change, methods=["PATCH"]), Route(path, delete, methods=["DELETE"])
        ]  # fmt: skip

    def _all_of(self, kind: str, permission: Permission) -> Callable[..., object]:
        async def read(request: Request) -> Response:
            found = self._context.allowed(request, permission, "read")
            every = [(number, one) for number, some in found[kind].items() for one in some]
            query = request.query_params
            every = [each for each in every if _changed(each[1]) >= query.get("since", "")]
            by_change = query.get("sort") == "updated"
            every.sort(key=lambda each: (_changed(each[1]) if by_change else "", int(each[1]["id"])),
                       reverse=query.get("direction") == "desc")  # fmt: skip
            return listed(request, self._state, [self._shown(kind, found, *each) for each in every])

        return read

    async def comments(self, request: Request) -> Response:
        """Comments on an issue, the oldest first."""
        found = self._context.allowed(request, EITHER, "read")
        number, _ = self._context.subject(found, request)
        every = found["comments"].get(number, [])
        return listed(request, self._state, [self._shown("comments", found, number, one) for one in every])

    async def comment(self, request: Request) -> Response:
        """Comment on it."""
        found = self._context.allowed(request, EITHER, "write", readers=True)
        number, _ = self._context.subject(found, request)
        body, login = text_in(await body_of(request), "body", "IssueComment"), self._context.actor(request)
        made = {
            "id": self._state.number(), "body": body, "created_at": now(), "login": login,
            "app": self._context.acting_app(request), "author_association": self._context.association(found, login),
        }  # fmt: skip
        found["comments"].setdefault(number, []).append(made)
        shown = self._shown("comments", found, number, made)
        self._tell("comments", found, number, "created", login, shown)
        return JSONResponse(shown, 201)

    def _to_change(self, kind: str, permission: Permission, request: Request) -> tuple[Record, str, Record]:
        """A comment that is one's own, or that one may change as who may write."""
        found = self._context.allowed(request, permission, "write", readers=True)
        number, one = self._find(kind, found, request)
        if one["login"] != self._context.actor(request):
            self._context.allowed(request, permission, "write")
        return found, number, one

    def _find(self, kind: str, found: Record, request: Request) -> tuple[str, Record]:
        for number, every in found[kind].items():
            for one in every:
                if one["id"] == request.path_params["comment"]:
                    return number, one
        raise missing()

    def _shown(self, kind: str, found: Record, number: str, one: Record) -> Record:
        shown = render.comment if kind == "comments" else render_reviews.comment
        return shown(self._state, found, number, one)

    def _tell(
        self, kind: str, found: Record, number: str, action: str, login: str, shown: Record, **more: object
    ) -> None:
        (found["issues"].get(number) or found["pulls"][number])["updated_at"] = now()
        if kind == "comments":
            issue = render.issue(self._state, found, number)
            self._context.happened("issue_comment", action, found, login, issue=issue, comment=shown, **more)
        else:
            pull = render.simple_pull(self._state, found, number)
            told = {"pull_request": pull, "comment": shown, **more}
            self._context.happened("pull_request_review_comment", action, found, login, **told)


def _changed(one: Record) -> str:
    return str(one.get("updated_at") or one["created_at"])
