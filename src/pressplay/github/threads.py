"""Issues and pull requests as a run may read them: cleaned, and told apart by who wrote them. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from pressplay.github.text import visible
from pressplay.protocol.run import Comment, ReviewThread, Thread

# Of GitHub's associations those that come with write access to the repository.
TRUSTED = frozenset({"OWNER", "MEMBER", "COLLABORATOR"})
LONGEST = 20_000


def thread_of(
    issue: Mapping[str, Any], comments: Iterable[Mapping[str, Any]], reviews: Iterable[Mapping[str, Any]] = ()
) -> Thread:
    """An issue or pull request from GitHub's own answers.

    Args:
        reviews: nodes of GraphQL's `reviewThreads`.
    """
    return Thread(
        number=int(issue["number"]),
        title=visible(str(issue.get("title") or ""))[:500],
        body=visible(str(issue.get("body") or ""))[:LONGEST],
        author=_login(issue.get("user")),
        trusted=issue.get("author_association") in TRUSTED,
        state=str(issue.get("state") or ""),
        labels=tuple(str(label.get("name", "")) for label in issue.get("labels") or [] if isinstance(label, Mapping)),
        comments=tuple(_comment(each) for each in comments),
        reviews=tuple(_review(each) for each in reviews),
    )


def as_text(thread: Thread, kind: str) -> str:
    """A thread as the first turn of a conversation, each part under who wrote it."""
    parts = [f"{kind} #{thread.number} by {thread.author}: {thread.title}", thread.body]
    parts += [_told(comment) for comment in thread.comments]
    for review in thread.reviews:
        state = "resolved" if review.resolved else "open"
        parts.append(f"Review thread ({state}) at {review.path}:{review.line or '?'}\n{review.code}")
        parts += [_told(comment) for comment in review.comments]
    return "\n\n".join(part for part in parts if part)


def _told(comment: Comment) -> str:
    return f"{comment.author} wrote:\n{comment.body}"


def _comment(body: Mapping[str, Any]) -> Comment:
    return Comment(
        author=_login(body.get("user")),
        trusted=body.get("author_association") in TRUSTED,
        body=visible(str(body.get("body") or ""))[:LONGEST],
        created_at=str(body.get("created_at") or ""),
    )


def _review(node: Mapping[str, Any]) -> ReviewThread:
    comments = node["comments"]["nodes"]
    return ReviewThread(
        path=str(node["path"]),
        line=node.get("line"),
        resolved=bool(node["isResolved"]),
        outdated=bool(node["isOutdated"]),
        code=visible(str(comments[0].get("diffHunk") or ""))[:4000] if comments else "",
        comments=tuple(
            Comment(
                author=_login(each.get("author")),
                trusted=each.get("authorAssociation") in TRUSTED,
                body=visible(str(each.get("body") or ""))[:LONGEST],
                created_at=str(each.get("createdAt") or ""),
            )
            for each in comments
        ),
    )


def _login(user: object) -> str:
    return str(user.get("login", "ghost")) if isinstance(user, Mapping) else "ghost"
