"""What the operator and the gateway say to each other of flows, on the gateway's listener for control.

| route | what |
| --- | --- |
| GET /control/flows?wait=SECONDS | `Due`: flows to make or stop now, whom to wake; waits where there is nothing |
| POST /control/flows | `FlowSeen` → `FlowKnown`: a person has submitted a flow; the same again is the same flow |
| POST /control/flows/ID | `FlowNews`: a Workflow has been made, has ended or never will be, or goes on after its end |
| POST /control/wakes | `Seen`: who was woken has looked |
"""

from __future__ import annotations

from typing import Final, Literal

from pydantic import Field

from pressplay.protocol.base import Message

FLOWS: Final = "/control/flows"
WAKES: Final = "/control/wakes"
MOST_REASONS: Final = 5
LONGEST_REASON: Final = 400


class DueFlow(Message):
    """A flow to make, or to stop.

    Attributes:
        key, generation: by which it is one, however often it is told.
        subject: `pr:7`, `issue:3`, `branch:main` or an alert.
        parameters: of its Workflow: ids, names and commits, never text that somebody wrote.
        workflow: its name where a person submitted it; else it follows from key and generation.
    """

    id: int
    key: str
    generation: int
    flow: str
    repository: str
    repository_id: int
    subject: str
    parameters: dict[str, str]
    workflow: str = ""


class DueWake(Message):
    """Somebody to look at a subject again.

    Attributes:
        parked: why nothing begins about it by itself, for people; "" where something may.
    """

    id: int
    repository_id: int
    subject: str
    why: str
    parked: str = ""


class Due(Message):
    """What is to be done now.

    Attributes:
        live: flows whose Workflows were made and not yet told to have ended.
    """

    make: tuple[DueFlow, ...] = ()
    stop: tuple[DueFlow, ...] = ()
    live: tuple[DueFlow, ...] = ()
    wakes: tuple[DueWake, ...] = ()


class FlowEnd(Message):
    """How a flow ended, in the words of its Workflow.

    Attributes:
        workflow: its name.
        why: what went wrong, a line each.
    """

    workflow: str = Field(max_length=253)
    phase: Literal["Succeeded", "Failed", "Error"]
    why: tuple[str, ...] = Field(default=(), max_length=MOST_REASONS)


class FlowNews(Message):
    """What became of a flow.

    Attributes:
        end: how it ended, where its exit handler tells it.
    """

    state: Literal["made", "ended", "retried"]
    end: FlowEnd | None = None


class FlowSeen(Message):
    """A flow that a person has submitted.

    Attributes:
        uid, namespace, workflow: uid, namespace and name of its Workflow.
        parameters: those of it that say what it is about.
    """

    uid: str = Field(max_length=64)
    namespace: str = Field(max_length=63)
    workflow: str = Field(max_length=253)
    flow: str = Field(max_length=63)
    repository: str = Field(pattern=r"^[A-Za-z0-9-]{1,60}/[A-Za-z0-9._-]{1,100}$")
    parameters: dict[str, str]


class FlowKnown(Message):
    """What a submitted flow is in the ledger."""

    id: int
    repository_id: int
    subject: str


class Seen(Message):
    """Wakes that have done what they are for."""

    ids: tuple[int, ...]
