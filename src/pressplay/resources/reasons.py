"""Why things are as they are: phases, condition types and the reasons of conditions, as users read them.

One source: the operator, the gateway, the command line and the documentation take these words from here.
"""

from __future__ import annotations

from enum import StrEnum


class Phase(StrEnum):
    """Where a run is, in one word. Mirrors the conditions, which are the truth."""

    PENDING = "Pending"
    RUNNING = "Running"
    SUSPENDED = "Suspended"
    SUCCEEDED = "Succeeded"
    FAILED = "Failed"
    CANCELLED = "Cancelled"


class ConditionType(StrEnum):
    """What is told of a run, each True, False or Unknown with a reason and a message."""

    ADMITTED = "Admitted"
    """Repository, persona, model and App were found and may be used."""
    RUNNING = "Running"
    """An agent is at work."""
    SUSPENDED = "Suspended"
    """Held by `spec.suspend`."""
    PULL_REQUEST_READY = "PullRequestReady"
    """The pull request is open and holds the run's work."""
    TAINTED = "Tainted"
    """The run read words of somebody who may not write: a person answers for what it made before that is merged."""
    FINISHED = "Finished"
    """Nothing more happens; the reason says how it ended."""


class Reason(StrEnum):
    """The reasons of conditions. Each has one meaning wherever it stands; `REMEDIES` says what to do about it."""

    # on the way
    WAITING = "Waiting"
    ADMITTED = "Admitted"
    STARTING = "Starting"
    AGENT_AT_WORK = "AgentAtWork"
    RETRYING = "Retrying"
    DISRUPTED = "Disrupted"
    SUSPENDED = "Suspended"
    RESUMED = "Resumed"
    PULL_REQUEST_OPENED = "PullRequestOpened"
    STRANGERS_TEXT = "StrangersText"
    # how it ended
    SUCCEEDED = "Succeeded"
    NOTHING_TO_CHANGE = "NothingToChange"
    CANCELLED = "Cancelled"
    # refused before it began
    INVALID_RUN = "InvalidRun"
    UNKNOWN_PERSONA = "UnknownPersona"
    PERSONA_NOT_PERMITTED = "PersonaNotPermitted"
    UNKNOWN_MODEL = "UnknownModel"
    UNKNOWN_ENGINE = "UnknownEngine"
    REPOSITORY_NOT_FOUND = "RepositoryNotFound"
    REPOSITORY_NOT_ALLOWED = "RepositoryNotAllowed"
    APP_NOT_INSTALLED = "AppNotInstalled"
    APP_REFUSED = "AppRefused"
    BASE_NOT_FOUND = "BaseNotFound"
    TASK_NOT_FOUND = "TaskNotFound"
    IMAGE_NOT_ALLOWED = "ImageNotAllowed"
    PROJECT_SETTINGS_WRONG = "ProjectSettingsWrong"
    CONTINUE_FROM_NOT_FOUND = "ContinueFromNotFound"
    HEAD_NOT_FOUND = "HeadNotFound"
    # went wrong on the way
    MODEL_REFUSED_KEY = "ModelRefusedKey"
    MODEL_UNAVAILABLE = "ModelUnavailable"
    MODEL_REFUSED_REQUEST = "ModelRefusedRequest"
    GITHUB_UNAVAILABLE = "GitHubUnavailable"
    GATEWAY_UNAVAILABLE = "GatewayUnavailable"
    TOKENS_EXHAUSTED = "TokenBudgetExceeded"
    MONEY_EXHAUSTED = "MoneyBudgetExceeded"
    STEPS_EXHAUSTED = "StepBudgetExceeded"
    TIME_EXHAUSTED = "TimeBudgetExceeded"
    GAVE_UP = "AgentGaveUp"
    NOT_CONVERGING = "NotConverging"
    OUTPUT_REFUSED = "OutputRefused"
    PUSH_REJECTED = "PushRejected"
    WORKSPACE_FAILED = "WorkspaceFailed"
    WORKBENCH_UNUSABLE = "WorkbenchUnusable"
    NO_SPACE = "NoSpace"
    OUT_OF_MEMORY = "OutOfMemory"
    IMAGE_NOT_PULLED = "ImageNotPulled"
    POD_REFUSED = "PodRefused"
    RUNNER_FAILED = "RunnerFailed"
    ATTEMPTS_EXHAUSTED = "AttemptsExhausted"
