"""Flows on the cluster's own Argo, in a namespace of the test's own: templates, nodes' operator, a scripted gateway.

The test does what the operator's other half would, which carries out runs: it ends them. No pod starts.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import yaml
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from localkube import cluster, state
from localkube.machine import free_port
from pressplay.kube import argo
from pressplay.kube.access import Access, Refused, objects
from pressplay.kube.argo import ArgoServer, nodes_of
from pressplay.operator.gateway import Gateway
from pressplay.operator.metrics import Metrics
from pressplay.operator.nodes.worker import NodeWorker
from pressplay.resources import names
from pressplay.resources.base import API_VERSION
from tests.serving import served

ROOT = Path(__file__).resolve().parents[2]
ACCOUNT = "operator"
SECONDS = 60.0
PAUSE = 0.1
HEAD, LEFT = "a" * 40, "b" * 40
TEMPLATES = ("pressplay-nodes", "pr-flow")
RUN_OUTPUTS = ("result", "verdict", "run", "head", "pull-request", "branch")
WORKFLOWS = (argo.API_VERSION, argo.PLURAL)
RUNS = (API_VERSION, "coderuns")


@dataclass
class Script:
    """What the gateway answers, and what it was asked.

    Attributes:
        gates: answers by gate; one that is not there waits.
        due: what is due of flows, as the operator is told; `news` is what it told of them.
        submitted: flows of people that it told of; `ends`: how flows ended, by their ids.
    """

    gates: dict[str, dict[str, Any]] = field(default_factory=dict)
    asked: list[dict[str, Any]] = field(default_factory=list)
    due: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    news: list[tuple[int, str]] = field(default_factory=list)
    submitted: list[dict[str, Any]] = field(default_factory=list)
    ends: dict[int, dict[str, Any]] = field(default_factory=dict)

    def application(self) -> Starlette:
        """The gateway's listener for control, as far as flows go."""
        return Starlette(
            routes=[
                Route("/control/gates/{gate}", self._gate, methods=["POST"]),
                Route("/control/flows", self._due, methods=["GET"]),
                Route("/control/flows", self._submitted, methods=["POST"]),
                Route("/control/flows/{id:int}", self._news, methods=["POST"]),
                Route("/control/wakes", self._seen, methods=["POST"]),
                Route("/control/admissions", self._not_now, methods=["POST"]),
            ]
        )

    async def _gate(self, request: Request) -> Response:
        gate = str(request.path_params["gate"])
        self.asked.append({"gate": gate, **await request.json()})
        return JSONResponse(self.gates.get(gate) or {"verdict": None, "message": "nothing yet", "again": 60})

    async def _not_now(self, _: Request) -> Response:
        """Runs are ended by the test before they begin."""
        return JSONResponse({"reason": "GatewayUnavailable", "message": "not now"}, 503)

    async def _due(self, _: Request) -> Response:
        if not any(self.due.get(each) for each in ("make", "stop", "wakes")):
            await asyncio.sleep(PAUSE)
        return JSONResponse(self.due)

    async def _news(self, request: Request) -> Response:
        told = await request.json()
        identity, state_ = int(request.path_params["id"]), told["state"]
        self.news.append((identity, state_))
        if told.get("end"):
            self.ends[identity] = told["end"]
        for kind in ("make", "stop"):
            left = [each for each in self.due.get(kind, []) if each["id"] != identity]
            if kind == "make" and state_ == "made":
                made = [each for each in self.due.get(kind, []) if each["id"] == identity]
                self.due["live"] = [*self.due.get("live", []), *made]
            self.due[kind] = left
        if state_ == "ended":
            self.due["live"] = [each for each in self.due.get("live", []) if each["id"] != identity]
        return Response(status_code=204)

    async def _submitted(self, request: Request) -> Response:
        told = await request.json()
        if told["uid"] not in [each["uid"] for each in self.submitted]:
            self.submitted.append(told)
        identity = [each["uid"] for each in self.submitted].index(told["uid"]) + 1
        number = told["parameters"].get("pull-request")
        subject = f"pr:{number}" if number else f"workflow:{told['workflow']}"
        return JSONResponse({"id": identity, "repository_id": 5, "subject": subject})

    async def _seen(self, request: Request) -> Response:
        ids = (await request.json())["ids"]
        self.due["wakes"] = [each for each in self.due.get("wakes", []) if each["id"] not in ids]
        return Response(status_code=204)


@dataclass
class Place:
    """A namespace with Argo's templates, and who works in it.

    Attributes:
        address: of the gateway.
        argo_address: of the Argo server; `token` is a service account's that has the rights of the operator's alone.
    """

    access: Access
    script: Script
    address: str
    token_file: Path
    argo_address: str
    token: str

    @property
    def namespace(self) -> str:
        """Where all of it is."""
        return self.access.namespace

    def server(self, address: str = "") -> ArgoServer:
        """The Argo server, in the operator's name."""
        return ArgoServer(address or self.argo_address, lambda: self.token)

    @asynccontextmanager
    async def worker(self, access: Any = None, server: Any = None) -> AsyncIterator[NodeWorker]:
        """An operator, as far as nodes go."""
        gateway = Gateway(self.address, self.token_file)
        own = server or self.server()
        try:
            yield NodeWorker(access or self.access, gateway, own, Metrics())
        finally:
            await gateway.close()
            await own.close()

    def submit(self, spec: Mapping[str, Any], name: str, **labels: str) -> str:
        """A Workflow, as a person would submit it; answers its name."""
        meta = {"name": name, "labels": {names.FLOW: "pr-flow", **labels}}
        body = {"apiVersion": argo.API_VERSION, "kind": "Workflow", "metadata": meta, "spec": dict(spec)}
        self.access.create(objects(*WORKFLOWS, self.namespace), body)
        return name

    def workflow(self, name: str) -> dict[str, Any]:
        """A Workflow as it is."""
        return self.access.get(objects(*WORKFLOWS, self.namespace, name))

    def change(self, name: str, spec: Mapping[str, Any]) -> None:
        """Change a Workflow's spec."""
        self.access.patch(objects(*WORKFLOWS, self.namespace, name), {"spec": spec})

    def phase(self, name: str) -> str:
        """Of a Workflow."""
        return str((self.workflow(name).get("status") or {}).get("phase") or "")

    def nodes(self, name: str) -> dict[str, dict[str, Any]]:
        """A Workflow's suspended nodes by their names."""
        found = nodes_of(self.workflow(name).get("status") or {})
        return {each["displayName"]: each for each in found.values() if each["type"] == "Suspend"}

    def runs(self, workflow: str = "") -> list[dict[str, Any]]:
        """The runs of a Workflow, or all."""
        items: list[dict[str, Any]] = self.access.get(objects(*RUNS, self.namespace))["items"]
        return [each for each in items if not workflow or _owner(each) == workflow]

    def unended(self, workflow: str = "") -> list[dict[str, Any]]:
        """Those of them that have not ended."""
        over = ("Succeeded", "Failed", "Cancelled")
        return [each for each in self.runs(workflow) if (each.get("status") or {}).get("phase") not in over]

    def finish(self, run: Mapping[str, Any], phase: str = "Succeeded", reason: str = "Succeeded", **more: Any) -> None:
        """What the operator tells of a run that has ended."""
        moment = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        end = {"type": "Finished", "status": "True", "reason": reason, "message": "", "lastTransitionTime": moment}
        status = {"phase": phase, "conditions": [end], "headSHA": LEFT, "pullRequest": 7, **more}
        name = run["metadata"]["name"]
        self.access.patch(objects(*RUNS, self.namespace, name, "status"), {"status": status})

    def end_runs(self, workflow: str = "") -> None:
        """End all runs that have not: those that are to be cancelled as cancelled, the others well."""
        for run in self.unended(workflow):
            if run["spec"].get("cancel"):
                self.finish(run, "Cancelled", "Cancelled")
            else:
                self.finish(run)

    async def until(self, what: str, holds: Callable[[], bool], seconds: float = SECONDS) -> None:
        """Wait for something that others do."""
        ends = time.monotonic() + seconds
        while not await asyncio.to_thread(holds):
            assert time.monotonic() < ends, f"waited {seconds:.0f} s for {what}"
            await asyncio.sleep(PAUSE)

    async def waiting(self, name: str, *wanted: str) -> None:
        """Wait until these nodes wait."""

        def holds() -> bool:
            nodes = self.nodes(name)
            return all(nodes.get(each, {}).get("phase") == "Running" for each in wanted)

        await self.until(f"{wanted} of {name} to wait", holds)

    async def ended(self, name: str, phase: str = "Succeeded") -> None:
        """Wait until a Workflow has ended."""
        await self.until(f"{name} to end", lambda: self.phase(name) not in argo.UNFINISHED)
        assert self.phase(name) == phase, self.workflow(name)["status"].get("message")

    async def drive(self, worker: NodeWorker, name: str, act: Callable[[], None] = lambda: None) -> None:
        """Look at a Workflow as often as it takes, and do meanwhile what others would, until it has ended.

        Raises:
            what `look` raises, save what a queue would look at again.
        """
        ends = time.monotonic() + SECONDS
        while True:
            with suppress(Refused, argo.Unserved):
                await worker.look(self.namespace, name)
            if await asyncio.to_thread(self.phase, name) not in argo.UNFINISHED:
                return
            assert time.monotonic() < ends, f"waited {SECONDS:.0f} s for {name} to end: {self.nodes(name)}"
            await asyncio.to_thread(act)
            await asyncio.sleep(PAUSE)


@contextmanager
def operator(here: Place, kubeconfig: Path, folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    """The whole operator as a process of its own, at work in the test's namespace alone; killed at the end."""
    (folder / "argo-token").write_text(here.token)
    settings = {
        "PRESSPLAY_NAMESPACE": here.namespace, "PRESSPLAY_WATCH_NAMESPACES": here.namespace,
        "PRESSPLAY_FLOWS_NAMESPACE": here.namespace, "PRESSPLAY_GATEWAY_CONTROL": here.address,
        "PRESSPLAY_GATEWAY_RUNS": here.address, "PRESSPLAY_CONTROL_TOKEN": str(here.token_file),
        "PRESSPLAY_ARGO_SERVER": here.argo_address, "PRESSPLAY_ARGO_TOKEN": str(folder / "argo-token"),
        "PRESSPLAY_RUNNER_IMAGE": "runner", "PRESSPLAY_WORKBENCH_IMAGE": "workbench", "KUBECONFIG": str(kubeconfig),
        "PRESSPLAY_HEALTH_PORT": str(free_port()),
    }  # fmt: skip
    with (folder / "operator.log").open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "pressplay.operator"], env={**os.environ, **settings}, stdout=log, stderr=log
        )
        try:
            yield process
        finally:
            process.kill()
            process.wait()


def outputs(node: Mapping[str, Any]) -> dict[str, Any]:
    """What was supplied to a node."""
    return {each["name"]: each.get("value") for each in (node.get("outputs") or {}).get("parameters") or []}


def suspended(name: str, operation: str, inputs: Mapping[str, str], *given: str) -> dict[str, Any]:
    """A template of a suspended node with these outputs."""
    return {
        "name": name,
        "suspend": {},
        "inputs": {"parameters": [{"name": "operation", "value": operation},
                                  *({"name": key, "value": value} for key, value in inputs.items())]},
        "outputs": {"parameters": [{"name": each, "valueFrom": {"supplied": {}}} for each in given]},
    }  # fmt: skip


def a_run(name: str = "work", **inputs: str) -> dict[str, Any]:
    """A template of a node that runs an agent."""
    return suspended(name, "run", {"repository": "acme/sums", "pull-request": "7", **inputs}, *RUN_OUTPUTS)


def a_gate(name: str = "gate", operation: str = "wait-for-checks", **inputs: str) -> dict[str, Any]:
    """A template of a gate."""
    told = {"repository": "acme/sums", "pull-request": "7", "head": HEAD, **inputs}
    return suspended(name, operation, told, "verdict", "actor" if operation == "approve" else "head")


def dag(*templates: Mapping[str, Any], after: Mapping[str, Mapping[str, Any]] | None = None) -> dict[str, Any]:
    """A Workflow's spec in which each template is a task of its own name.

    Args:
        after: more of a task, by its name.
    """
    tasks = [{"name": each["name"], "template": each["name"], **((after or {}).get(each["name"]) or {})}
             for each in templates]  # fmt: skip
    return {"entrypoint": "all", "templates": [{"name": "all", "dag": {"tasks": tasks}}, *templates]}


def _owner(run: Mapping[str, Any]) -> str:
    owners = run["metadata"].get("ownerReferences") or [{"name": ""}]
    return str(owners[0]["name"])


@contextmanager
def place(access: Access, cluster_name: str, folder: Path) -> Iterator[Place]:
    """A namespace made ready for flows, and a gateway that is served."""
    namespace = access.namespace
    for name in TEMPLATES:
        body = yaml.safe_load((ROOT / "workflow_templates" / f"{name}.yaml").read_text())
        access.create(objects(argo.API_VERSION, "workflowtemplates", namespace), body)
    limits = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "pressplay-limits"},
              "data": {"runs": "100", "pr-flow": "100"}}  # fmt: skip
    access.create(objects("v1", "configmaps", namespace), limits)
    token = _account(access)
    (folder / "token").write_text("operator")
    script = Script()
    with served(script.application()) as address:
        yield Place(access, script, address, folder / "token", cluster.ui(state.require(cluster_name))[0], token)


def _account(access: Access) -> str:
    """A service account with the rights that the chart gives the operator where flows are; answers a token of it."""
    namespace = access.namespace
    meta = {"name": ACCOUNT, "namespace": namespace}
    rbac = "rbac.authorization.k8s.io/v1"
    access.create(
        objects("v1", "serviceaccounts", namespace), {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": meta}
    )
    role = {"apiVersion": rbac, "kind": "Role", "metadata": meta, "rules": chart_rules()}
    access.create(objects(rbac, "roles", namespace), role)
    bound = {"apiVersion": rbac, "kind": "RoleBinding", "metadata": meta,
             "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": ACCOUNT},
             "subjects": [{"kind": "ServiceAccount", **meta}]}  # fmt: skip
    access.create(objects(rbac, "rolebindings", namespace), bound)
    asked = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {"expirationSeconds": 3600}}
    made = access.create(objects("v1", "serviceaccounts", namespace, ACCOUNT, "token"), asked)
    return str(made["status"]["token"])


def chart_rules() -> list[dict[str, Any]]:
    """The rules of the chart's Role `pressplay-operator-flows`."""
    text = (ROOT / "charts" / "pressplay" / "templates" / "flows.yaml").read_text()
    part = next(
        each for each in text.split("---\n") if "kind: Role\n" in each and "name: pressplay-operator-flows" in each
    )
    rules: list[dict[str, Any]] = yaml.safe_load(part.split("rules:\n")[1])
    return rules
