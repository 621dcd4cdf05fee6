"""What the gateway asks of the quarantine: all that has to do with git objects. Over a Unix socket; no key, no network.

A repository is named by GitHub's id of it. Bodies that are packs are bytes, streamed both ways.

| route | what |
| --- | --- |
| GET /repositories/ID/refs | `Refs`: what the mirror has |
| POST /repositories/ID/pack?refs=JSON | a pack from GitHub → indexed, connected; then refs are set (`Refs`) |
| POST /repositories/ID/export | `ExportRequest` → a pack; header `Pressplay-Shallow` with commit ids, a blank between |
| POST /repositories/ID/files | `FilesRequest` → `Files` |
| POST /repositories/ID/trees | `TreeRequest` → `Tree`: the final tree and its difference, or 422 with `run.Refusal` |
| POST /repositories/ID/differences | `DifferencesRequest` → `Differences` between two trees |
| POST /repositories/ID/commits | `CommitRequest` → `Commit` |
| POST /repositories/ID/push-pack | `PushPackRequest` → a pack with what GitHub lacks |
"""

from __future__ import annotations

from pydantic import Field

from pressplay.protocol.base import Message, ObjectId
from pressplay.protocol.changeset import Changeset


class Refs(Message):
    """Full names of refs and what they point at, and commits whose parents are not there.

    Attributes:
        gone: names of refs that GitHub does not have any more.
    """

    refs: dict[str, ObjectId] = Field(default_factory=dict)
    shallow: tuple[ObjectId, ...] = ()
    gone: tuple[str, ...] = ()


class ExportRequest(Message):
    """The objects reachable from one commit within `depth` commits, and no others.

    Attributes:
        have: a commit that the other side has with all that it is made of; where it is known here, only what is
            not reachable from it is given.
    """

    commit: ObjectId
    depth: int = Field(ge=1, le=100_000)
    have: ObjectId | None = None


class FilesRequest(Message):
    """Texts of the repository at a commit, for settings and backlogs."""

    commit: ObjectId
    paths: tuple[str, ...]


class Files(Message):
    """Path → base64 of its content; a path that is not there is left out, and so is one above 1 MiB."""

    files: dict[str, str]


class TreeRequest(Message):
    """Make the final tree: the base commit's, with the changes on it."""

    changes: Changeset


class DifferencesRequest(Message):
    """What one tree has differently from another."""

    old: ObjectId
    new: ObjectId


class TreeChange(Message):
    """One difference between the base's tree and the final one, as `git diff-tree --raw` tells it.

    Attributes:
        old_mode, new_mode: `000000` where there is none.
        path: as text; a path that is no UTF-8 is refused before.
        added: lines added, for the checks on content: the first 2,000 of them, and of all others, as of binaries, those
            that have a credential in them. A line that is too long is told in pieces.
        removed: the first 2,000 lines that were; `unseen` is how many there are beyond them.
        added_at, removed_at: the number of each such line, from 1, in the new file and in the old one.
        target: of a symbolic link.
    """

    status: str
    path: str
    old_path: str | None = None
    old_mode: str
    new_mode: str
    size: int
    binary: bool = False
    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    added_at: tuple[int, ...] = ()
    removed_at: tuple[int, ...] = ()
    unseen: int = 0
    target: str | None = None


class Tree(Message):
    """The final tree, and all its differences from the base."""

    tree: ObjectId
    changes: tuple[TreeChange, ...]


class FileDifference(Message):
    """One file that two trees have differently.

    Attributes:
        old_mode, new_mode: `000000` where there is none.
        old, new: base64 of the content; None where there is none, or where it is too large to be compared.
    """

    path: str
    old_mode: str
    new_mode: str
    old: str | None = None
    new: str | None = None


class Differences(Message):
    """All files that two trees have differently."""

    files: tuple[FileDifference, ...]


class CommitRequest(Message):
    """One commit of ours on a recorded parent.

    Attributes:
        time: seconds since 1970; an argument so that the same request makes the same commit.
    """

    tree: ObjectId
    parent: ObjectId
    message: str
    author_name: str
    author_email: str
    time: int


class Commit(Message):
    """The commit."""

    commit: ObjectId


class PushPackRequest(Message):
    """What GitHub lacks to have `commit`, given that it has `has`."""

    commit: ObjectId
    has: tuple[ObjectId, ...]
