"""Contents of many blobs by one process of git's, in groups that fit into memory."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from pressplay.workspace.git import Git, GitFailed

# What one group may hold; one blob that is larger is a group of its own.
GROUP = 64 * 1024 * 1024


def sizes(git: Git, names: Iterable[str]) -> dict[str, int]:
    """Bytes of each blob.

    Raises:
        GitFailed: one is not there.
    """
    wanted = sorted(set(names))
    if not wanted:
        return {}
    told = git.text("cat-file", "--batch-check", stdin=_lines(wanted)).split("\n")
    found = {}
    for line in told:
        name, *facts = line.split(" ")
        if len(facts) != 2:
            raise GitFailed(("cat-file", "--batch-check"), 1, f"{name} is not there")
        found[name] = int(facts[1])
    return found


def contents(git: Git, names: Iterable[str]) -> dict[str, bytes]:
    """Each blob; to be asked for no more than memory can hold."""
    wanted = sorted(set(names))
    if not wanted:
        return {}
    told = git.run("cat-file", "--batch", stdin=_lines(wanted))
    found, at = {}, 0
    for name in wanted:
        end = told.index(b"\n", at)
        size = int(told[at:end].split(b" ")[2])
        found[name] = told[end + 1 : end + 1 + size]
        at = end + 1 + size + 1
    return found


def groups(items: Sequence[Sequence[str]], known: Mapping[str, int], most: int = GROUP) -> Iterator[list[int]]:
    """Indexes of items, each some blobs, in groups of at most so many bytes."""
    group: list[int] = []
    total = 0
    for number, names in enumerate(items):
        size = sum(known[name] for name in names)
        if group and total + size > most:
            yield group
            group, total = [], 0
        group.append(number)
        total += size
    if group:
        yield group


def _lines(names: Iterable[str]) -> bytes:
    return "".join(f"{name}\n" for name in names).encode()
