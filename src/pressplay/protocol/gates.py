"""How the operator asks whether a gate is open, on the gateway's listener for control.

| route | what |
| --- | --- |
| POST /control/gates/checks, /reviews, /approval, /triage, /merge, /task | `GateAsked` → `GateAnswer`, as it is now |

Nothing is remembered between two questions but what was done: each answer is derived anew from GitHub and the ledger.
That of `merge` merges where everything is as it must be; that of `task` says what a task-flow that has ended came to.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal

from pydantic import Field

from pressplay.protocol.base import Message

GATES: Final = "/control/gates"
Gate = Literal["checks", "reviews", "approval", "triage", "merge", "task"]

# What a task-flow came to.
MERGED: Final = "merged"
PARKED: Final = "parked"

# By the name of a suspended node's operation.
OF_OPERATION: Final[Mapping[str, Gate]] = {
    "wait-for-checks": "checks",
    "wait-for-review": "reviews",
    "approve": "approval",
    "triage": "triage",
    "merge": "merge",
    "task": "task",
}


class GateAsked(Message):
    """One evaluation, now.

    Attributes:
        workflow: its name; node: its id. For people who read the ledger.
        since: when the node began to wait, in seconds since 1970.
        inputs: of the node, as they are: repository, pull-request, branch, head; of a task the uid of its Workflow.
            Texts, "" for what is not given.
    """

    workflow: str = Field(max_length=253)
    node: str = Field(max_length=253)
    since: float
    inputs: dict[str, str]


class GateAnswer(Message):
    """How a gate stands.

    Attributes:
        verdict: of the operation; None while it is to be waited for.
        outputs: all that the node supplies, `verdict` included; empty while it waits.
        message: for people.
        again: seconds after which to ask again at the latest, where nobody is woken before.
    """

    verdict: str | None
    message: str
    outputs: dict[str, str] = Field(default_factory=dict)
    again: float = 60.0
