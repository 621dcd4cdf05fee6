"""CodeRun: one task, one persona, one pull request."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from pressplay.resources.base import API_VERSION, USUAL_PERSONAS, Resource
from pressplay.resources.run import LONGEST_TASK, Commit, Folder, Metadata, Name, RunSpec, RunStatus


class CodeRunSpec(RunSpec):
    """What is to be done. Once it has begun only `suspend` and `cancel` can be changed."""

    task: str | None = Field(default=None, min_length=1, max_length=LONGEST_TASK, description="The task in words.")
    issue: int | None = Field(default=None, ge=1, description="Number of the issue that is the task.")
    pull_request: int | None = Field(
        default=None,
        ge=1,
        description="Number of the pull request whose review comments are the task; with `task` the one it is done on.",
    )
    head: Commit | None = Field(
        default=None,
        description="Commit that the branch under work must still have when the run begins; it begins on the newest.",
    )
    acceptance_criteria: list[Annotated[str, StringConstraints(min_length=1, max_length=2000)]] | None = Field(
        default=None, max_length=50, description="What must hold when it is done."
    )
    persona: Name | None = Field(default=None, description="Who does it; `rex` where nothing is said.")
    github_app: Name | None = Field(default=None, description="The same as `persona`, under its older name.")
    working_directory: Folder | None = Field(
        default=None, description="Folder of the repository that commands run in; its root where nothing is said."
    )
    service: Folder | None = Field(
        default=None,
        description="Service of the repository that the task is about; its folder is also where commands run.",
    )
    continue_from: Name | None = Field(
        default=None,
        description="A run of this namespace that this one goes on with: with its unfinished work and transcript, or, "
        "where it handed its work over, on its branch and with what it said.",
    )

    @property
    def persona_name(self) -> str:
        """Who does it."""
        return self.persona or self.github_app or USUAL_PERSONAS["CodeRun"]

    @property
    def directory(self) -> str:
        """Where commands run, below the repository's root; empty for the root."""
        return self.working_directory or self.service or ""


class CodeRun(Resource):
    """A task that an agent works to a pull request.

    Only `repository` and one of `task`, `issue` and `pullRequest` are needed. An agent works in a pod without any
    credential; the gateway checks what it hands over against the persona's contract, commits it, and opens the pull
    request as a GitHub App. `kubectl get coderuns` shows how far it is, `pressplay why NAME` what holds it up; set
    `spec.suspend` to hold it and `spec.cancel` to end it.
    """

    api_version: Literal["agents.platform/v1"] = API_VERSION
    kind: Literal["CodeRun"] = "CodeRun"
    metadata: Metadata
    spec: CodeRunSpec
    status: RunStatus = Field(default_factory=RunStatus)
