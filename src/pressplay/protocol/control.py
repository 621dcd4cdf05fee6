"""What the operator and the gateway say to each other, on the gateway's listener for control.

| route | what |
| --- | --- |
| POST /control/admissions | `AdmissionRequest` → `Admission`, or 422 with `run.Refusal`, or 503 if it may pass later |
| GET /control/runs/UID | `Record` |
| POST /control/runs/UID/attempts/N/end | `AttemptEnd` → `Record`: the attempt's token is worth nothing from now on |
| POST /control/runs/UID/finish | `Finish` → `Record`: keeps work that came to no pull request on a branch |
"""

from __future__ import annotations

from typing import Any, Final, Literal

from pydantic import Field

from pressplay.protocol.base import Message, ObjectId
from pressplay.resources.reasons import Reason

ADMISSIONS: Final = "/control/admissions"
RUNS: Final = "/control/runs"


class AdmissionRequest(Message):
    """A run that is to begin.

    Attributes:
        spec: as in the manifest, camelCase.
        created: when it was asked for, in seconds since 1970: what is said later is not for it.
        flow: id of the flow that it is a step of, where an event started that.
    """

    uid: str
    namespace: str
    name: str
    kind: Literal["CodeRun", "DocsRun"]
    spec: dict[str, Any]
    created: float | None = None
    flow: int | None = None


class Admission(Message):
    """A run that may begin, with all that is settled by now. Asked again for the same run, the answer is the same.

    Attributes:
        seconds: of wall clock for the whole run, for the Job's deadline.
        image: of the workbench; None for the cluster's default.
        fixers: whether formatters and auto-fixers run first, in a container of their own.
        notice: what people are to know of how it begins; empty where there is nothing.
        tainted: whose words it was given that may not write; None where there are none.
    """

    uid: str
    repository_id: int
    repository: str
    base: str
    base_sha: ObjectId
    branch: str
    persona: str
    model: str
    seconds: int
    image: str | None = None
    directory: str = ""
    fixers: bool = False
    notice: str = ""
    tainted: str | None = None


class UsageTotals(Message):
    """Tokens as the vendor counted them, over all attempts."""

    calls: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cache_read_tokens: int = 0
    cache_write_tokens: int = 0


class Record(Message):
    """What the gateway knows of a run: the only evidence of what it did and cost.

    Attributes:
        cost: millionths of a US dollar.
        cursor: entries in the transcript.
        outcome: set once an output was taken.
        end: the last reason a runner gave for ending, with its attempt.
        backup_branch: where unfinished work was kept.
        tainted: whose words it read that may not write; None where there are none.
    """

    uid: str
    usage: UsageTotals = Field(default_factory=UsageTotals)
    cost: int = 0
    cursor: int = 0
    outcome: Literal["pull_request", "nothing_to_change"] | None = None
    pull_request: int | None = None
    url: str | None = None
    branch: str | None = None
    head: ObjectId | None = None
    verdict: str | None = None
    summary: str | None = None
    end_attempt: int | None = None
    end_reason: Reason | None = None
    end_message: str | None = None
    backup_branch: str | None = None
    tainted: str | None = None


class AttemptEnd(Message):
    """An attempt has ended, or is to end."""

    reason: Reason


class Finish(Message):
    """The run has ended for good."""

    reason: Reason
    keep_work: bool = True
