"""From a changeset to a tree and its difference from the base, by git's plumbing alone.

No working tree is made, so no filter, attribute or link can do anything; new objects go to a folder of their own beside
the mirror's.
"""

from __future__ import annotations

import base64
import binascii
import re
import tempfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from pressplay.protocol.changeset import MOST_BYTES, ChangedFile, Changeset
from pressplay.protocol.quarantine import FileDifference, Tree, TreeChange
from pressplay.protocol.run import Violation
from pressplay.workspace import objects
from pressplay.workspace.git import Git
from pressplay.workspace.paths import changeset_violations, collisions, link_violation, missing

MOST_LINES = 2_000
LONGEST_LINE = 2_000
LONGEST_TARGET = 4_096
# Of all files that two trees have differently: what is beyond it is told without its content.
MOST_COMPARED = 2 * MOST_BYTES
NOWHERE = "0" * 40
SUBMODULE = "160000"
_WORDS = re.compile(rb"[\x20-\x7e]{16,}")

Keep = Callable[[str], bool]


class Unacceptable(Exception):
    """The changes make no tree that may be.

    Attributes:
        violations: every rule that is broken.
    """

    def __init__(self, violations: list[Violation]) -> None:
        super().__init__("; ".join(violation.message for violation in violations))
        self.violations = tuple(violations)


def make_tree(git: Git, changes: Changeset, keep: Keep = lambda _: False) -> Tree:
    """The final tree.

    Args:
        git: of a bare repository that has the base; where it writes objects is the caller's choice.
        keep: whether a line is told however many there are.

    Raises:
        Unacceptable: the changes break rules.
        GitFailed: the base is not there, or the disk is full.
    """
    contents = _contents(changes)
    _refuse(changeset_violations(changes))
    with tempfile.TemporaryDirectory() as scratch:
        indexed = git.with_variables(GIT_INDEX_FILE=str(Path(scratch) / "index"))
        indexed.run("read-tree", changes.base)
        base = _index(indexed)
        _refuse(missing(changes.deleted, base))
        paths = (set(base) - set(changes.deleted)) | {file.path for file in changes.files}
        _refuse(collisions(paths, [file.path for file in changes.files]))
        _refuse(_links(git, changes, contents, base))
        blobs = _write_blobs(git, [contents[file.path] for file in changes.files], Path(scratch))
        lines = [f"0 {NOWHERE}\t{path}\0" for path in changes.deleted]
        lines += [f"{file.mode} {blob}\t{file.path}\0" for file, blob in zip(changes.files, blobs, strict=True)]
        indexed.run("update-index", "-z", "--index-info", stdin="".join(lines).encode("utf-8", "surrogateescape"))
        tree = indexed.text("write-tree")
    return Tree(tree=tree, changes=tuple(_differences(git, changes.base, tree, keep)))


def _refuse(violations: list[Violation]) -> None:
    if violations:
        raise Unacceptable(violations)


def _contents(changes: Changeset) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    for file in changes.files:
        try:
            found[file.path] = file.data()
        except (ValueError, binascii.Error):
            raise Unacceptable([_violation("content-encoding", "is not base64", file)]) from None
    total = sum(len(data) for data in found.values())
    if total > MOST_BYTES:
        raise Unacceptable(
            [Violation(rule="too-large", message=f"{total:,} bytes were handed over; at most {MOST_BYTES:,} are taken")]
        )
    return found


def _violation(rule: str, problem: str, file: ChangedFile) -> Violation:
    return Violation(rule=rule, message=f"{file.path!r} {problem}", paths=(file.path,))


def _links(git: Git, changes: Changeset, contents: dict[str, bytes], base: dict[str, _Entry]) -> list[Violation]:
    """Links of the final tree that lead out of it, and did not do so before."""
    mine = {file.path: _text(contents[file.path]) for file in changes.files if file.mode == "120000"}
    if not mine:
        return []
    there = _targets(git, {path: entry.blob for path, entry in base.items() if entry.mode == "120000"})
    gone = {*changes.deleted, *(file.path for file in changes.files)}
    final = {**{path: target for path, target in there.items() if path not in gone}, **mine}
    found = []
    for path, target in sorted(final.items()):
        violation = link_violation(path, target, set(final))
        # A link that the project has led astray before is not this work's fault; one that it leads astray now is.
        if violation and (path in mine or link_violation(path, target, set(there)) is None):
            found.append(violation)
    return found


def _targets(git: Git, links: dict[str, str]) -> dict[str, str]:
    """What links lead to, by path; one that no system could follow is left out."""
    sizes = objects.sizes(git, links.values())
    usable = {path: blob for path, blob in links.items() if sizes[blob] <= LONGEST_TARGET}
    there = objects.contents(git, usable.values())
    return {path: _text(there[blob]) for path, blob in usable.items()}


def _text(data: bytes) -> str:
    return data.decode("utf-8", "surrogateescape")


@dataclass(frozen=True)
class _Entry:
    mode: str
    blob: str


def _index(git: Git) -> dict[str, _Entry]:
    """What the index holds by path."""
    found: dict[str, _Entry] = {}
    for line in git.run("ls-files", "-s", "-z").split(b"\0"):
        if line:
            facts, _, path = line.partition(b"\t")
            mode, blob, _ = facts.decode("ascii").split()
            found[_text(path)] = _Entry(mode, blob)
    return found


def _write_blobs(git: Git, contents: list[bytes], scratch: Path) -> list[str]:
    if not contents:
        return []
    folder = scratch / "blobs"
    folder.mkdir()
    names = []
    for number, data in enumerate(contents):
        file = folder / str(number)
        file.write_bytes(data)
        names.append(f"{file}\n")
    return git.text("hash-object", "-w", "--no-filters", "--stdin-paths", stdin="".join(names).encode()).split("\n")


@dataclass(frozen=True)
class _Difference:
    """One line of a raw difference."""

    old_mode: str
    new_mode: str
    old: str
    new: str
    status: str
    path: str

    def blobs(self) -> list[str]:
        """What is there before and after, submodules apart."""
        ends = ((self.old_mode, self.old), (self.new_mode, self.new))
        return [name for mode, name in ends if mode != SUBMODULE and set(name) != {"0"}]


def compared(git: Git, old: str, new: str) -> Iterator[FileDifference]:
    """Files that two trees have differently, with their contents as far as these are of a size to be compared."""
    found = _raw_differences(git, old, new)
    sizes = objects.sizes(git, [name for each in found for name in each.blobs()])
    readable: set[str] = set()
    left = MOST_COMPARED
    for each in found:
        size = sum(sizes[name] for name in each.blobs())
        if size <= left:
            readable.update(each.blobs())
            left -= size
    contents = objects.contents(git, readable)
    for each in found:
        yield FileDifference(
            path=each.path, old_mode=each.old_mode, new_mode=each.new_mode,
            old=_encoded(contents.get(each.old)), new=_encoded(contents.get(each.new)),
        )  # fmt: skip


def _encoded(data: bytes | None) -> str | None:
    return None if data is None else base64.b64encode(data).decode()


def _raw_differences(git: Git, base: str, tree: str) -> list[_Difference]:
    raw = git.run("diff-tree", "-r", "-z", "--raw", "--no-renames", "--full-index", base, tree).split(b"\0")
    return [_difference(facts, name) for facts, name in zip(raw[0::2], raw[1::2], strict=False)]


def _differences(git: Git, base: str, tree: str, keep: Keep) -> Iterator[TreeChange]:
    found = _raw_differences(git, base, tree)
    sizes = objects.sizes(git, [name for each in found for name in each.blobs()])
    # A file of the base can have any size, and none that is so large is read.
    read = [[name for name in each.blobs() if sizes[name] <= MOST_BYTES] for each in found]
    for group in objects.groups(read, sizes):
        contents = objects.contents(git, [name for number in group for name in read[number]])
        for number in group:
            yield _change(found[number], contents, sizes, keep)


def _difference(facts: bytes, path: bytes) -> _Difference:
    old_mode, new_mode, old, new, status = facts.lstrip(b":").decode("ascii").split()
    return _Difference(old_mode, new_mode, old, new, status, _text(path))


def _change(one: _Difference, contents: dict[str, bytes], sizes: dict[str, int], keep: Keep) -> TreeChange:
    old, new = contents.get(one.old, b""), contents.get(one.new, b"")
    added, removed, unseen, binary = _lines(old, new, keep)
    unread = any(sizes[name] > MOST_BYTES for name in one.blobs())
    return TreeChange(
        status=one.status,
        path=one.path,
        old_mode=one.old_mode,
        new_mode=one.new_mode,
        size=len(new),
        binary=binary or unread,
        added=tuple(line for _, line in added),
        removed=tuple(line for _, line in removed),
        added_at=tuple(number for number, _ in added),
        removed_at=tuple(number for number, _ in removed),
        unseen=unseen,
        target=_text(new) if one.new_mode == "120000" else None,
    )


# A line with its number from 1; of words in a binary their number.
_Numbered = tuple[int, str]


def _lines(old: bytes, new: bytes, keep: Keep) -> tuple[list[_Numbered], list[_Numbered], int, bool]:
    """Lines that are in one and not in the other, as often as they are; no alignment is needed for the checks.

    Returns:
        Those added, those removed, how many more were removed, whether it is a binary.
    """
    if b"\0" in old[:8000] or b"\0" in new[:8000]:
        added = _first(_without(_words_of(new), _words_of(old)), keep)
        return [each for each in added if keep(each[1])], [], 0, True
    before, after = _texts_of(old), _texts_of(new)
    gone = list(_without(before, after))
    return _first(_without(after, before), keep), gone[:MOST_LINES], max(0, len(gone) - MOST_LINES), False


def _texts_of(data: bytes) -> list[_Numbered]:
    return _numbered(data.decode("utf-8", "replace").split("\n"))


def _words_of(data: bytes) -> list[_Numbered]:
    """What is text in a binary, in characters of one byte or of two."""
    found = [*_WORDS.findall(data), *_WORDS.findall(data.replace(b"\0", b""))]
    return _numbered([word.decode("ascii") for word in found])


def _numbered(lines: list[str]) -> list[_Numbered]:
    return [(number, piece) for number, line in enumerate(lines, 1) for piece in _pieces(line)]


def _pieces(line: str) -> list[str]:
    """A line that is not too long; of a longer one pieces that overlap by a half, so that no cut hides anything."""
    last = max(1, len(line) - LONGEST_LINE // 2)
    return [line[start : start + LONGEST_LINE] for start in range(0, last, LONGEST_LINE // 2)]


def _first(lines: Iterable[_Numbered], keep: Keep) -> list[_Numbered]:
    """The first ones, and as many again of those that are to be kept."""
    found: list[_Numbered] = []
    for each in lines:
        if len(found) < MOST_LINES or (len(found) < 2 * MOST_LINES and keep(each[1])):
            found.append(each)
    return found


def _without(lines: list[_Numbered], others: list[_Numbered]) -> Iterator[_Numbered]:
    """Lines without those that are among the others, as often as they are, and without empty ones."""
    left: dict[str, int] = {}
    for _, line in others:
        left[line] = left.get(line, 0) + 1
    for number, line in lines:
        if left.get(line, 0):
            left[line] -= 1
        elif line:
            yield number, line
