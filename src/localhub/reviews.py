"""Reviews of pull requests and the comments on their code."""

from __future__ import annotations

import asyncio
from pathlib import Path

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from localhub import differences, git, render, render_reviews
from localhub.context import REPO, Context, Record, body_of, listed, now, text_in
from localhub.problems import Problem, invalid, missing, simple

STATES = {"APPROVE": "APPROVED", "REQUEST_CHANGES": "CHANGES_REQUESTED", "COMMENT": "COMMENTED"}
# What a reply has of the comment that its thread began with.
COPIED = ("path", "line", "side", "start_line", "start_side", "commit_id", "original_commit_id", "diff_hunk")


class Reviews:
    """Their routes."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._state = context.state

    def routes(self) -> list[Route]:
        """All of them."""
        one = f"{REPO}/pulls/{{number:int}}"
        return [
            Route(f"{one}/reviews", self.reviews),
            Route(f"{one}/reviews", self.review, methods=["POST"]),
            Route(f"{one}/reviews/{{review:int}}", self.one),
            Route(f"{one}/reviews/{{review:int}}/comments", self.comments_of_one),
            Route(f"{one}/reviews/{{review:int}}/dismissals", self.dismiss, methods=["PUT"]),
            Route(f"{one}/comments", self.comments),
            Route(f"{one}/comments", self.comment, methods=["POST"]),
            Route(f"{one}/comments/{{comment:int}}/replies", self.reply, methods=["POST"]),
        ]

    async def reviews(self, request: Request) -> Response:
        """Reviews, the oldest first."""
        found = self._context.allowed(request, "pull_requests", "read")
        number, _ = self._context.pull(found, request)
        every = found["reviews"].get(number, [])
        return listed(request, self._state, [render_reviews.review(self._state, found, number, one) for one in every])

    async def review(self, request: Request) -> Response:
        """Submit a review, with its comments."""
        found = self._context.allowed(request, "pull_requests", "write", readers=True)
        number, pull = self._context.pull(found, request)
        told, login = await body_of(request), self._context.actor(request)
        try:
            made, comments = await self._read(found, number, pull, told, login)
        except Problem as error:
            raise simple(error) if error.status == 422 else error from None
        found["review_comments"].setdefault(number, []).extend(comments)
        found["reviews"].setdefault(number, []).append(made)
        shown = render_reviews.review(self._state, found, number, made)
        self._tell(found, number, "pull_request_review", "submitted", login, review=render_reviews.hooked(shown))
        for each in comments:
            self._tell_comment(found, number, each, login)
        return JSONResponse(shown)

    async def _read(
        self, found: Record, number: str, pull: Record, told: Record, login: str
    ) -> tuple[Record, list[Record]]:
        """A review and its comments as a body has them. Nothing is kept before all of it is known to be good."""
        event = _event(told, login == pull["login"])
        folder = self._context.folder(found)
        head = (await asyncio.to_thread(git.branches, folder)).get(pull["head"], pull["head_sha"])
        commit = await asyncio.to_thread(_commit, folder, {"commit_id": told.get("commit_id") or head})
        if commit is None:
            raise invalid("PullRequestReview", "commit_id")
        made: Record = {
            "id": self._state.number(), "login": login, "body": told.get("body") or "", "state": STATES[event],
            "commit_id": commit, "submitted_at": now(),
            "author_association": self._context.association(found, login),
            # GitHub counts approvals of people with write access only.
            "counts": self._context.role(found, login) in ("write", "admin"),
        }  # fmt: skip
        comments = [await self._made(found, number, {**each, "commit_id": made["commit_id"]}, login, made["id"])
                    for each in told.get("comments") or []]  # fmt: skip
        return made, comments

    def _find(self, found: Record, number: str, request: Request) -> Record:
        every = found["reviews"].get(number, [])
        one: Record | None = next((each for each in every if each["id"] == request.path_params["review"]), None)
        if one is None:
            raise missing()
        return one

    async def one(self, request: Request) -> Response:
        """A review."""
        found = self._context.allowed(request, "pull_requests", "read")
        number, _ = self._context.pull(found, request)
        one = self._find(found, number, request)
        return JSONResponse(render_reviews.review(self._state, found, number, one))

    async def comments_of_one(self, request: Request) -> Response:
        """The comments that came with a review."""
        found = self._context.allowed(request, "pull_requests", "read")
        number, _ = self._context.pull(found, request)
        one = self._find(found, number, request)
        mine = [each for each in found["review_comments"].get(number, []) if each["review"] == one["id"]]
        return listed(request, self._state, [render_reviews.comment(self._state, found, number, each) for each in mine])

    async def dismiss(self, request: Request) -> Response:
        """A review counts no more; its author's next one does."""
        found = self._context.allowed(request, "pull_requests", "write")
        number, _ = self._context.pull(found, request)
        one = self._find(found, number, request)
        message = (await body_of(request)).get("message")
        if not isinstance(message, str) or not message:
            raise Problem(422, "Unprocessable Entity", ["message: missing_field"])
        if one["state"] not in ("APPROVED", "CHANGES_REQUESTED"):
            raise Problem(
                422, "Unprocessable Entity", [f"Can not dismiss a {one['state'].lower()} pull request review"]
            )
        return JSONResponse(dismissed(self._context, found, number, one, self._context.actor(request)))

    async def comments(self, request: Request) -> Response:
        """Comments on code, the oldest first."""
        found = self._context.allowed(request, "pull_requests", "read")
        number, _ = self._context.pull(found, request)
        every = found["review_comments"].get(number, [])
        return listed(request, self._state, [render_reviews.comment(self._state, found, number, one) for one in every])

    async def comment(self, request: Request) -> Response:
        """Comment on a line."""
        found = self._context.allowed(request, "pull_requests", "write", readers=True)
        number, _ = self._context.pull(found, request)
        told, login = await body_of(request), self._context.actor(request)
        if told.get("in_reply_to"):
            return self._replied(found, number, int(told["in_reply_to"]), text_in(told, "body", "Comment"), login)
        text_in(told, "commit_id", "PullRequestReviewComment")
        made = await self._made(found, number, told, login, self._state.number())
        found["review_comments"].setdefault(number, []).append(made)
        self._tell_comment(found, number, made, login)
        return JSONResponse(render_reviews.comment(self._state, found, number, made), 201)

    async def reply(self, request: Request) -> Response:
        """Answer in a thread."""
        found = self._context.allowed(request, "pull_requests", "write", readers=True)
        number, _ = self._context.pull(found, request)
        body = text_in(await body_of(request), "body", "Comment")
        return self._replied(found, number, request.path_params["comment"], body, self._context.actor(request))

    def _replied(self, found: Record, number: str, first: int, body: str, login: str) -> Response:
        root = next((each for each in found["review_comments"].get(number, []) if each["id"] == first), None)
        if root is None:
            raise missing()
        made = {
            **{name: root.get(name) for name in COPIED},
            "id": self._state.number(), "review": self._state.number(), "body": body, "login": login,
            "created_at": now(), "in_reply_to_id": root.get("in_reply_to_id") or root["id"],
            "author_association": self._context.association(found, login),
        }  # fmt: skip
        found["review_comments"][number].append(made)
        self._tell_comment(found, number, made, login)
        return JSONResponse(render_reviews.comment(self._state, found, number, made), 201)

    async def _made(self, found: Record, number: str, told: Record, login: str, review: int) -> Record:
        pull = found["pulls"][number]
        path, body = (text_in(told, name, "PullRequestReviewComment") for name in ("path", "body"))
        folder = self._context.folder(found)
        heads = await asyncio.to_thread(git.branches, folder)
        base, commit = heads.get(pull["base"], pull.get("base_sha", "")), await asyncio.to_thread(_commit, folder, told)
        if commit is None:
            raise invalid("PullRequestReviewComment", "commit_id")
        lines: Record = {name: told.get(name) for name in ("line", "side", "start_line", "start_side")}
        lines["side"] = lines["side"] or "RIGHT"
        hunk = await asyncio.to_thread(differences.hunk, folder, base, commit, path, lines["line"], lines["side"])
        if hunk is None:
            raise _outside("line")
        if lines["start_line"] is not None:
            lines["start_side"] = lines["start_side"] or lines["side"]
            start = (lines["start_line"], lines["start_side"])
            first = await asyncio.to_thread(differences.hunk, folder, base, commit, path, *start)
            # Both ends lie in one part of the difference, the first before the last.
            if first is None or first == hunk or not hunk.startswith(first):
                raise _outside("start_line")
        return {
            "id": self._state.number(), "review": review, "path": path, **lines, "body": body, "login": login,
            "commit_id": commit, "original_commit_id": commit, "created_at": now(), "diff_hunk": hunk,
            "resolved": False, "author_association": self._context.association(found, login),
        }  # fmt: skip

    def _tell_comment(self, found: Record, number: str, made: Record, login: str) -> None:
        shown = render_reviews.comment(self._state, found, number, made)
        self._tell(found, number, "pull_request_review_comment", "created", login, comment=shown)

    def _tell(self, found: Record, number: str, event: str, action: str, login: str, **subject: Record) -> None:
        found["pulls"][number]["updated_at"] = now()
        pull = render.simple_pull(self._state, found, number)
        self._context.happened(event, action, found, login, pull_request=pull, **subject)


def dismissed(context: Context, found: Record, number: str, one: Record, login: str) -> Record:
    """Dismiss a review and tell of it; answers it as it is then."""
    one["state"] = "DISMISSED"
    shown = render_reviews.review(context.state, found, number, one)
    pull = render.simple_pull(context.state, found, number)
    told = {"review": render_reviews.hooked(shown), "pull_request": pull}
    context.happened("pull_request_review", "dismissed", found, login, **told)
    return shown


def _event(told: Record, own: bool) -> str:
    """What a review says. GitHub keeps one without an event for later; here there are none of that kind."""
    event = told.get("event")
    if event not in STATES:
        raise invalid("PullRequestReview", "event", message="the stand-in keeps no pending reviews")
    if event != "COMMENT" and own:
        raise Problem(422, f"Can not {event.lower().replace('_', ' ')} your own pull request", [])
    if event != "APPROVE" and not told.get("body") and not told.get("comments"):
        raise invalid("PullRequestReview", "body", "missing_field")
    return str(event)


def _commit(folder: Path, told: Record) -> str | None:
    """The commit that a comment is on, by its whole id."""
    name = str(told["commit_id"])
    return name if git.resolve(folder, name) == name else None


def _outside(field: str) -> Problem:
    name = f"pull_request_review_thread.{field}"
    return invalid("PullRequestReviewComment", name, "custom", f"{name} must be part of the diff")
