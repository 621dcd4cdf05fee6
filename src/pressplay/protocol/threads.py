"""A thread as text: a model reads it as its first turn or as a tool's answer, a person at a terminal. Pure."""

from __future__ import annotations

from pressplay.protocol.run import Comment, Thread


def as_text(thread: Thread, kind: str) -> str:
    """A thread as the first turn of a conversation, each part under who wrote it."""
    parts = [f"{kind} #{thread.number} by {thread.author}: {thread.title}", thread.body]
    parts += [_told(comment) for comment in thread.comments]
    for review in thread.reviews:
        state = "resolved" if review.resolved else "open"
        parts.append(f"Review thread {review.id} ({state}) at {review.path}:{review.line or '?'}\n{review.code}")
        parts += [_told(comment) for comment in review.comments]
    parts += [f"[{thread.left_out}]"] if thread.left_out else []
    return "\n\n".join(part for part in parts if part)


def _told(comment: Comment) -> str:
    return f"{comment.author} wrote:\n{comment.body}"
