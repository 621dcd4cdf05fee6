"""Whether two sets of paths, given in globs, may touch the same file. Pure.

`*` and `?` stay within a folder, `**` crosses folders, wildcards without `/` mean such a name anywhere; all else is
told from the root on, and means all below it, too, where it is a folder. In doubt they meet, and case does not count:
two tasks that wait for each other lose time, two that change one file lose work.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterable
from functools import lru_cache

DEEP = "**"
WILD = ("*", "?", "[", "{")


def first_overlap(ours: Iterable[str], theirs: Iterable[str]) -> tuple[str, str] | None:
    """The first two patterns that may match one path; None where none do."""
    others = tuple(theirs)
    return next(((one, other) for one in ours for other in others if meet(one, other)), None)


@lru_cache(maxsize=65536)
def meet(one: str, other: str) -> bool:
    """Whether there may be a path that both patterns match."""
    if not _wild(one) and not _wild(other):
        first, second = sorted((_named(one), _named(other)), key=len)
        return second[: len(first)] == first
    return _meet(_parts(one), _parts(other))


def _wild(pattern: str) -> bool:
    return any(sign in pattern for sign in WILD)


def _named(pattern: str) -> tuple[str, ...]:
    """The folders and the name that a pattern consists of."""
    parts = posixpath.normpath(pattern.lower()).split("/")
    return tuple(part for part in parts if part not in ("", "."))


def _parts(pattern: str) -> tuple[str, ...]:
    parts = _named(pattern)
    anywhere = [DEEP] if _wild(pattern) and "/" not in pattern else []
    folder = pattern.endswith("/") or (not _wild(pattern) and "." not in (parts or ("",))[-1][1:])
    return (*anywhere, *parts, *([DEEP] if folder else []))


def _meet(one: tuple[str, ...], other: tuple[str, ...]) -> bool:
    """Whether two lists of folders and a name meet: `**` stands for any number of them."""
    reached = {(0, 0)}
    looked: set[tuple[int, int]] = set()
    while reached:
        here = reached.pop()
        if here in looked:
            continue
        looked.add(here)
        left, right = here
        if left == len(one) and right == len(other):
            return True
        ahead = one[left] if left < len(one) else None
        beside = other[right] if right < len(other) else None
        if ahead == DEEP:
            reached |= {(left + 1, right)} | ({(left, right + 1)} if beside is not None else set())
        if beside == DEEP:
            reached |= {(left, right + 1)} | ({(left + 1, right)} if ahead is not None else set())
        if ahead is not None and beside is not None and DEEP not in (ahead, beside) and _may_equal(ahead, beside):
            reached.add((left + 1, right + 1))
    return False


def _may_equal(one: str, other: str) -> bool:
    """Whether two names within a folder may be the same: what is fixed at both ends must agree."""
    begin_one, end_one = _fixed(one)
    begin_other, end_other = _fixed(other)
    if begin_one is None and begin_other is None:
        return one == other
    if begin_one is None:
        return _fits(one, str(begin_other), end_other)
    if begin_other is None:
        return _fits(other, begin_one, end_one)
    begins = begin_one.startswith(begin_other) or begin_other.startswith(begin_one)
    return begins and (end_one.endswith(end_other) or end_other.endswith(end_one))


def _fits(name: str, begin: str, end: str) -> bool:
    return name.startswith(begin) and name.endswith(end) and len(name) >= len(begin) + len(end)


def _fixed(name: str) -> tuple[str | None, str]:
    """What stands before the first and after the last wildcard; None as the first where there is none."""
    places = [place for place, sign in enumerate(name) if sign in WILD]
    if not places:
        return None, ""
    last = max(places[-1], name.rfind("]"), name.rfind("}"))
    return name[: places[0]], name[last + 1 :]
