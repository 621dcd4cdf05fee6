"""What CodeRun and DocsRun share: how a run is carried out, and what is told of it."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Annotated, Final

from pydantic import Field, StringConstraints

from pressplay.resources.base import Resource
from pressplay.resources.conditions import Condition
from pressplay.resources.reasons import Phase

# GitHub's own rules for names of accounts and repositories.
Repository = Annotated[
    str, StringConstraints(pattern=r"^[A-Za-z0-9](?:[A-Za-z0-9-]{0,38})/[A-Za-z0-9._-]{1,100}$", max_length=140)
]
# What git-check-ref-format allows and every shell, URL and template of Argo's takes as it is.
BRANCH: Final = r"[A-Za-z0-9]([A-Za-z0-9._/-]*[A-Za-z0-9])?"
LONGEST_BRANCH: Final = 200
Branch = Annotated[str, StringConstraints(pattern=f"^{BRANCH}$", max_length=LONGEST_BRANCH)]
Commit = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{40}([0-9a-f]{24})?$")]
Name = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$", max_length=63)]
Folder = Annotated[
    # No part is `.` or `..`.
    str,
    StringConstraints(
        pattern=r"^\.?[A-Za-z0-9_@+-][A-Za-z0-9._@+-]*(/\.?[A-Za-z0-9_@+-][A-Za-z0-9._@+-]*)*$", max_length=400
    ),
]
Dollars = Annotated[str, StringConstraints(pattern=r"^[0-9]{1,6}(\.[0-9]{1,6})?$")]
Quantity = Annotated[str, StringConstraints(pattern=r"^[0-9]+(\.[0-9]+)?(m|k|Ki|M|Mi|G|Gi)?$", max_length=20)]


# What any run may have at most.
MOST_TOKENS: Final = 1_000_000_000
MOST_STEPS: Final = 10_000
MOST_SECONDS: Final = 7 * 24 * 3600
LONGEST_TASK: Final = 65_536


class Budget(Resource):
    """What a run may spend, all attempts together. What is left out is set by the persona, then by the cluster."""

    tokens: int | None = Field(default=None, ge=1, le=MOST_TOKENS, description="Tokens of prompts and answers.")
    dollars: Dollars | None = Field(default=None, description='US dollars as text, for example "2.50".')
    steps: int | None = Field(default=None, ge=1, le=MOST_STEPS, description="Calls of the model.")
    seconds: int | None = Field(
        default=None, ge=10, le=MOST_SECONDS, description="Seconds of wall clock, from the first attempt's start."
    )

    @property
    def micro_dollars(self) -> int | None:
        """`dollars` in millionths."""
        return None if self.dollars is None else int(Decimal(self.dollars) * 1_000_000)


class EnvVar(Resource):
    """A variable for the workbench. It is not a place for secrets: everybody who may read the run sees it."""

    name: Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$", max_length=128)] = Field(
        description="Name of the variable."
    )
    value: str = Field(default="", max_length=4096, description="Its value, as it is: nothing in it is expanded.")


class Workspace(Resource):
    """How the working tree is made."""

    depth: int | None = Field(
        default=None, ge=1, le=100_000, description="Commits of history; 50 where nothing is said."
    )
    mirror_claim: Name | None = Field(
        default=None,
        description="PersistentVolumeClaim of this namespace with bare clones at OWNER/NAME.git. It is mounted "
        "read-only, and what it holds is borrowed instead of fetched.",
    )


class Resources(Resource):
    """CPU, memory and disk of the workbench, as Kubernetes writes quantities."""

    cpu: Quantity | None = Field(default=None, description='CPU, for example "2" or "500m".')
    memory: Quantity | None = Field(default=None, description='Memory, for example "4Gi".')
    storage: Quantity | None = Field(default=None, description='Disk for the workspace, for example "10Gi".')


class Toleration(Resource):
    """As in a pod (core/v1 Toleration)."""

    key: str | None = Field(default=None, max_length=317, description="Key of the taint; none matches every key.")
    operator: str | None = Field(default=None, pattern="^(Exists|Equal)$", description="Exists or Equal.")
    value: str | None = Field(default=None, max_length=63, description="Value of the taint.")
    effect: str | None = Field(
        default=None, pattern="^(NoSchedule|PreferNoSchedule|NoExecute)$", description="Effect of the taint."
    )


class Workbench(Resource):
    """Where the repository's code runs. What the cluster's policy does not allow is refused with its name."""

    image: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._:/@-]*$", max_length=400)] | None = Field(
        default=None, description="Image with a POSIX shell and git; the cluster's default where nothing is said."
    )
    resources: Resources | None = Field(default=None, description="What it may use.")
    runtime_class_name: Name | None = Field(default=None, description="RuntimeClass of the pod.")
    node_selector: dict[str, str] | None = Field(default=None, max_length=20, description="Labels of the node.")
    tolerations: list[Toleration] | None = Field(default=None, max_length=20, description="Taints that the pod bears.")


class RunSpec(Resource):
    """How a run is carried out, the same for code and for documents."""

    repository: Repository = Field(description="Repository on GitHub as owner/name.")
    model: str | None = Field(
        default=None, min_length=1, max_length=128, description="Model; the persona's where nothing is said."
    )
    engine: str | None = Field(
        default=None,
        min_length=1,
        max_length=63,
        description="What runs the agent's loop; else `native`.",
    )
    branch: Branch | None = Field(
        default=None, description="Branch for the work; made from the run's name where nothing is said."
    )
    base: Branch | None = Field(
        default=None, description="Branch that the pull request is for; the repository's default branch otherwise."
    )
    budget: Budget | None = Field(default=None, description="What the run may spend.")
    attempts: int = Field(
        default=3, ge=1, le=10, description="How often to begin, the first time included. Disruptions are not counted."
    )
    env: list[EnvVar] | None = Field(default=None, max_length=50, description="Variables of the workbench; no secrets.")
    workspace: Workspace | None = Field(default=None, description="How the working tree is made.")
    workbench: Workbench | None = Field(default=None, description="Where the repository's code runs.")
    ttl_seconds_after_finished: int | None = Field(
        default=None,
        ge=0,
        le=366 * 24 * 3600,
        description="Seconds after its end until it is deleted; else never.",
    )
    suspend: bool = Field(default=False, description="Hold the run: its pod ends, its work is kept.")
    cancel: bool = Field(default=False, description="End the run for good; what it did is kept.")


class Usage(Resource):
    """Tokens as the vendor counted them."""

    calls: int = Field(default=0, ge=0, description="Calls of the model.")
    input_tokens: int = Field(default=0, ge=0, description="Tokens of prompts that no cache had or took.")
    output_tokens: int = Field(default=0, ge=0, description="Tokens of answers.")
    cache_read_tokens: int = Field(default=0, ge=0, description="Tokens of prompts read from the cache.")
    cache_write_tokens: int = Field(default=0, ge=0, description="Tokens of prompts written to the cache.")


class Link(Resource):
    """Where to look further."""

    name: str = Field(max_length=63, description="What is there.")
    url: str = Field(max_length=2048, description="Its address.")


class RunStatus(Resource):
    """What is told of a run. Written by the operator alone."""

    observed_generation: int | None = Field(default=None, description="The generation of the spec that this tells of.")
    phase: Phase | None = Field(default=None, description="Where the run is, in one word; mirrors the conditions.")
    conditions: list[Condition] = Field(default_factory=list, description="What holds, since when and why.")
    start_time: datetime | None = Field(default=None, description="When the first attempt began.")
    completion_time: datetime | None = Field(default=None, description="When the run ended.")
    attempts: int = Field(default=0, ge=0, description="Attempts begun so far.")
    job: str | None = Field(default=None, description="Job of the latest attempt.")
    persona: str | None = Field(default=None, description="Persona at work.")
    model: str | None = Field(default=None, description="Model in use.")
    branch: str | None = Field(default=None, description="Branch that holds the work.")
    base: str | None = Field(default=None, description="Branch that the pull request is for.")
    base_sha: str | None = Field(default=None, alias="baseSHA", description="Commit that the work began on.")
    head_sha: str | None = Field(default=None, alias="headSHA", description="Commit that the gateway wrote.")
    pull_request: int | None = Field(default=None, description="Number of the pull request.")
    pull_request_url: str | None = Field(default=None, description="Address of the pull request.")
    verdict: str | None = Field(default=None, max_length=63, description="The persona's verdict, where it gives one.")
    summary: str | None = Field(default=None, max_length=2000, description="What was done, in the agent's words.")
    usage: Usage | None = Field(default=None, description="Tokens so far.")
    cost: str | None = Field(default=None, description="US dollars so far.")
    links: list[Link] | None = Field(default=None, description="Where to look further.")
    cursor: str | None = Field(default=None, description="Where the transcript ends and the next attempt goes on.")
    backup_branch: str | None = Field(default=None, description="Branch with work that came to no pull request.")


class Metadata(Resource):
    """The part of an object's metadata that is read here."""

    name: str
    namespace: str = "default"
    uid: str = ""
    generation: int = 1
    resource_version: str = ""
    creation_timestamp: datetime | None = None
    deletion_timestamp: datetime | None = None
    labels: dict[str, str] = Field(default_factory=dict)
    annotations: dict[str, str] = Field(default_factory=dict)
