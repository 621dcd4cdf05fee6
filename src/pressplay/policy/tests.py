"""Tests that a change deletes, skips or loosens, with the lines named. Pure.

It reads lines, so it can be fooled: it is one of several hurdles, and says what a person should look at. What decides
which tests run is in `tests_configured`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import chain, repeat

from pressplay.protocol.quarantine import TreeChange
from pressplay.protocol.run import Violation

_TEST_FILE = re.compile(
    r"(?:^|/)(?:tests?|__tests__|spec|testing)/.*\.(?:py|js|jsx|ts|tsx|mjs|go|rs|rb|java|kt|cs|php|c|cc|cpp)$"
    r"|(?:^|/)(?:test_[^/]*|[^/]*_test)\.(?:py|go|rs|cc|cpp)$"
    r"|(?:^|/)[^/]*\.(?:test|spec)\.(?:js|jsx|ts|tsx|mjs)$"
    r"|(?:^|/)[^/]*Tests?\.(?:java|kt|cs)$|(?:^|/)conftest\.py$"
)
_DEFINITION = re.compile(
    r"^\s*(?:async\s+)?def\s+(test\w*)|^\s*class\s+(\w*Tests?\w*)\b|^\s*func\s+((?:Test|Fuzz)\w+)\s*\("
    r"|^\s*(?:it|test|describe)(?:\.\w+)?\s*\(\s*[\"'`](.+?)[\"'`]|^\s*#\[(?:tokio::)?test\]"
)
_SKIP = re.compile(
    r"@(?:pytest\.mark\.|unittest\.)?(?:skip|skipif|skipUnless|skipIf|xfail|expectedFailure)\b|\bpytest\.(?:skip|xfail)\("
    r"|\bpytestmark\b.*\b(?:skip|xfail)|\bmarks\s*=.*\b(?:skip|xfail)|\bpytest\.mark\.(?:skip|xfail)\b"
    r"|\bself\.skipTest\(|\b(?:it|test|describe)\.(?:skip|only|todo|failing)\b|\bx(?:it|describe|test)\s*\(|\bt\.Skip\w*\("
    r"|#\[ignore\b|@Disabled\b|@Ignore\b|\braise\s+(?:unittest\.)?SkipTest\b|^__test__\s*=\s*False"
)
_ASSERTION = re.compile(
    r"\bassert\b|\bself\.(?:assert\w+|fail\w*)\(|\bexpect\(|\bassert_?\w*[!(]|\brequire\.\w+\(|\bt\.(?:Error|Fatal)\w*\("
    r"|\bpytest\.raises\("
)
# Assertions that nothing can break.
_EMPTY = re.compile(
    r"\bassert\s+(?:True|1|not\s+False)\s*(?:[,#].*)?$|\bself\.assertTrue\(\s*True\b|\bexpect\(\s*true\s*\)|\bassert!\(\s*true\b"
    r"|\bassert\b.*\bor\s+True\b"
)
# How far off a result may be: a larger number lets more through, or a smaller one.
_MORE = re.compile(
    r"\b(rel|abs|rtol|atol|delta|tol|tolerance|eps|epsilon|rel_tol|abs_tol)(\s*[=:]\s*)([0-9][0-9.eE+-]*)"
)
_FEWER = re.compile(r"\b(places|decimal|precision)(\s*[=:]\s*)([0-9]+)|(toBeCloseTo)(\(.+,\s*)([0-9]+)")
_APPROXIMATELY = re.compile(r"\b(?:pytest\.)?approx\(\s*([^,()]+)[^()]*\)")


def is_test(path: str) -> bool:
    """Whether a path looks like a test."""
    return _TEST_FILE.search(path) is not None


def weakened(change: TreeChange) -> Iterator[Violation]:
    """How a change weakens tests."""
    if not is_test(change.path):
        return
    if change.status == "D":
        yield _violation("test-deleted", change, None, "is deleted")
        return
    if change.binary:
        yield _violation("test-loosened", change, None, "is no text any more, so nobody can see what it tests")
        return
    if change.unseen:
        told = f"loses {change.unseen:,} lines more than are looked at; change it in smaller steps"
        yield _violation("test-loosened", change, None, told)
    yield from _lost_definitions(change)
    for number, line in added(change):
        if _SKIP.search(line):
            yield _violation("test-skipped", change, number, f"is skipped by `{shown(line)}`")
        elif _EMPTY.search(line):
            yield _violation("test-loosened", change, number, f"asserts nothing by `{shown(line)}`")
    yield from _lost_assertions(change)
    yield from _wider(change)


def added(change: TreeChange) -> Iterator[tuple[int | None, str]]:
    """Lines that were added, with their numbers in the new file."""
    return zip(chain(change.added_at, repeat(None)), change.added, strict=False)


def removed(change: TreeChange) -> Iterator[tuple[int | None, str]]:
    """Lines that were removed, with their numbers in the old file."""
    return zip(chain(change.removed_at, repeat(None)), change.removed, strict=False)


def shown(line: str) -> str:
    """A line for a message."""
    return line.strip()[:160]


def _lost_definitions(change: TreeChange) -> Iterator[Violation]:
    kept = {name for line in change.added if (name := _name(line))}
    for number, line in removed(change):
        name = _name(line)
        if name and name not in kept:
            yield _violation("test-deleted", change, number, f"loses `{shown(line)}`")


def _lost_assertions(change: TreeChange) -> Iterator[Violation]:
    lost = [(number, line) for number, line in removed(change) if _ASSERTION.search(line)]
    kept = [line for line in change.added if _ASSERTION.search(line) and not _EMPTY.search(line)]
    if len(lost) > len(kept):
        number, line = lost[0]
        yield _violation("test-loosened", change, number, f"loses the assertion `{shown(line)}`")


def _wider(change: TreeChange) -> Iterator[Violation]:
    """Assertions that are the same but for how far off a result may be."""
    before: dict[str, list[float]] = {}
    exact = {"".join(line.split()) for line in change.removed if not _APPROXIMATELY.search(line)}
    for line in change.removed:
        same, laxity = _laxity(line)
        if laxity is not None:
            before.setdefault(same, []).append(laxity)
    for number, line in added(change):
        same, laxity = _laxity(line)
        earlier = before.get(same)
        if laxity is not None and earlier and laxity > earlier.pop(0):
            yield _violation("test-loosened", change, number, f"lets more through by `{shown(line)}`")
        elif _APPROXIMATELY.search(line) and "".join(_APPROXIMATELY.sub(r"\1", line).split()) in exact:
            yield _violation("test-loosened", change, number, f"is no longer exact by `{shown(line)}`")


def _laxity(line: str) -> tuple[str, float | None]:
    """A line without its tolerance, and how much that lets through."""
    for pattern, sign in ((_MORE, 1.0), (_FEWER, -1.0)):
        found = pattern.search(line)
        if found is not None:
            number = next(group for group in reversed(found.groups()) if group)
            try:
                return "".join(line.replace(number, "_", 1).split()), sign * float(number)
            except ValueError:
                return line, None
    return line, None


def _name(line: str) -> str | None:
    found = _DEFINITION.search(line)
    if found is None:
        return None
    return next((group for group in found.groups() if group), line.strip())


def _violation(rule: str, change: TreeChange, line: int | None, problem: str) -> Violation:
    place = change.path if line is None else f"{change.path}:{line}"
    return Violation(rule=rule, message=f"the test {place} {problem}", paths=(change.path,))
