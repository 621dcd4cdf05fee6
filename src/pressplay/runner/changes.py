"""What differs from the base in the workspace, read without following any link.

Which new files count is asked of the workbench's git, since it knows what is ignored; its answer is a claim and
can only leave out or add files of the run's own. A file is read again only where its facts have changed, the time
of its last change of status among them, which nobody can set.
"""

from __future__ import annotations

import base64
import os
import shlex
import stat
from pathlib import Path

from pressplay.protocol.changeset import LONGEST_PATH, MOST_BYTES, MOST_FILES, ChangedFile, Changeset
from pressplay.runner.exchange import Commands
from pressplay.workspace.beneath import Beneath, NotBeneath, TooLarge, Unreadable
from pressplay.workspace.private import BaseFile, blob_id

# It runs in the workbench, where the repository's settings may do what they like; still it need not be asked for.
LIST = "git -c core.fsmonitor=false ls-files -z --cached --others --exclude-standard"
LIST_SECONDS = 120.0
# What a program of the workbench made for its own user alone is opened to the group that the runner shares with it.
OPEN = "chmod g+rX --"
MOST_OPENED = 200

Facts = tuple[int, int, int, int, int]


class NotHandedOver(Exception):
    """What has changed cannot be handed over as it is; says what to do."""


class Changes:
    """The difference from the base, step by step."""

    def __init__(self, workspace: Path, base_commit: str, base: dict[str, BaseFile], exchange: Commands) -> None:
        self._workspace = workspace
        self._tree = Beneath(workspace)
        self._commit = base_commit
        self._form = "sha256" if len(base_commit) == 64 else "sha1"
        self._base = base
        self._exchange = exchange
        self._seen: dict[str, tuple[Facts, ChangedFile | None]] = {}

    async def collect(self) -> Changeset:
        """All that differs now.

        Raises:
            NotHandedOver: it is more than the gateway takes, a file's name is no text, or a file cannot be read.
        """
        files, deleted, unreadable = self._differences(await self._listed())
        if unreadable:
            await self._open(unreadable)
            files, deleted, unreadable = self._differences(await self._listed())
        if unreadable:
            shown = ", ".join(f"`{os.fsencode(path).decode('utf-8', 'backslashreplace')}`" for path in unreadable[:10])
            raise NotHandedOver(f"{shown} cannot be read; give the group read permission (chmod g+rX), or remove it")
        if len(files) + len(deleted) > MOST_FILES:
            raise NotHandedOver(
                f"{len(files) + len(deleted):,} files have changed; at most {MOST_FILES:,} can be handed over"
            )
        total = sum(len(file.content) * 3 // 4 for file in files)
        if total > MOST_BYTES:
            raise NotHandedOver(f"{total:,} bytes have changed; at most {MOST_BYTES:,} can be handed over")
        return Changeset(base=self._commit, files=tuple(files), deleted=tuple(deleted))

    def _differences(self, listed: set[str]) -> tuple[list[ChangedFile], list[str], list[str]]:
        """Files that differ, paths of the base that are gone, and paths that cannot be read."""
        files: list[ChangedFile] = []
        deleted: list[str] = []
        unreadable: list[str] = []
        for path in sorted(listed | set(self._base)):
            try:
                file = self._changed(path)
            except Unreadable:
                unreadable.append(path)
            except (FileNotFoundError, NotADirectoryError, NotBeneath):
                if path in self._base:
                    deleted.append(_nameable(path))
            else:
                files += [file] if file is not None else []
        return files, deleted, unreadable

    async def _open(self, paths: list[str]) -> None:
        """Have the workbench, whose user made them, let the group read files and the folders on the way to them."""
        places: dict[str, None] = {}
        for path in paths[:MOST_OPENED]:
            parts = path.split("/")
            places |= dict.fromkeys("/".join(parts[:length]) for length in range(1, len(parts) + 1))
        # One by one: the first that fails does not keep the others from it.
        script = "\n".join(f"{OPEN} {shlex.quote(place)}" for place in places)
        await self._exchange.run(script, self._workspace, LIST_SECONDS)

    async def _listed(self) -> set[str]:
        ran = await self._exchange.run(LIST, self._workspace, LIST_SECONDS)
        if ran.code == 0:
            names = ran.output.decode("utf-8", "surrogateescape").split("\0")
            return {name for name in names if name and not name.startswith("/")}
        # Its git is broken, perhaps by what ran there: then every file counts.
        try:
            return set(self._tree.walk())
        except Unreadable as error:
            raise NotHandedOver(f"{error}; open it (chmod g+rX), or remove it") from None

    def _changed(self, path: str) -> ChangedFile | None:
        found = self._tree.status(path)
        facts = (found.st_mode, found.st_size, found.st_ino, found.st_mtime_ns, found.st_ctime_ns)
        known = self._seen.get(path)
        if known is not None and known[0] == facts:
            return known[1]
        file = self._compared(path, found)
        self._seen[path] = (facts, file)
        return file

    def _compared(self, path: str, found: os.stat_result) -> ChangedFile | None:
        if stat.S_ISLNK(found.st_mode):
            mode, data = "120000", os.fsencode(self._tree.target(path))
        elif stat.S_ISREG(found.st_mode):
            mode = "100755" if found.st_mode & stat.S_IXUSR else "100644"
            try:
                data = self._tree.read(path, MOST_BYTES)
            except TooLarge as error:
                raise NotHandedOver(str(error)) from None
        else:
            raise NotBeneath(f"`{path}` is neither a file nor a link")
        before = self._base.get(path)
        if before is not None and before.mode == mode and before.blob == blob_id(data, self._form):
            return None
        content = base64.b64encode(data).decode()
        return ChangedFile.model_validate({"path": _nameable(path), "mode": mode, "content": content})


def _nameable(path: str) -> str:
    """A path that can be said in JSON."""
    shown = os.fsencode(path).decode("utf-8", "backslashreplace")
    if shown != path:
        raise NotHandedOver(f"the name of the file `{shown}` is not UTF-8; rename it, or remove it")
    if len(path) > LONGEST_PATH:
        raise NotHandedOver(
            f"the path `{path[:60]}...` has {len(path):,} characters; at most {LONGEST_PATH:,} are taken"
        )
    return path
