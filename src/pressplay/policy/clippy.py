"""What a persona that only formats may leave behind: the formatter's result, and mended lines that the linter named.

Pure. What the formatter makes and the linter names must not be taken from the workbench of the run that is judged: the
referee makes both from the tree before it, where the agent has never been.
"""

from __future__ import annotations

import base64
import posixpath
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from difflib import SequenceMatcher
from typing import Final

from pressplay.protocol.quarantine import FileDifference
from pressplay.protocol.run import Report, Violation

# Lines by path, each range from 1 and without its end.
Named = Mapping[str, Sequence[range]]

RULE: Final = "format-only"
ABSENT: Final = "000000"
FILES: Final = frozenset({"100644", "100755"})
# More would take minutes to align; such a piece counts as changed whole.
MOST_ALIGNED: Final = 4_000_000
# `path:line:`, as most linters write it; with an arrow before it, as ruff and rustc do, or with `vet: `, as go does.
_PLACE = re.compile(r"(?:\s*--> |vet: )?([^\s:][^:]{0,500}):(\d{1,7})(?::\d{1,7})?(?::|\s|$)")
# A line below a path that stands alone, as eslint writes it.
_BELOW = re.compile(r"\s+(\d{1,7}):\d{1,7}\s")


def clippy_contract(between: Iterable[FileDifference], changed: Collection[str], named: Named) -> list[Violation]:
    """What the final tree changes beyond formatting and linting.

    Args:
        between: from the tree that formatter and auto-fixers made of the one before, to the final one.
        changed: paths at which the final tree differs from the one before.
        named: what the linter names in the tree that they made.
    """
    return [
        Violation(rule=RULE, message=f"{each.path}{place}", paths=(each.path,))
        for each in between
        for place in _beyond(each, each.path in changed, named.get(each.path, ()))
    ]


def named_lines(reports: Iterable[Report], directory: str, workspace: str) -> dict[str, list[range]]:
    """What linters name, by paths from the repository's root.

    Args:
        reports: of commands; what ended well names nothing.
        directory: where they ran, from the root; empty for the root.
        workspace: the root, as they saw it.
    """
    found: dict[str, list[range]] = {}
    for report in reports:
        for told, line in _places(report.output) if report.code else ():
            path = _from_root(told, directory, workspace)
            found.setdefault(path, []).append(range(line, line + 1))
    return found


def _places(output: str) -> Iterator[tuple[str, int]]:
    heading = ""
    for line in output.splitlines():
        if place := _PLACE.match(line):
            yield place[1], int(place[2])
        elif heading and (below := _BELOW.match(line)):
            yield heading, int(below[1])
        elif line and not line[0].isspace():
            heading = line.rstrip()


def _from_root(path: str, directory: str, workspace: str) -> str:
    """A path as a linter that ran in a directory writes it; one that leads elsewhere is no file's of the tree."""
    return posixpath.relpath(posixpath.join(workspace, directory, path), workspace)


def _beyond(one: FileDifference, changed: bool, named: Sequence[range]) -> Iterator[str]:
    """What is wrong with a difference, each as it is told behind the file's path."""
    if one.old_mode == ABSENT:
        yield " is new; formatting makes no files"
    elif one.new_mode == ABSENT:
        yield " is gone; formatting removes no files"
    elif not changed:
        yield " is not as the formatter leaves it; run it"
    elif one.old_mode != one.new_mode or one.new_mode not in FILES:
        yield f" is of another mode or a link ({one.old_mode}, now {one.new_mode}); formatting changes lines only"
    elif one.old is None or one.new is None:
        yield " is too large to be compared; leave it as the formatter does"
    else:
        yield from _beyond_lines(base64.b64decode(one.old), base64.b64decode(one.new), named)


def _beyond_lines(fixed: bytes, after: bytes, named: Sequence[range]) -> Iterator[str]:
    if b"\0" in fixed or b"\0" in after:
        yield " is no text; formatting does not change it"
        return
    for line in _unnamed(fixed, after, named):
        yield f":{line} is changed, and neither the formatter changes it nor does the linter name it"


def _unnamed(fixed: bytes, after: bytes, named: Sequence[range]) -> Iterator[int]:
    """The first line of each piece that differs and is not named, as numbered in the fixed file."""
    allowed = {line for each in named for line in each}
    # With their ends: to some languages a carriage return ends a comment, and to others it does not.
    mine, theirs = fixed.splitlines(keepends=True), after.splitlines(keepends=True)
    for first, last in _pieces(mine, theirs):
        if first == last:
            # What is only put in stands behind one line and before another: one of them must be named.
            beyond = [] if allowed & {first - 1, first} else [first]
        else:
            lines = range(first, last)
            # Empty lines go with the line that is named: a formatter closes the gap that it leaves.
            gap = not allowed.isdisjoint(lines)
            beyond = [line for line in lines if line not in allowed and not (gap and not mine[line - 1].strip())]
        yield from beyond[:1]


def _pieces(one: list[bytes], other: list[bytes]) -> Iterator[tuple[int, int]]:
    """Ranges of lines of the one that the other has differently, from 1 and without their end."""
    shorter = min(len(one), len(other))
    head = next((number for number in range(shorter) if one[number] != other[number]), shorter)
    tail = next((number for number in range(shorter - head) if one[-1 - number] != other[-1 - number]), shorter - head)
    mine, theirs = one[head : len(one) - tail], other[head : len(other) - tail]
    if len(mine) * len(theirs) > MOST_ALIGNED:
        yield head + 1, head + 1 + len(mine)
        return
    for tag, first, last, _, _ in SequenceMatcher(None, mine, theirs, autojunk=False).get_opcodes():
        if tag != "equal":
            yield head + first + 1, head + last + 1
