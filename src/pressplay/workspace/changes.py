"""From a changeset to a tree and its difference from the base, by git's plumbing alone.

No working tree is made, so no filter, attribute or link can do anything; new objects go to a folder of their own beside
the mirror's.
"""

from __future__ import annotations

import binascii
import tempfile
from pathlib import Path

from pressplay.protocol.changeset import MOST_BYTES, ChangedFile, Changeset
from pressplay.protocol.quarantine import Tree, TreeChange
from pressplay.protocol.run import Violation
from pressplay.workspace.git import Git
from pressplay.workspace.paths import changeset_violations, collisions, link_violation

MOST_LINES = 2_000
LONGEST_LINE = 2_000
NOWHERE = "0" * 40


class Unacceptable(Exception):
    """The changes make no tree that may be.

    Attributes:
        violations: every rule that is broken.
    """

    def __init__(self, violations: list[Violation]) -> None:
        super().__init__("; ".join(violation.message for violation in violations))
        self.violations = tuple(violations)


def make_tree(git: Git, changes: Changeset) -> Tree:
    """The final tree.

    Args:
        git: of a bare repository that has the base; where it writes objects is the caller's choice.

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
        paths = (set(base) - set(changes.deleted)) | {file.path for file in changes.files}
        _refuse(collisions(paths, [file.path for file in changes.files]))
        _refuse(_links(changes, contents, base))
        blobs = _write_blobs(git, [contents[file.path] for file in changes.files], Path(scratch))
        lines = [f"0 {NOWHERE}\t{path}\0" for path in changes.deleted if path in base]
        lines += [f"{file.mode} {blob}\t{file.path}\0" for file, blob in zip(changes.files, blobs, strict=True)]
        indexed.run("update-index", "-z", "--index-info", stdin="".join(lines).encode("utf-8", "surrogateescape"))
        tree = indexed.text("write-tree")
    return Tree(tree=tree, changes=tuple(_differences(git, changes.base, tree)))


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


def _links(changes: Changeset, contents: dict[str, bytes], base: dict[str, str]) -> list[Violation]:
    replaced = {file.path for file in changes.files}
    links = {file.path for file in changes.files if file.mode == "120000"}
    every = links | {path for path, mode in base.items() if mode == "120000" and path not in replaced}
    found = []
    for path in sorted(links):
        violation = link_violation(path, contents[path].decode("utf-8", "surrogateescape"), every)
        if violation:
            found.append(violation)
    return found


def _index(git: Git) -> dict[str, str]:
    """Path → mode of what the index holds."""
    found: dict[str, str] = {}
    for line in git.run("ls-files", "-s", "-z").split(b"\0"):
        if line:
            facts, _, path = line.partition(b"\t")
            found[path.decode("utf-8", "surrogateescape")] = facts.split()[0].decode("ascii")
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


def _differences(git: Git, base: str, tree: str) -> list[TreeChange]:
    raw = git.run("diff-tree", "-r", "-z", "--raw", "--no-renames", "--full-index", base, tree).split(b"\0")
    return [
        _change(git, facts.lstrip(b":").decode("ascii").split(), name.decode("utf-8", "surrogateescape"))
        for facts, name in zip(raw[0::2], raw[1::2], strict=False)
    ]


def _change(git: Git, facts: list[str], path: str) -> TreeChange:
    old_mode, new_mode, old_blob, new_blob, status = facts
    old = b"" if old_mode == "160000" else _blob(git, old_blob)
    new = b"" if new_mode == "160000" else _blob(git, new_blob)
    added, removed, binary = _lines(old, new)
    return TreeChange(
        status=status,
        path=path,
        old_mode=old_mode,
        new_mode=new_mode,
        size=len(new),
        binary=binary,
        added=added,
        removed=removed,
        target=new.decode("utf-8", "surrogateescape") if new_mode == "120000" else None,
    )


def _blob(git: Git, name: str) -> bytes:
    return b"" if set(name) == {"0"} else git.run("cat-file", "blob", name)


def _lines(old: bytes, new: bytes) -> tuple[tuple[str, ...], tuple[str, ...], bool]:
    """Lines that are in one and not in the other, as often as they are; no alignment is needed for the checks."""
    if b"\0" in old[:8000] or b"\0" in new[:8000]:
        return (), (), True
    before, after = _texts_of(old), _texts_of(new)
    return _without(after, before), _without(before, after), False


def _texts_of(data: bytes) -> list[str]:
    return [line[:LONGEST_LINE] for line in data.decode("utf-8", "replace").split("\n")]


def _without(lines: list[str], others: list[str]) -> tuple[str, ...]:
    left: dict[str, int] = {}
    for line in others:
        left[line] = left.get(line, 0) + 1
    found = []
    for line in lines:
        if left.get(line, 0):
            left[line] -= 1
        elif line:
            found.append(line)
    return tuple(found[:MOST_LINES])
