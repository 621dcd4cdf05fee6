"""Workflows of ours as the command line reads them: dicts, found by the label that every flow's Workflow bears.

Reads only, through the API server; nodes that Argo keeps in a database of its own are said to be there.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Final

from pressplay.cli import runs
from pressplay.cli.failures import Problem
from pressplay.kube.access import Access, Refused, objects
from pressplay.kube.argo import API_VERSION, PLURAL, UNFINISHED, Offloaded, has_ended, nodes_of
from pressplay.resources import names
from pressplay.resources.base import API_VERSION as OURS
from pressplay.resources.base import PLURALS

# Nodes that only hold others together.
GROUPS: Final = ("DAG", "Steps", "StepGroup", "TaskGroup", "Retry")
PREFIXES: Final = ("workflow", "workflows", "wf", "flow")
# What Argo calls the exit handler of a Workflow, behind its name.
EXIT: Final = "onExit"

Workflow = dict[str, Any]


@dataclass(frozen=True)
class Step:
    """A node that does something or waits for something.

    Attributes:
        kind: Argo's: Suspend, Pod, Skipped, …
        operation: what a node of ours is for; empty of others.
        inputs: parameters by name.
        outputs: those that it was completed with.
        queued: it waits for its turn, and for whose.
    """

    id: str
    name: str
    kind: str
    phase: str
    operation: str
    message: str
    began: str
    ended: str
    inputs: Mapping[str, str] = field(default_factory=dict)
    outputs: Mapping[str, str] = field(default_factory=dict)
    queued: str = ""

    @property
    def goes_on(self) -> bool:
        """Whether it has not ended."""
        return self.phase in UNFINISHED


def flows_namespace(access: Access) -> str | None:
    """Where Argo works flows: the namespace that is meant, else the only one with our templates; None without Argo.

    Raises:
        Problem: there are several.
    """
    try:
        access.get(objects(API_VERSION, "workflowtemplates", access.namespace, names.NODES))
    except Refused as error:
        if error.status not in (HTTPStatus.NOT_FOUND, HTTPStatus.FORBIDDEN):
            raise
    else:
        return access.namespace
    try:
        selector = f"metadata.name={names.NODES}"
        found = access.get(objects(API_VERSION, "workflowtemplates"), fieldSelector=selector)["items"]
    except Refused as error:
        if error.status not in (HTTPStatus.NOT_FOUND, HTTPStatus.FORBIDDEN):
            raise
        return None
    places = sorted(item["metadata"]["namespace"] for item in found)
    if len(places) > 1:
        raise Problem(f"flows are worked in several namespaces: {', '.join(places)}", "choose one of them with -n")
    return places[0] if places else None


def look(access: Access, name: str) -> Workflow | None:
    """The Workflow of this name, where one is and where flows are worked; None where there is none, or no Argo."""
    kind, _, bare = name.rpartition("/")
    if kind.lower() not in ("", *PREFIXES):
        return None
    for namespace in _places(access):
        try:
            return access.get(objects(API_VERSION, PLURAL, namespace, bare))
        except Refused as error:
            if error.status not in (HTTPStatus.NOT_FOUND, HTTPStatus.FORBIDDEN):
                raise
    return None


def find(access: Access, name: str) -> Workflow:
    """The same.

    Raises:
        Problem: there is none.
    """
    found = look(access, name)
    if found is None:
        # Says it where there is no Argo.
        every(access)
        raise Problem(
            f"there is no Workflow {name.rpartition('/')[2]!r} in namespace {access.namespace}",
            "`pressplay workflow list` lists those there are; -n names another namespace",
        )
    return found


def every(access: Access, everywhere: bool = False, *, only: bool = False) -> list[Workflow]:
    """All Workflows of ours, the youngest last.

    Args:
        only: of the namespace that is meant, and not of that of flows besides.

    Raises:
        Problem: this cluster knows no Workflows.
    """
    places = [None] if everywhere else [access.namespace] if only else list(_places(access))
    try:
        found = [
            {"apiVersion": API_VERSION, "kind": "Workflow", **item}
            for place in places
            for item in access.get(objects(API_VERSION, PLURAL, place), labelSelector=names.FLOW)["items"]
        ]
    except Refused as error:
        if error.status != HTTPStatus.NOT_FOUND:
            raise
        raise Problem(
            "this cluster knows no Workflows", "flows need Argo Workflows; runs alone do not: `pressplay get`"
        ) from None
    return sorted(found, key=lambda item: str(item["metadata"].get("creationTimestamp")))


def nodes(workflow: Mapping[str, Any]) -> Mapping[str, Any]:
    """A Workflow's nodes by their ids.

    Raises:
        Problem: only the Argo server can read them.
    """
    meta = workflow["metadata"]
    try:
        return nodes_of(workflow.get("status") or {})
    except Offloaded:
        raise Problem(
            f"Argo keeps the nodes of Workflow {meta['name']} in a database of its own",
            f"`argo get {meta['name']} --namespace {meta['namespace']}` shows them",
        ) from None


def steps(workflow: Workflow) -> list[Step]:
    """A Workflow's nodes that do something, in the order in which they began.

    Raises:
        Problem: only the Argo server can read them.
    """
    found = [_step(node) for node in nodes(workflow).values() if node.get("type") not in GROUPS or _queued(node)]
    return sorted(found, key=lambda step: (step.began, step.id))


def runs_of(access: Access, workflow: Workflow) -> dict[str, runs.Run]:
    """The runs of a Workflow's nodes, by the nodes' ids; of a node's several the youngest."""
    meta = workflow["metadata"]
    selector = f"{names.WORKFLOW_UID}={meta['uid']}"
    found = [
        {"apiVersion": OURS, "kind": kind, **item}
        for kind in PLURALS
        for item in access.get(runs.path(kind, meta["namespace"]), labelSelector=selector)["items"]
    ]
    found.sort(key=lambda run: str(run["metadata"].get("creationTimestamp")))
    return {(run["metadata"].get("annotations") or {}).get(names.NODE, ""): run for run in found}


def phase(workflow: Workflow) -> str:
    """Where it is, in one word of Argo's; empty where nobody has looked at it yet."""
    return str((workflow.get("status") or {}).get("phase") or "")


def finished(workflow: Workflow) -> bool:
    """Whether nothing more happens."""
    return has_ended(workflow)


def label(workflow: Workflow, name: str) -> str:
    """One of its labels; empty where it has none of the name."""
    return str((workflow["metadata"].get("labels") or {}).get(name) or "")


def _places(access: Access) -> Iterator[str]:
    yield access.namespace
    flows = flows_namespace(access)
    if flows and flows != access.namespace:
        yield flows


def _queued(node: Mapping[str, Any]) -> str:
    """The lock that a node waits for; one that is tried again waits before its first try."""
    return str((node.get("synchronizationStatus") or {}).get("waiting") or "")


def _step(node: Mapping[str, Any]) -> Step:
    inputs = _parameters(node, "inputs")
    return Step(
        id=node["id"], name=_shown(str(node.get("displayName") or node["name"])), kind=str(node.get("type") or ""),
        phase=str(node.get("phase") or ""), operation=inputs.get("operation", ""),
        message=str(node.get("message") or ""), began=str(node.get("startedAt") or ""),
        ended=str(node.get("finishedAt") or ""), inputs=inputs, outputs=_parameters(node, "outputs"),
        queued=_queued(node),
    )  # fmt: skip


def _shown(name: str) -> str:
    """The exit handler's name has that of its Workflow before it, which stands beside it anyway."""
    return EXIT if name.endswith(f".{EXIT}") else name


def _parameters(node: Mapping[str, Any], side: str) -> dict[str, str]:
    told = (node.get(side) or {}).get("parameters") or []
    return {each["name"]: str(each.get("value") or "") for each in told}
