"""What a run has changed in its working tree, as files: no commit, no pack, nothing that git would have to parse.

Paths are relative to the repository's root, with `/` between their parts. What is in a changeset is a claim of a
hostile workbench until the quarantine has made a tree of it and the policy has looked at that tree.
"""

from __future__ import annotations

import base64
from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from pressplay.protocol.base import Message, ObjectId

MOST_FILES = 2_000
MOST_BYTES = 20 * 1024 * 1024
LONGEST_PATH = 1_024

FilePath = Annotated[str, StringConstraints(min_length=1, max_length=LONGEST_PATH)]


class ChangedFile(Message):
    """A file as it is now.

    Attributes:
        mode: git's: a regular file, an executable one, or a symbolic link.
        content: base64 of the file's bytes, or of the link's target.
    """

    path: FilePath
    mode: Literal["100644", "100755", "120000"]
    content: str

    def data(self) -> bytes:
        """The bytes.

        Raises:
            ValueError: they are no base64.
        """
        return base64.b64decode(self.content, validate=True)


class Changeset(Message):
    """All that differs from the commit that the work began on."""

    base: ObjectId
    files: tuple[ChangedFile, ...] = Field(default=(), max_length=MOST_FILES)
    deleted: tuple[FilePath, ...] = Field(default=(), max_length=MOST_FILES)

    @property
    def empty(self) -> bool:
        """Whether nothing was changed."""
        return not self.files and not self.deleted
