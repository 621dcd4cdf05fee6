"""What of a Workflow that failed begins anew: the nodes, the selector by which Argo finds them, and the wish for it.

Pure. `argo retry` alone begins only pods anew. A suspended node has to be selected, and with it all that followed it
begins anew. A wish names the end that it is about, so that it is for that one only, however often it is read:
https://github.com/argoproj/argo-workflows/blob/v3.7.16/workflow/util/util.go (`FormulateRetryWorkflow`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from pressplay.kube.argo import step_of

BROKEN: Final = ("Failed", "Error")
# What executes or waits, and what holds the tries of such a node together.
SUSPENDED, POD, TRIES = "Suspend", "Pod", "Retry"
# An operation makes a suspended node one of ours. A selector has no "or", and this one finds several at once.
ALL_OF_OURS: Final = "inputs.parameters.operation.value!=,phase=Failed"


@dataclass(frozen=True)
class Node:
    """A node that can begin anew by itself; one that was tried several times is one.

    Attributes:
        step: where it stands, from the entrypoint down.
        name: as it is shown.
        ours: it has an operation, and the operator executes it.
        overcome: something after it went well, so that it is not what the Workflow failed of.
    """

    id: str
    step: str
    name: str
    phase: str
    suspended: bool
    ours: bool
    overcome: bool

    @property
    def broken(self) -> bool:
        """Whether it failed."""
        return self.phase in BROKEN


@dataclass(frozen=True)
class Wish:
    """Have a Workflow go on.

    Attributes:
        end: when it ended, in the words of Argo.
        selector: of what begins anew; empty where that is the pods that failed.
    """

    end: str
    selector: str

    def __str__(self) -> str:
        return f"{self.end} {self.selector}".strip()


def read_wish(text: str) -> Wish:
    """A wish as it was written."""
    end, _, selector = text.partition(" ")
    return Wish(end, selector.strip())


def restartable(nodes: Mapping[str, Any]) -> list[Node]:
    """The nodes that can begin anew, in the order in which they began; exit handlers do so by themselves."""
    tries = {child for node in nodes.values() if node.get("type") == TRIES for child in node.get("children") or []}
    found = [
        (str(node.get("startedAt") or ""), _node(node, nodes))
        for node in nodes.values()
        if node.get("type") in (SUSPENDED, POD, TRIES) and node["id"] not in tries and ".onExit" not in node["name"]
    ]
    return [node for _, node in sorted(found, key=lambda each: (each[0], each[1].id))]


def selector_of(chosen: Sequence[Node], every: Sequence[Node]) -> str | None:
    """How Argo finds these nodes; None where there is no way to find them all and no others."""
    suspended = [node for node in chosen if node.suspended or not node.broken]
    if not suspended:
        return ""
    if len(suspended) == 1:
        return f"id={suspended[0].id}"
    found = {node.id for node in every if node.ours and node.phase == "Failed"}
    return ALL_OF_OURS if found == {node.id for node in suspended} else None


def _node(node: Mapping[str, Any], nodes: Mapping[str, Any]) -> Node:
    step = step_of(node)
    return Node(
        id=node["id"], step=step, name=step.rpartition(".")[2] or str(node.get("displayName") or node["name"]),
        phase=str(node.get("phase") or ""), suspended=_is_suspended(node, nodes),
        ours=any(each["name"] == "operation" for each in (node.get("inputs") or {}).get("parameters") or []),
        overcome=any(each.get("phase") == "Succeeded" for each in _after(node, nodes)),
    )  # fmt: skip


def _is_suspended(node: Mapping[str, Any], nodes: Mapping[str, Any]) -> bool:
    if node.get("type") == TRIES:
        return any(nodes.get(child, {}).get("type") == SUSPENDED for child in node.get("children") or [])
    return node.get("type") == SUSPENDED


def _after(node: Mapping[str, Any], nodes: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """All that came of a node; its tries are not that."""
    seen, waiting = {node["id"]}, [*(node.get("children") or [])]
    while waiting:
        identity = waiting.pop()
        found = nodes.get(identity)
        if found is None or identity in seen:
            continue
        seen.add(identity)
        waiting.extend(found.get("children") or [])
        if step_of(found) != step_of(node):
            yield found
