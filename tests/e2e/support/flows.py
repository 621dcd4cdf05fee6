"""Flows on a real Argo, with somebody who completes their suspended nodes by the answers of a course."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from pressplay.resources.names import NUDGED
from pressplay.workflows.runs import FLOW_ACCOUNT
from tests.e2e.support import argo
from tests.e2e.support.kube import Kube, Manifest
from tests.e2e.support.waiting import until
from tests.unit.a_flow import Course, answer_of

TEMPLATES = Path(__file__).parents[3] / "workflow_templates"
ENDED = ("Succeeded", "Failed", "Error")
COURSE_SECONDS = 400.0
NUDGE_SECONDS = 5.0


@dataclass
class Taken:
    """A course as it went on Argo.

    Attributes:
        began: suspended nodes in their order, with their inputs.
        ended: the phase of its Workflow, once it has.
    """

    course: Course
    name: str
    began: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    ended: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)
    outputs: dict[str, str] = field(default_factory=dict)
    told: str = ""


@dataclass
class Nudges:
    """Writes a Workflow that stands still once more, as the operator does.

    Argo's controller overlooks a completion now and then: what it writes takes the newer copy's place in its cache.
    """

    kube: Kube
    namespace: str
    name: str
    last: float = field(default_factory=time.monotonic)

    def moved(self) -> None:
        """Something has happened just now."""
        self.last = time.monotonic()

    def stood(self) -> None:
        """Nothing has happened; nudge where that has lasted."""
        if time.monotonic() - self.last > NUDGE_SECONDS:
            told = {"metadata": {"annotations": {NUDGED: str(time.time())}}}
            self.kube.patch("Workflow", self.name, self.namespace, told)
            self.moved()


def install(kube: Kube, namespace: str) -> argo.Server:
    """Have a namespace hold all templates; answers the server, as somebody who may complete nodes."""
    for file in sorted(TEMPLATES.glob("*.yaml")):
        manifest = yaml.safe_load(file.read_text())
        kube.create({**manifest, "metadata": {**manifest["metadata"], "namespace": namespace}})
    for manifest in argo.gatekeeper(namespace):
        kube.create(manifest)
    return argo.Server(kube, kube.new_token(namespace, argo.GATEKEEPER))


def accounts(namespace: str) -> list[Manifest]:
    """Whom the pod of coderun-resource-template acts as, as the chart has it."""
    rules = [
        {"apiGroups": ["agents.platform"], "resources": ["coderuns"], "verbs": ["create", "get", "list", "watch"]},
        {"apiGroups": ["argoproj.io"], "resources": ["workflowtaskresults"], "verbs": ["create", "patch"]},
    ]
    return argo.account(namespace, FLOW_ACCOUNT, rules)


def submit(kube: Kube, namespace: str, flow: str, parameters: Mapping[str, str], entrypoint: str = "") -> str:
    """Submit a flow as the operator does; answers the Workflow's name."""
    spec: Manifest = {
        "workflowTemplateRef": {"name": flow},
        "arguments": {"parameters": [{"name": name, "value": value} for name, value in parameters.items()]},
    }
    if entrypoint:
        spec["entrypoint"] = entrypoint
    meta = {"generateName": f"{flow}-", "namespace": namespace}
    return str(kube.create({"kind": "Workflow", "metadata": meta, "spec": spec})["metadata"]["name"])


def take(kube: Kube, server: argo.Server, namespace: str, courses: tuple[Course, ...]) -> dict[str, Taken]:
    """Take courses side by side to their ends; answers them by flow and name."""
    taken = {}
    for course in courses:
        name = submit(kube, namespace, course.flow, course.parameters, course.entrypoint)
        taken[name] = Taken(course, name)
    nudges = {name: Nudges(kube, namespace, name) for name in taken}

    def all_ended() -> bool:
        # Side by side, as the operator does: one completion is four calls of the Argo server's.
        listed = {each["metadata"]["name"]: each for each in kube.list("Workflow", namespace)}
        going = [each for each in taken.values() if not each.ended]
        with ThreadPoolExecutor(8) as several:
            moved = list(several.map(lambda each: _look(server, namespace, listed[each.name], each), going))
        for each, did in zip(going, moved, strict=True):
            nudges[each.name].moved() if did else nudges[each.name].stood()
        return all(each.ended for each in taken.values())

    until(
        "all courses to end", all_ended, seconds=COURSE_SECONDS,
        seen=lambda: {each.name: each.began for each in taken.values() if not each.ended},
    )  # fmt: skip
    return {f"{each.course.flow}: {each.course.name}": each for each in taken.values()}


def _look(server: argo.Server, namespace: str, workflow: Manifest, taken: Taken) -> bool:
    """Complete what waits; answers whether anything happened."""
    status = workflow.get("status") or {}
    nodes = status.get("nodes") or {}
    if status.get("phase") in ENDED:
        taken.ended = status["phase"]
        taken.told = str(status.get("message") or "")
        taken.labels, taken.annotations = workflow["metadata"]["labels"], workflow["metadata"]["annotations"]
        taken.outputs = parameters(nodes[taken.name], "outputs")
    done = {path for path, _ in taken.began}
    for node in waiting(nodes):
        path, inputs = path_of(node), parameters(node, "inputs")
        if path not in done:
            phase, outputs = answer_of(taken.course, path, inputs)
            code, told = server.complete(namespace, taken.name, node["id"], outputs, phase=phase)
            assert code == 200, told
            taken.began.append((path, inputs))
    return bool(taken.ended) or len(taken.began) > len(done)


def waiting(nodes: Mapping[str, Manifest]) -> list[Manifest]:
    """Suspended nodes that wait to be completed."""
    return [node for node in nodes.values() if node["type"] == "Suspend" and node["phase"] == "Running"]


def path_of(node: Manifest) -> str:
    """Where a node stands: its tasks from the entrypoint down."""
    return "/".join(re.sub(r"\(\d+\)$", "", part) for part in node["name"].split(".")[1:])


def parameters(node: Manifest, side: str) -> dict[str, str]:
    """A node's inputs or outputs."""
    found: list[dict[str, Any]] = (node.get(side) or {}).get("parameters") or []
    return {each["name"]: str(each.get("value", "")) for each in found}
