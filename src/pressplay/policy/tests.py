"""Tests that a change deletes, skips or loosens, with the lines named. Pure.

It reads lines, so it can be fooled: it is one of several hurdles, and says what a person should look at.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

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
    r"|\bself\.skipTest\(|\b(?:it|test|describe)\.(?:skip|only|todo|failing)\b|\bx(?:it|describe|test)\s*\(|\bt\.Skip\w*\("
    r"|#\[ignore\b|@Disabled\b|@Ignore\b|\braise\s+(?:unittest\.)?SkipTest\b"
)
_ASSERTION = re.compile(
    r"\bassert\b|\bself\.(?:assert\w+|fail\w*)\(|\bexpect\(|\bassert_?\w*[!(]|\brequire\.\w+\(|\bt\.(?:Error|Fatal)\w*\("
    r"|\bpytest\.raises\("
)


def is_test(path: str) -> bool:
    """Whether a path looks like a test."""
    return _TEST_FILE.search(path) is not None


def weakened(change: TreeChange) -> Iterator[Violation]:
    """How a change weakens tests."""
    if not is_test(change.path) or change.binary:
        return
    if change.status == "D":
        yield _violation("test-deleted", change, "is deleted")
        return
    yield from _lost_definitions(change)
    for line in change.added:
        if _SKIP.search(line):
            yield _violation("test-skipped", change, f"is skipped by `{line.strip()[:160]}`")
    lost = [line for line in change.removed if _ASSERTION.search(line)]
    kept = [line for line in change.added if _ASSERTION.search(line)]
    if len(lost) > len(kept):
        yield _violation("test-loosened", change, f"loses the assertion `{lost[0].strip()[:160]}`")


def _lost_definitions(change: TreeChange) -> Iterator[Violation]:
    kept = {name for line in change.added if (name := _name(line))}
    for line in change.removed:
        name = _name(line)
        if name and name not in kept:
            yield _violation("test-deleted", change, f"loses `{line.strip()[:160]}`")


def _name(line: str) -> str | None:
    found = _DEFINITION.search(line)
    if found is None:
        return None
    return next((group for group in found.groups() if group), line.strip())


def _violation(rule: str, change: TreeChange, problem: str) -> Violation:
    return Violation(rule=rule, message=f"the test {change.path} {problem}", paths=(change.path,))
