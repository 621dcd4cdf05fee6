"""Texts that an event brought: how an issue, a pull request or a comment read when that happened. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

# GitHub counts comments on issues and comments on code apart.
ISSUE_COMMENT: Final = "comment"
CODE_COMMENT: Final = "code"


@dataclass(frozen=True)
class Held:
    """What an event says of texts.

    Attributes:
        number: of the issue or pull request; None where the event is about none, or its texts are forgotten.
        title, body: None where the event does not have them, as one that polling made.
        comment: kind and id of the comment that it brought, with its text.
    """

    number: int | None = None
    title: str | None = None
    body: str | None = None
    comment: tuple[str, int, str] | None = None

    def body_of(self, number: int) -> str | None:
        """The body of an issue or pull request, if it is held."""
        return self.body if number == self.number else None

    def comment_of(self, kind: str, identity: object) -> str | None:
        """The text of a comment, if it is held."""
        if self.comment is None or self.comment[:2] != (kind, identity):
            return None
        return self.comment[2]


def held_in(body: bytes) -> Held:
    """The texts in an event's body; none in what is no event, or was forgotten."""
    try:
        told = json.loads(body) if body else {}
    except (ValueError, RecursionError):
        return Held()
    if not isinstance(told, dict):
        return Held()
    subject = told.get("issue") or told.get("pull_request")
    if not isinstance(subject, Mapping) or not isinstance(subject.get("number"), int):
        return Held()
    body_there = "body" in subject
    return Held(
        subject["number"], _text(subject.get("title")) if "title" in subject else None,
        _text(subject["body"]) if body_there else None, _comment(told),
    )  # fmt: skip


def _comment(told: Mapping[str, Any]) -> tuple[str, int, str] | None:
    comment = told.get("comment")
    if not isinstance(comment, Mapping) or not isinstance(comment.get("id"), int):
        return None
    return ISSUE_COMMENT if "issue" in told else CODE_COMMENT, comment["id"], _text(comment.get("body"))


def _text(told: object) -> str:
    return told if isinstance(told, str) else ""
