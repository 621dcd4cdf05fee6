"""Mirrors of repositories, bare, one folder each, named by GitHub's id of the repository.

Owns taking in packs from GitHub, giving out exactly the objects that a run may see, and the trees and commits that we
make. Two folders of objects: GitHub's in `ID.git`, ours in `ID.work`, so that ours are never taken for GitHub's.
"""

from __future__ import annotations

import fcntl
import shutil
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from pressplay.protocol.changeset import Changeset
from pressplay.protocol.quarantine import CommitRequest, FileDifference, Tree
from pressplay.workspace.changes import Keep, compared, make_tree
from pressplay.workspace.git import Git, GitFailed

LARGEST_FILE = 1024 * 1024
NEEDED_FREE = 512 * 1024 * 1024
EXPORTS_KEPT = 3 * 86_400.0


class NoSpace(Exception):
    """The disk that holds the mirrors is nearly full."""


class UnknownCommit(Exception):
    """The mirror does not have a commit."""


@dataclass(frozen=True)
class Mirror:
    """One repository.

    Attributes:
        root: the folder of all mirrors.
        identity: GitHub's id of it.
    """

    root: Path
    identity: int

    @property
    def folder(self) -> Path:
        """The bare repository."""
        return self.root / f"{self.identity}.git"

    @property
    def git(self) -> Git:
        """git on what came from GitHub."""
        return Git(self.folder)

    @property
    def ours(self) -> Git:
        """git that sees both, and writes to our own objects."""
        objects = self.root / f"{self.identity}.work" / "objects"
        objects.mkdir(parents=True, exist_ok=True)
        return self.git.with_variables(
            GIT_OBJECT_DIRECTORY=str(objects), GIT_ALTERNATE_OBJECT_DIRECTORIES=str(self.folder / "objects")
        )

    def prepare(self) -> None:
        """Have the repository there.

        Raises:
            NoSpace: the disk is nearly full.
        """
        self.root.mkdir(parents=True, exist_ok=True)
        if shutil.disk_usage(self.root).free < NEEDED_FREE:
            raise NoSpace(f"less than {NEEDED_FREE // 1024 // 1024} MiB are free where mirrors are kept")
        if not (self.folder / "HEAD").exists():
            with tempfile.TemporaryDirectory(dir=self.root) as scratch:
                Git(Path(scratch)).run("init", "--quiet", "--bare", "--template=", "made")
                made = Path(scratch) / "made"
                if not self.folder.exists():
                    made.rename(self.folder)

    def refs(self) -> dict[str, str]:
        """Full name → object id."""
        if not self.folder.exists():
            return {}
        lines = self.git.text("for-each-ref", "--format=%(objectname) %(refname)").split("\n")
        return {name: target for target, _, name in (line.partition(" ") for line in lines if line)}

    def shallow(self) -> tuple[str, ...]:
        """Commits whose parents the mirror lacks."""
        file = self.folder / "shallow"
        return tuple(file.read_text().split()) if file.exists() else ()

    def has(self, commit: str) -> bool:
        """Whether a commit is here, ours included."""
        return self.folder.exists() and self.ours.succeeds("cat-file", "-e", f"{commit}^{{commit}}")

    def take(
        self, pack: Path | None, refs: Mapping[str, str], shallow: Sequence[str] = (), gone: Sequence[str] = ()
    ) -> None:
        """Take in a pack from GitHub, and then have these refs.

        Args:
            pack: None where nothing was missing.
            shallow: commits whose parents GitHub was not asked for.
            gone: refs that GitHub has no more. Their objects stay, for runs that began on them.

        Raises:
            GitFailed: the pack is broken, or refs would point at what is not there.
        """
        with self._locked():
            self.prepare()
            if shallow:
                every = sorted({*self.shallow(), *shallow})
                (self.folder / "shallow").write_text("".join(f"{commit}\n" for commit in every))
            if pack is not None:
                with pack.open("rb") as stream:
                    self.git.run("index-pack", "--stdin", "--fix-thin", "--strict", stdin=stream)
            tips = "".join(f"{target}\n" for target in sorted(set(refs.values()))).encode()
            self.git.run("rev-list", "--objects", "--quiet", "--stdin", "--not", "--all", stdin=tips)
            # By themselves: a branch `work` that is gone stands in the way of a branch `work/more`.
            there = self.refs().keys()
            ends = "".join(f"delete {name}\n" for name in gone if name in there and name not in refs)
            self.git.run("update-ref", "--stdin", stdin=ends.encode())
            lines = "".join(f"update {name} {target}\n" for name, target in sorted(refs.items()))
            self.git.run("update-ref", "--stdin", stdin=lines.encode())

    def export(self, commit: str, depth: int, have: str | None = None) -> tuple[Path, tuple[str, ...]]:
        """A pack with the objects of a commit and of its ancestors within `depth` commits, and with no others.

        Args:
            have: a commit that the other side has, with all that it is made of: then only what is not reachable
                from it. One that is not known here changes nothing.

        Returns:
            The file, which is kept for the next run on the same commit, and the commits whose parents are not in it.

        Raises:
            UnknownCommit: it is not here.
        """
        if not self.has(commit):
            raise UnknownCommit(f"the mirror of repository {self.identity} lacks {commit}")
        kept = self.root / f"{self.identity}.exports"
        kept.mkdir(exist_ok=True)
        known = have if have is not None and self.has(have) else None
        name = f"{commit}-{known or depth}"
        pack, listed = kept / f"{name}.pack", kept / f"{name}.shallow"
        _drop_older(kept)
        if pack.exists():
            pack.touch()
        if not (pack.exists() and listed.exists()):
            objects, shallow = self._objects(commit, depth) if known is None else self._beyond(commit, known)
            with tempfile.TemporaryDirectory(dir=kept) as scratch:
                made = Path(scratch) / "pack"
                self.ours.write(made, "pack-objects", "--stdout", "-q", stdin=objects)
                listed.write_bytes(_lines(shallow))
                made.replace(pack)
        return pack, tuple(listed.read_text().split())

    def _objects(self, commit: str, depth: int) -> tuple[bytes, list[str]]:
        included, shallow = self._within(commit, depth)
        words = ("rev-list", "--objects", "--no-walk", "--no-object-names", "--stdin")
        return self.ours.run(*words, stdin=_lines(included)), shallow

    def _beyond(self, commit: str, have: str) -> tuple[bytes, list[str]]:
        """Objects that are not reachable from a commit that is there already."""
        span = (commit, f"^{have}")
        cut = set(self.shallow())
        shallow = [name for name in self.ours.text("rev-list", *span).split() if name in cut]
        return self.ours.run("rev-list", "--objects", "--no-object-names", *span), shallow

    def _within(self, commit: str, depth: int) -> tuple[list[str], list[str]]:
        """Commits at most `depth` - 1 steps away, and those of them whose parents are farther or unknown."""
        parents: dict[str, list[str]] = {}
        cut = set(self.shallow())
        for line in self.ours.text("rev-list", "--parents", f"--max-count={depth * 64}", commit).split("\n"):
            name, *others = line.split()
            parents[name] = others
        level, seen = [commit], {commit}
        for _ in range(depth - 1):
            level = [other for name in level for other in parents.get(name, []) if other not in seen]
            seen.update(level)
        included = sorted(name for name in seen if name in parents)
        shallow = [
            name for name in included if name in cut or any(other not in set(included) for other in parents[name])
        ]
        return included, shallow

    def files(self, commit: str, paths: Sequence[str]) -> dict[str, bytes]:
        """The content of files at a commit; what is not there, no file, or too large is left out."""
        found = {}
        for path in paths:
            name = f"{commit}:{path}"
            try:
                if self.ours.text("cat-file", "-t", name) != "blob":
                    continue
                if int(self.ours.text("cat-file", "-s", name)) <= LARGEST_FILE:
                    found[path] = self.ours.run("cat-file", "blob", name)
            except GitFailed:
                continue
        return found

    def tree(self, changes: Changeset, keep: Keep = lambda _: False) -> Tree:
        """The final tree of a base with changes on it.

        Args:
            keep: whether a line that was added is told however many there are.

        Raises:
            UnknownCommit: the base is not here.
            Unacceptable: the changes break rules.
        """
        if not self.has(changes.base):
            raise UnknownCommit(f"the base {changes.base} is no commit of this repository's")
        return make_tree(self.ours, changes, keep)

    def differences(self, old: str, new: str) -> tuple[FileDifference, ...]:
        """Files that a tree has differently from an older one."""
        return tuple(compared(self.ours, old, new))

    def commit(self, wanted: CommitRequest) -> str:
        """One commit of ours; the same request makes the same commit."""
        moment = f"{wanted.time} +0000"
        people = {
            f"GIT_{role}_{fact}": value
            for role in ("AUTHOR", "COMMITTER")
            for fact, value in (("NAME", wanted.author_name), ("EMAIL", wanted.author_email), ("DATE", moment))
        }
        return self.ours.with_variables(**people).text(
            "commit-tree", wanted.tree, "-p", wanted.parent, stdin=wanted.message.encode()
        )

    def pack_for_push(self, commit: str, has: Sequence[str], target: Path) -> None:
        """Write a pack with what GitHub lacks to have a commit."""
        wanted = [commit, *(f"^{name}" for name in has if self.has(name))]
        self.ours.write(target, "pack-objects", "--revs", "--thin", "--stdout", "-q", stdin=_lines(wanted))

    @contextmanager
    def _locked(self) -> Iterator[None]:
        self.root.mkdir(parents=True, exist_ok=True)
        with (self.root / f"{self.identity}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield


def _drop_older(exports: Path) -> None:
    """Of packs that were made for runs keep those that were of use lately."""
    oldest = time.time() - EXPORTS_KEPT
    for file in exports.glob("*.pack"):
        with suppress(FileNotFoundError):
            if file.stat().st_mtime < oldest:
                file.with_suffix(".shallow").unlink(missing_ok=True)
                file.unlink()


def _lines(names: Sequence[str]) -> bytes:
    return "".join(f"{name}\n" for name in names).encode()
