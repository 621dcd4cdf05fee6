"""The write contract: whether a persona may have changed what it has changed. Checked on the final tree's difference.

`CHECKS` is the order in which a change is looked at; all that is broken is told, to be mended in one go.
"""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Iterable, Iterator

from pressplay.personas.schema import Kind, Writes
from pressplay.policy import tests, tests_configured
from pressplay.policy.globs import matches_any
from pressplay.policy.protected import why_protected
from pressplay.policy.secrets import first_secret
from pressplay.protocol.quarantine import TreeChange
from pressplay.protocol.run import Violation

LARGEST_FILE = 5 * 1024 * 1024
LARGEST_BINARY = 1024 * 1024
ABSENT = "000000"
PLAIN = frozenset({"100644", "100755", "120000"})
MOST_TOLD = 50
# The rule of the persona's own paths.
CONTRACT_PATH = "contract-path"

Check = Callable[[TreeChange, Writes], Iterable[Violation]]


def kind_of(change: TreeChange) -> Kind:
    """What a change does to its path."""
    if change.old_mode == ABSENT:
        return "add"
    return "delete" if change.new_mode == ABSENT else "modify"


def mode(change: TreeChange, _: Writes) -> Iterator[Violation]:
    """Only files and links: a submodule would bring another repository's code."""
    for each in (change.old_mode, change.new_mode):
        if each not in PLAIN | {ABSENT}:
            yield _violation("mode", change, "is a submodule or of an unknown mode; agents change files only")


def protected(change: TreeChange, _: Writes) -> Iterator[Violation]:
    """Protected paths, whatever is done to them."""
    why = why_protected(change.path)
    if why is not None:
        yield _violation("protected-path", change, f"is protected: {why}. A person changes it.")


def link(change: TreeChange, _: Writes) -> Iterator[Violation]:
    """No link may take a protected place or lead to one."""
    if change.target is None:
        return
    place = posixpath.normpath(posixpath.join(posixpath.dirname(change.path), change.target))
    if why := why_protected(place):
        yield _violation("protected-path", change, f"leads to a protected path: {why}.")


def allowed_path(change: TreeChange, writes: Writes) -> Iterator[Violation]:
    """The persona's own paths."""
    if writes.paths and not matches_any(writes.paths, change.path):
        yield _violation(CONTRACT_PATH, change, f"is outside of what this persona changes: {', '.join(writes.paths)}")
    elif matches_any(writes.never, change.path):
        yield _violation(CONTRACT_PATH, change, "is never changed by this persona")


def allowed_kind(change: TreeChange, writes: Writes) -> Iterator[Violation]:
    """The kinds of change that the persona makes."""
    if kind_of(change) not in writes.kinds:
        yield _violation("contract-kind", change, f"is a change that this persona does not make ({kind_of(change)})")


def weakened_tests(change: TreeChange, writes: Writes) -> Iterator[Violation]:
    """Tests stay as strong as they were."""
    if not writes.may_weaken_tests:
        yield from tests.weakened(change)
        yield from tests_configured.loosened(change)


def size(change: TreeChange, _: Writes) -> Iterator[Violation]:
    """What is too large for a review is too large for a pull request."""
    most = LARGEST_BINARY if change.binary else LARGEST_FILE
    if change.size > most:
        yield _violation("too-large", change, f"has {change.size:,} bytes; at most {most:,} are taken")


def secret(change: TreeChange, _: Writes) -> Iterator[Violation]:
    """No credential in what is added. It is not told itself, only where it is."""
    found = first_secret(change.added)
    if found is not None:
        number, kind = found
        yield _violation("secret", change, f"has {kind} in line {number + 1} of what is added; take it out")


CHECKS: tuple[Check, ...] = (mode, protected, link, allowed_path, allowed_kind, size, secret, weakened_tests)


def violations(changes: Iterable[TreeChange], writes: Writes) -> list[Violation]:
    """All that is broken, at most fifty."""
    found = [violation for change in changes for check in CHECKS for violation in check(change, writes)]
    return found[:MOST_TOLD]


def _violation(rule: str, change: TreeChange, problem: str) -> Violation:
    return Violation(rule=rule, message=f"{change.path} {problem}", paths=(change.path,))
