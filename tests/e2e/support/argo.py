"""Argo Workflows as the tests use it: a DAG with a gate, and the server that passes the gate."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from localkube import cluster as clusters
from tests.e2e.support.kube import Kube, Manifest
from tests.e2e.support.pods import NON_ROOT, container
from tests.e2e.support.waiting import until

WORKFLOW_SECONDS = 120.0
RUNNER = "runner"  # the service account of the workflow's own pods
GATEKEEPER = "gatekeeper"  # that of whoever passes gates from outside
ENDED = ("Succeeded", "Failed", "Error")


@dataclass(frozen=True)
class Run:
    """A workflow as it is when nothing moves any more, or at its gate."""

    namespace: str
    name: str
    nodes: dict[str, Manifest]
    phase: str

    def output(self, node: str, name: str) -> str:
        """An output parameter of a node."""
        parameters = self.nodes[node]["outputs"]["parameters"]
        return next(str(one["value"]) for one in parameters if one["name"] == name)


class Server:
    """The Argo server, as somebody with a token reaches it."""

    def __init__(self, kube: Kube, token: str | None) -> None:
        self.address = clusters.ui(kube.record)[0]
        self._token = token

    def call(self, method: str, path: str, body: object = None) -> tuple[int, Any]:
        """Call the server; answers the status and the JSON that came back."""
        bearer = {"Authorization": f"Bearer {self._token}"} if self._token else {}
        headers = {"Content-Type": "application/json", **bearer}
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.address + path, data, headers, method=method)  # noqa: S310 (http, to ourselves)
        try:
            with urllib.request.urlopen(request, timeout=30) as response:  # noqa: S310
                return response.status, json.load(response)
        except urllib.error.HTTPError as refused:
            with refused:
                return refused.code, refused.read().decode()

    def complete(
        self, namespace: str, name: str, node_id: str, outputs: dict[str, str], *, phase: str = "Succeeded",
        message: str = "answered from outside",
    ) -> tuple[int, Any]:  # fmt: skip
        """Complete a suspended node with outputs."""
        told = {
            "namespace": namespace,
            "name": name,
            "nodeFieldSelector": f"id={node_id}",
            "phase": phase,
            "message": message,
            "outputParameters": json.dumps(outputs),
        }
        return self.call("PUT", f"/api/v1/workflows/{namespace}/{name}/set", told)


def run_with_gate(kube: Kube, namespace: str, image: str) -> Run:
    """Run the DAG to its end, its gate completed by way of the server."""
    at_gate = start(kube, namespace, image)
    server = Server(kube, kube.new_token(namespace, GATEKEEPER))
    status, told = server.complete(namespace, at_gate.name, at_gate.nodes["gate"]["id"], {"verdict": "approved by Ada"})
    assert status == 200, told
    return await_end(kube, namespace, at_gate.name)


def start(kube: Kube, namespace: str, image: str) -> Run:
    """Start the DAG and wait until its gate waits."""
    for manifest in (*account(namespace, RUNNER, _RUNNER_RULES), *account(namespace, GATEKEEPER, _GATEKEEPER_RULES)):
        if kube.find(manifest["kind"], manifest["metadata"]["name"], namespace) is None:
            kube.create(manifest)
    name = kube.create(dag(namespace, image))["metadata"]["name"]
    return until(
        f"workflow {name} to stand at its gate", lambda: _at_gate(kube, namespace, name), seconds=WORKFLOW_SECONDS,
        seen=lambda: kube.get("Workflow", name, namespace).get("status"),
    )  # fmt: skip


def await_end(
    kube: Kube,
    namespace: str,
    name: str,
    seconds: float = WORKFLOW_SECONDS,
    stood: Callable[[], None] = lambda: None,
) -> Run:
    """Wait until the workflow has ended, well or not.

    Args:
        stood: called at each look that finds it not ended.
    """

    def look() -> Run | None:
        run = read(kube, namespace, name)
        if run.phase in ENDED:
            return run
        stood()
        return None

    return until(
        f"workflow {name} to end", look, seconds=seconds,
        seen=lambda: kube.get("Workflow", name, namespace).get("status"),
    )  # fmt: skip


def read(kube: Kube, namespace: str, name: str) -> Run:
    """The workflow as it is now, its nodes by their display names."""
    status = kube.get("Workflow", name, namespace).get("status", {})
    nodes = {node["displayName"]: node for node in (status.get("nodes") or {}).values()}
    return Run(namespace, name, nodes, status.get("phase", ""))


def _at_gate(kube: Kube, namespace: str, name: str) -> Run | None:
    run = read(kube, namespace, name)
    assert run.phase not in ENDED, run
    return run if run.nodes.get("gate", {}).get("phase") == "Running" else None


def dag(namespace: str, image: str) -> Manifest:
    """measure (a container) → record (a resource) → gate (suspended) → report (a container)."""
    measure, record, gate, report = _measure(image), _record(), _gate(), _report(image)
    tasks = [
        {"name": "measure", "template": "measure"},
        _task("record", "measure", {"lines": "{{tasks.measure.outputs.parameters.lines}}"}),
        _task("gate", "record", {"question": "{{tasks.record.outputs.parameters.kept}} lines: good enough?"}),
        _task("report", "gate", {"verdict": "{{tasks.gate.outputs.parameters.verdict}}"}),
    ]
    return {
        "kind": "Workflow",
        "metadata": {"generateName": "gated-", "namespace": namespace},
        "spec": {
            "entrypoint": "main",
            "serviceAccountName": RUNNER,
            # Of the whole pod: Argo's own containers in it must be able to read what the main one wrote.
            "securityContext": {"runAsNonRoot": True, "runAsUser": NON_ROOT, "runAsGroup": NON_ROOT},
            "templates": [{"name": "main", "dag": {"tasks": tasks}}, measure, record, gate, report],
        },
    }


def _task(name: str, after: str, arguments: dict[str, str]) -> Manifest:
    parameters = [{"name": key, "value": value} for key, value in arguments.items()]
    return {"name": name, "template": name, "depends": after, "arguments": {"parameters": parameters}}


def _measure(image: str) -> Manifest:
    outputs = [{"name": "lines", "valueFrom": {"path": "/tmp/lines"}}]
    script = container(image, "seq 41 | wc -l > /tmp/lines")
    # The executor reads the output in the container's root once it has ended, so that must be writable.
    script["securityContext"] = {**script["securityContext"], "readOnlyRootFilesystem": False}
    return {"name": "measure", "container": script, "outputs": {"parameters": outputs}}


def _record() -> Manifest:
    manifest = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"generateName": "kept-"},
        "data": {"lines": "{{inputs.parameters.lines}}"},
    }
    return {
        "name": "record",
        "inputs": {"parameters": [{"name": "lines"}]},
        "resource": {"action": "create", "setOwnerReference": True, "manifest": json.dumps(manifest)},
        "outputs": {
            "parameters": [
                {"name": "kept", "valueFrom": {"jsonPath": "{.data.lines}"}},
                {"name": "object", "valueFrom": {"jsonPath": "{.metadata.name}"}},
            ]
        },
    }


def _gate() -> Manifest:
    return {
        "name": "gate",
        "suspend": {},
        "inputs": {"parameters": [{"name": "question"}]},
        "outputs": {"parameters": [{"name": "verdict", "valueFrom": {"supplied": {}}}]},
    }


def _report(image: str) -> Manifest:
    # The text reaches the container as a variable, never as shell.
    env = [{"name": "VERDICT", "value": "{{inputs.parameters.verdict}}"}]
    script = container(image, 'echo "the gate said: $VERDICT"', env=env)
    outputs = {"parameters": [{"name": "said", "value": "{{inputs.parameters.verdict}}"}]}
    return {"name": "report", "inputs": {"parameters": [{"name": "verdict"}]}, "container": script, "outputs": outputs}


_RUNNER_RULES = [
    {"apiGroups": ["argoproj.io"], "resources": ["workflowtaskresults"], "verbs": ["create", "patch"]},
    {"apiGroups": [""], "resources": ["configmaps"], "verbs": ["get", "create"]},
]
_GATEKEEPER_RULES = [
    {"apiGroups": ["argoproj.io"], "resources": ["workflows"], "verbs": ["get", "list", "update", "patch"]}
]


def gatekeeper(namespace: str) -> list[Manifest]:
    """The service account of whoever completes nodes, with its permissions."""
    return account(namespace, GATEKEEPER, _GATEKEEPER_RULES)


def account(namespace: str, name: str, rules: list[Manifest]) -> list[Manifest]:
    """A service account with a role of its own."""
    meta = {"name": name, "namespace": namespace}
    role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": name}
    return [
        {"kind": "ServiceAccount", "metadata": meta},
        {"kind": "Role", "metadata": meta, "rules": rules},
        {"kind": "RoleBinding", "metadata": meta, "roleRef": role, "subjects": [{"kind": "ServiceAccount", **meta}]},
    ]
