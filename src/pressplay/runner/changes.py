"""What differs from the base in the workspace, read without following any link.

Which new files count is asked of the workbench's git, since it knows what is ignored; its answer is a claim and
can only leave out or add files of the run's own. A file is read again only where its facts have changed, the time
of its last
change of status among them, which nobody can set.
"""

from __future__ import annotations

import base64
import os
import stat
from pathlib import Path

from pressplay.protocol.changeset import MOST_BYTES, MOST_FILES, ChangedFile, Changeset
from pressplay.runner.exchange import Exchange
from pressplay.workspace.beneath import Beneath, NotBeneath, TooLarge
from pressplay.workspace.private import BaseFile, blob_id

# It runs in the workbench, where the repository's settings may do what they like; still it need not be asked for.
LIST = "git -c core.fsmonitor=false ls-files -z --cached --others --exclude-standard"
LIST_SECONDS = 120.0

Facts = tuple[int, int, int, int, int]


class TooMuch(Exception):
    """More has changed than can be handed over."""


class Changes:
    """The difference from the base, step by step."""

    def __init__(self, workspace: Path, base_commit: str, base: dict[str, BaseFile], exchange: Exchange) -> None:
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
            TooMuch: it is more than the gateway takes.
        """
        listed = await self._listed()
        files, deleted = [], []
        for path in sorted(listed | set(self._base)):
            try:
                file = self._changed(path)
            except (FileNotFoundError, NotADirectoryError, NotBeneath):
                if path in self._base:
                    deleted.append(path)
                continue
            if file is not None:
                files.append(file)
        if len(files) + len(deleted) > MOST_FILES:
            raise TooMuch(
                f"{len(files) + len(deleted):,} files have changed; at most {MOST_FILES:,} can be handed over"
            )
        total = sum(len(file.content) * 3 // 4 for file in files)
        if total > MOST_BYTES:
            raise TooMuch(f"{total:,} bytes have changed; at most {MOST_BYTES:,} can be handed over")
        return Changeset(base=self._commit, files=tuple(files), deleted=tuple(deleted))

    async def _listed(self) -> set[str]:
        ran = await self._exchange.run(LIST, self._workspace, LIST_SECONDS)
        if ran.code == 0:
            names = ran.output.decode("utf-8", "surrogateescape").split("\0")
            return {name for name in names if name and not name.startswith("/")}
        # Its git is broken, perhaps by what ran there: then every file counts.
        return set(self._tree.walk())

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
                raise TooMuch(str(error)) from None
        else:
            raise NotBeneath(f"`{path}` is neither a file nor a link")
        before = self._base.get(path)
        if before is not None and before.mode == mode and before.blob == blob_id(data, self._form):
            return None
        return ChangedFile.model_validate({"path": path, "mode": mode, "content": base64.b64encode(data).decode()})
