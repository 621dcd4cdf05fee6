"""What the messages between our processes have in common: they are strict, both ends being of one version."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, StringConstraints

# A commit, tree or blob of git: SHA-1, or SHA-256 in repositories of that format.
ObjectId = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{40}([0-9a-f]{24})?$")]


class Message(BaseModel):
    """A body of a request or an answer. Unknown fields are refused: they could only be a mistake or a trick."""

    model_config = ConfigDict(frozen=True, extra="forbid")
