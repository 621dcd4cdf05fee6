"""Settings that have fewer tests run, or their failure forgotten, with the lines named. Pure.

Only lines that a change adds are looked at, and only in files that say how tests are run.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from pressplay.policy.tests import added, removed, shown
from pressplay.protocol.quarantine import TreeChange
from pressplay.protocol.run import Violation

# Files in which a test's options stand by themselves.
_SETTINGS = re.compile(
    r"(?:^|/)(?:pytest\.ini|\.pytest\.ini|tox\.ini|setup\.cfg|pyproject\.toml|conftest\.py|\.coveragerc"
    r"|(?:jest|vitest|karma|playwright|cypress)\.config\.\w+|\.mocharc[\w.]*|nextest\.toml)$"
)
# Files in which a test is called among other things.
_CALLERS = re.compile(
    r"(?:^|/)(?:(?:GNU)?[Mm]akefile|justfile|Justfile|Taskfile\.ya?ml|package\.json|noxfile\.py|tox\.ini|pyproject\.toml"
    r"|Rakefile|build\.gradle(?:\.kts)?|pom\.xml)$|\.(?:sh|bash|mk)$"
)
_TESTING = re.compile(
    r"\b(?:pytest|py\.test|unittest|jest|vitest|mocha|playwright|cypress|tox|nox|ctest|nextest)\b"
    r"|\b(?:go|cargo|npm|yarn|pnpm|npm run|make|mvn|gradle|dotnet)\s+test\b"
)
_FORGETS = re.compile(
    r"\|\|\s*(?:true|:|exit\s+0|echo\b)|;\s*(?:true|exit\s+0)\s*[\"']?\s*,?$|^\t-|--passWithNoTests|--maxfail=0"
)
_DESELECTS = re.compile(
    r"(?:^|[\s\"'=\[,(])(?:-k(?=[\s\"'=,])|--deselect\b|--ignore(?:-glob)?\b|-m[\s=]+[\\\"']*not\b|--collect-only\b|--co\b"
    r"|--testPathIgnorePatterns\b|--skip\b|-skip\b|-p\s+no:)"
)
_NAMES = re.compile(r"\b(?:collect_ignore(?:_glob)?|norecursedirs|testPathIgnorePatterns|pytest_ignore_collect)\b")
_THRESHOLD = re.compile(r"\b(fail_under|fail-under)(\s*[=:]\s*|=|\s+)([0-9.]+)")
_STRICT = re.compile(r"^\s*(xfail_strict|strict)\s*=\s*[\"']?(true|false|1|0)\b", re.IGNORECASE)
_COMMENT: Final = ("#", "//", ";")


def loosened(change: TreeChange) -> Iterator[Violation]:
    """How a change has fewer tests count."""
    settings, calls = _SETTINGS.search(change.path), _CALLERS.search(change.path)
    if change.binary or not (settings or calls):
        return
    for number, line in added(change):
        if line.lstrip().startswith(_COMMENT):
            continue
        testing = calls is not None and _TESTING.search(line) is not None
        if testing and _FORGETS.search(line):
            yield _violation(change, number, f"forgets that tests fail by `{shown(line)}`")
        elif ((settings or testing) and _DESELECTS.search(line)) or (settings and _NAMES.search(line)):
            yield _violation(change, number, f"leaves tests out by `{shown(line)}`")
    yield from _lower(change)


def _lower(change: TreeChange) -> Iterator[Violation]:
    """A share of covered lines that falls, or strictness that goes."""
    demanded = max((float(found[3]) for _, line in removed(change) if (found := _THRESHOLD.search(line))), default=None)
    strict = any((found := _STRICT.search(line)) and found[2].lower() in ("true", "1") for _, line in removed(change))
    for number, line in added(change):
        threshold, now = _THRESHOLD.search(line), _STRICT.search(line)
        if threshold and demanded is not None and float(threshold[3]) < demanded:
            yield _violation(change, number, f"demands less by `{shown(line)}`")
        if now and strict and now[2].lower() in ("false", "0"):
            yield _violation(change, number, f"demands less by `{shown(line)}`")


def _violation(change: TreeChange, line: int | None, problem: str) -> Violation:
    place = change.path if line is None else f"{change.path}:{line}"
    return Violation(rule="test-configuration", message=f"{place} {problem}", paths=(change.path,))
