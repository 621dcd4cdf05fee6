"""What a run reads of an issue or pull request: words as they stood when it was asked for, of people who may write.

| what | what becomes of it |
| --- | --- |
| a comment, or a comment on code, by somebody who may not write now | it is left out |
| one that was made or changed after the start | the text that the start's event brought, else it is left out |
| title and body that were changed after the start | as they stood: GitHub knows titles, the start's event the body |
| title and body by somebody who may not write now | they are read, and taint the run |
| what our own Apps wrote | it is read, also where it is younger: it is what runs have handed over |

Who may write is asked of GitHub at that moment, not taken from `author_association`: a member of an organization may
have no write access to the repository. Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pressplay.github.client import Edits
from pressplay.github.held import CODE_COMMENT, ISSUE_COMMENT, Held
from pressplay.github.threads import author_of, thread_of
from pressplay.github.times import moment
from pressplay.protocol.run import Thread

Body = Mapping[str, Any]


@dataclass(frozen=True)
class Start:
    """When the work was asked for, in seconds since 1970 by GitHub's clock, and the texts that came with that.

    Attributes:
        subject: what the flow is about that it started, `pr:7` or `issue:3`; "" where it started none.
    """

    moment: float
    held: Held = field(default_factory=Held)
    subject: str = ""


@dataclass(frozen=True)
class Said:
    """What GitHub has now of an issue or pull request.

    Attributes:
        subject, comments: of the REST API; threads: nodes of GraphQL's `reviewThreads`.
    """

    subject: Body
    edits: Edits
    comments: Sequence[Body] = ()
    threads: Sequence[Body] = ()

    def authors(self) -> set[str]:
        """Logins of everybody who wrote something of it."""
        of_code = (each for thread in self.threads for each in thread["comments"]["nodes"])
        return {author_of(each) for each in (self.subject, *self.comments, *of_code)}


@dataclass(frozen=True)
class Authors:
    """Whose words count: who may write at this moment, and our own Apps."""

    may_write: frozenset[str]
    ours: frozenset[str]


@dataclass(frozen=True)
class Stood:
    """What a run reads.

    Attributes:
        stranger: login of who wrote title and body and may not write; "" where there is none.
    """

    thread: Thread
    stranger: str = ""


@dataclass
class _LeftOut:
    """How much is left out, by why."""

    strangers: int = 0
    later: int = 0
    body: str = ""

    def told(self) -> str:
        """That in one line; "" where nothing is."""
        why = [
            f"{count} {words}"
            for count, words in (
                (self.strangers, "by people who may not write here"),
                (self.later, "made or changed after the work was asked for"),
            )
            if count
        ]
        number = self.strangers + self.later
        comments = f"{number} comment{'s are' if number > 1 else ' is'} left out: {', '.join(why)}" if why else ""
        return "; ".join(each for each in (self.body, comments) if each)


def as_it_stood(said: Said, start: Start, authors: Authors) -> Stood:
    """An issue or pull request as it stood at a start, by whom it may come from."""
    left = _LeftOut()
    subject = _subject(said, start, authors, left)
    comments = _kept(said.comments, ISSUE_COMMENT, start, authors, left)
    threads = []
    for each in said.threads:
        nodes = _kept(each["comments"]["nodes"], CODE_COMMENT, start, authors, left)
        if nodes:
            threads.append({**each, "comments": {"nodes": nodes}})
    author = author_of(said.subject)
    shown = subject.get("title") or subject.get("body")
    strange = bool(shown) and author not in authors.may_write | authors.ours
    return Stood(thread_of(subject, comments, threads, left.told()), author if strange else "")


def _subject(said: Said, start: Start, authors: Authors, left: _LeftOut) -> Body:
    """Title and body as they stood."""
    number = int(said.subject["number"])
    if moment(said.subject.get("created_at")) > start.moment and author_of(said.subject) not in authors.ours:
        left.body = "title and body are left out: they were written after the work was asked for"
        return {**said.subject, "title": "", "body": ""}
    title = said.subject.get("title") if said.edits.title is None else said.edits.title
    if said.edits.body <= start.moment:
        return {**said.subject, "title": title}
    body = start.held.body_of(number)
    if body is None:
        left.body = "the body is left out: it was changed after the work was asked for"
    return {**said.subject, "title": title, "body": body or ""}


def _kept(every: Iterable[Body], kind: str, start: Start, authors: Authors, left: _LeftOut) -> list[Body]:
    """The comments that are read, each as it stood."""
    kept = []
    for each in every:
        author = author_of(each)
        if author in authors.ours:
            kept.append(each)
        elif author not in authors.may_write:
            left.strangers += 1
        elif _changed(each) <= start.moment:
            kept.append(each)
        elif (text := start.held.comment_of(kind, each.get("id", each.get("databaseId")))) is not None:
            kept.append({**each, "body": text})
        else:
            left.later += 1
    return kept


def _changed(comment: Body) -> float:
    """When a comment was made or changed last, of either of GitHub's APIs; a moment that is not told is the latest."""
    told = [comment.get(name) for name in ("created_at", "createdAt", "updated_at", "lastEditedAt")]
    return max((moment(each) for each in told if each), default=float("inf"))
