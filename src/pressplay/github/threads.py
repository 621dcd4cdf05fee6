"""Issues and pull requests as runs and people read them: without what a reader on GitHub does not see. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from pressplay.github.text import visible
from pressplay.protocol.run import Comment, ReviewThread, Thread

LONGEST = 20_000


def thread_of(
    issue: Mapping[str, Any], comments: Iterable[Mapping[str, Any]], reviews: Iterable[Mapping[str, Any]] = (),
    left_out: str = "",
) -> Thread:  # fmt: skip
    """An issue or pull request from GitHub's own answers.

    Args:
        reviews: nodes of GraphQL's `reviewThreads`.
        left_out: what is not among them, and why, in one line.
    """
    return Thread(
        number=int(issue["number"]),
        title=visible(str(issue.get("title") or ""))[:500],
        body=visible(str(issue.get("body") or ""))[:LONGEST],
        author=author_of(issue),
        state=str(issue.get("state") or ""),
        labels=tuple(str(label.get("name", "")) for label in issue.get("labels") or [] if isinstance(label, Mapping)),
        comments=tuple(_comment(each) for each in comments),
        reviews=tuple(_review(each) for each in reviews),
        left_out=left_out,
    )


def author_of(said: Mapping[str, Any]) -> str:
    """The login of who wrote something, as the REST API writes it; `ghost` for one that is gone.

    GraphQL leaves the end of a bot's login out, and so it is that of a person who took the same name.
    """
    user = said.get("user") or said.get("author")
    if not isinstance(user, Mapping):
        return "ghost"
    login = str(user.get("login") or "ghost")
    return f"{login}[bot]" if user.get("__typename") == "Bot" else login


def _comment(said: Mapping[str, Any]) -> Comment:
    return Comment(
        author=author_of(said),
        body=visible(str(said.get("body") or ""))[:LONGEST],
        created_at=str(said.get("created_at") or said.get("createdAt") or ""),
    )


def _review(node: Mapping[str, Any]) -> ReviewThread:
    comments = node["comments"]["nodes"]
    return ReviewThread(
        id=str(node["id"]),
        path=str(node["path"]),
        line=node.get("line"),
        resolved=bool(node["isResolved"]),
        outdated=bool(node["isOutdated"]),
        code=visible(str(comments[0].get("diffHunk") or ""))[:4000] if comments else "",
        comments=tuple(_comment(each) for each in comments),
    )
