"""What the gateway asks of the quarantine: all that has to do with git objects. Over a Unix socket; no key, no network.

A repository is named by GitHub's id of it. Bodies that are packs are bytes, streamed both ways.

| route | what |
| --- | --- |
| GET /repositories/ID/refs | `Refs`: what the mirror has |
| POST /repositories/ID/pack?refs=JSON | a pack from GitHub → indexed, connected; then refs are set (`Refs`) |
| POST /repositories/ID/export | `ExportRequest` → a pack; header `Pressplay-Shallow` with commit ids, a blank between |
| POST /repositories/ID/files | `FilesRequest` → `Files` |
| POST /repositories/ID/trees | `TreeRequest` → `Tree`: the final tree and its difference, or 422 with `run.Refusal` |
| POST /repositories/ID/commits | `CommitRequest` → `Commit` |
| POST /repositories/ID/push-pack | `PushPackRequest` → a pack with what GitHub lacks |
"""

from __future__ import annotations

from typing import Final

from pydantic import Field

from pressplay.protocol.base import Message, ObjectId
from pressplay.protocol.changeset import Changeset

SHALLOW_HEADER: Final = "Pressplay-Shallow"


class Refs(Message):
    """Full names of refs and what they point at, and commits whose parents are not there."""

    refs: dict[str, ObjectId] = Field(default_factory=dict)
    shallow: tuple[ObjectId, ...] = ()


class ExportRequest(Message):
    """The objects reachable from one commit within `depth` commits, and no others."""

    commit: ObjectId
    depth: int = Field(ge=1, le=100_000)


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


class TreeChange(Message):
    """One difference between the base's tree and the final one, as `git diff-tree --raw` tells it.

    Attributes:
        old_mode, new_mode: `000000` where there is none.
        path: as text; a path that is no UTF-8 is refused before.
        added: lines added, at most 2,000 of them, for the checks on content; empty for binaries.
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
    target: str | None = None


class Tree(Message):
    """The final tree, and all its differences from the base."""

    tree: ObjectId
    changes: tuple[TreeChange, ...]


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
