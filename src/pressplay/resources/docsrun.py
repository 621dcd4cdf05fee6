"""DocsRun: the tasks of a repository's backlog written out as documents, in one pull request."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from pressplay.resources.base import API_VERSION, USUAL_PERSONAS, Resource
from pressplay.resources.run import Folder, Metadata, Name, RunSpec, RunStatus

DEFAULT_TASKS = ".taskmaster/tasks/tasks.json"
DEFAULT_FOLDER = ".taskmaster/docs"


class DocsRunSpec(RunSpec):
    """Which backlog to write out, and where to. Once it has begun only `suspend` and `cancel` can be changed."""

    tasks_file: Folder = Field(default=DEFAULT_TASKS, description="TaskMaster file in the repository.")
    folder: Folder = Field(
        default=DEFAULT_FOLDER, description="Where documents go: a folder a task below it, in the same repository."
    )
    tag: str | None = Field(default=None, min_length=1, max_length=100, description="Tag of the file; else `master`.")
    persona: Name | None = Field(default=None, description="Who writes; `docs` where nothing is said.")

    @property
    def persona_name(self) -> str:
        """Who writes."""
        return self.persona or USUAL_PERSONAS["DocsRun"]


class DocsRun(Resource):
    """A backlog written out as documents, in one pull request.

    Reads a TaskMaster file of the repository and writes, for each of its tasks, its description, a prompt for an agent
    and its acceptance criteria. Only `repository` is needed.
    """

    api_version: Literal["agents.platform/v1"] = API_VERSION
    kind: Literal["DocsRun"] = "DocsRun"
    metadata: Metadata
    spec: DocsRunSpec
    status: RunStatus = Field(default_factory=RunStatus)
