"""Argo Workflows: a Workflow's suspended nodes, read from its object, and their completion through the Argo server.

A Workflow's status is never written here: above 1 MiB its nodes move to `compressedNodes`, and a patched node makes the
controller begin anew. https://argo-workflows.readthedocs.io/en/latest/rest-api/ (`PUT …/set`, `PUT …/terminate`).
"""

from __future__ import annotations

import base64
import gzip
import io
import json
import re
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Final, Literal

import httpx

from pressplay.kube import argo_tls
from pressplay.kube.access import Unreachable

API_VERSION: Final = "argoproj.io/v1alpha1"
PLURAL: Final = "workflows"
# The label of Workflows that have ended, and the selector of all others.
COMPLETED: Final = "workflows.argoproj.io/completed"
NOT_COMPLETED: Final = f"{COMPLETED}!=true"
SECONDS: Final = 30.0
# A Workflow has at most 1.5 MiB, and packed nodes are some twenty times as much. More is a trap, for as dicts it is ten
# times that.
LARGEST_NODES: Final = 48 * 1024 * 1024
# Phases of Workflows and of nodes that have not ended; all others are ends.
UNFINISHED: Final = frozenset({"", "Pending", "Running"})


class Unserved(Unreachable):
    """The Argo server does not answer, or not now; look, and do it again.

    Attributes:
        told: what is wrong, without the remedy.
        remedy: where one is known; else empty.
    """

    def __init__(self, told: str, remedy: str = "") -> None:
        super().__init__(f"{told}; {remedy}" if remedy else told)
        self.told = told
        self.remedy = remedy


class Declined(Exception):
    """The Argo server answered, and did not do it; says why."""


class Offloaded(Exception):
    """The nodes are in Argo's own database; only the Argo server can read them."""


@dataclass(frozen=True)
class SuspendedNode:
    """A node that waits for its outputs from outside.

    Attributes:
        id: Argo's, the same when the node is started again; `started` is not.
        inputs: parameters by name.
        outputs: names of parameters that whoever completes it supplies; one that has a value already is none.
        defaults: those of them that Argo fills by itself where a person resumes it.
        on_exit: it belongs to an exit handler, which runs even where the Workflow is stopped.
        step: where it stands in its Workflow, the same in each of its tries.
    """

    id: str
    name: str
    inputs: Mapping[str, str]
    outputs: tuple[str, ...]
    started: datetime
    message: str
    on_exit: bool
    defaults: frozenset[str] = frozenset()
    step: str = ""


@dataclass(frozen=True)
class Workflow:
    """A Workflow, as far as it matters here.

    Attributes:
        finished: nothing of it runs any more; `ended` is when that was, in the words of Argo.
        shutdown: `Stop`, `Terminate`, or empty where nobody has asked for its end.
        held: suspended as a whole by a person.
        deleted: it is on its way out, and waits for a finalizer only.
        version: of the object, another after every write.
        answered: some of its suspended nodes have ended.
        resumed: nodes that somebody let pass without their outputs.
        waiting: nodes that wait for somebody outside.
        parameters: that it was given, by name, as they were typed; those that its template has by itself are not
            among them.
        failed: names and messages of suspended nodes that failed, each in its last try.
    """

    uid: str
    namespace: str
    name: str
    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    phase: str
    finished: bool
    shutdown: str
    held: bool
    waiting: tuple[SuspendedNode, ...]
    deleted: bool = False
    version: str = ""
    answered: bool = False
    resumed: tuple[SuspendedNode, ...] = ()
    failed: tuple[tuple[str, str], ...] = ()
    parameters: Mapping[str, str] = field(default_factory=dict)
    ended: str = ""


def read_workflow(body: Mapping[str, Any]) -> Workflow:
    """A Workflow from its object.

    Raises:
        Offloaded: its nodes are elsewhere.
        ValueError: its nodes cannot be read.
    """
    meta, spec, status = body["metadata"], body.get("spec") or {}, body.get("status") or {}
    phase, nodes = str(status.get("phase") or ""), nodes_of(status)
    return Workflow(
        uid=meta["uid"], namespace=meta["namespace"], name=meta["name"], labels=meta.get("labels") or {},
        annotations=meta.get("annotations") or {}, phase=phase, finished=has_ended(body),
        shutdown=str(spec.get("shutdown") or ""), held=bool(spec.get("suspend")),
        waiting=tuple(_suspended(nodes, "Running")), deleted=bool(meta.get("deletionTimestamp")),
        version=str(meta.get("resourceVersion") or ""),
        answered=any(each.get("type") == "Suspend" and each.get("finishedAt") for each in nodes.values()),
        resumed=tuple(each for each in _suspended(nodes, "Succeeded") if each.outputs),
        failed=tuple(_failed(nodes)),
        parameters={each["name"]: str(each.get("value") or "") for each in _parameters(spec, "arguments")},
        ended=str(status.get("finishedAt") or ""),
    )  # fmt: skip


def has_ended(body: Mapping[str, Any]) -> bool:
    """Whether nothing of a Workflow runs any more."""
    return str((body.get("status") or {}).get("phase") or "") not in UNFINISHED


def nodes_of(status: Mapping[str, Any]) -> Mapping[str, Any]:
    """The nodes of a Workflow's status by their ids, wherever Argo keeps them.

    Raises:
        Offloaded: in its database.
        ValueError: they cannot be read.
    """
    if status.get("offloadNodeStatusVersion"):
        raise Offloaded
    packed = status.get("compressedNodes")
    if packed:
        return _unpacked(packed)
    found: dict[str, Any] = status.get("nodes") or {}
    return found


def _unpacked(packed: str) -> Mapping[str, Any]:
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(base64.b64decode(packed, validate=True))) as stream:
            text = stream.read(LARGEST_NODES + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise ValueError(f"the nodes cannot be unpacked: {error}") from None
    if len(text) > LARGEST_NODES:
        raise ValueError(f"the nodes have more than {LARGEST_NODES:,} bytes")
    unpacked: dict[str, Any] = json.loads(text)
    return unpacked


def _suspended(nodes: Mapping[str, Any], phase: str) -> Iterator[SuspendedNode]:
    for node in nodes.values():
        if node.get("type") != "Suspend" or node.get("phase") != phase or not node.get("startedAt"):
            continue
        open_ = _open_outputs(node)
        yield SuspendedNode(
            id=node["id"],
            name=node.get("displayName") or node["name"],
            inputs={each["name"]: str(each.get("value") or "") for each in _parameters(node, "inputs")},
            outputs=tuple(open_),
            defaults=frozenset(name for name, source in open_.items() if source.get("default") is not None),
            started=datetime.fromisoformat(node["startedAt"]),
            message=node.get("message") or "",
            on_exit=".onExit" in node["name"],
            step=step_of(node),
        )


def _failed(nodes: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Of a node that was tried several times the last try counts; a try's name ends with its number."""
    suspended = (node for node in nodes.values() if node.get("type") == "Suspend" and node.get("startedAt"))
    in_order = sorted(suspended, key=lambda node: str(node["startedAt"]))
    last = {_without_try(str(node["name"])): node for node in in_order}
    for name, node in last.items():
        if node.get("phase") in ("Failed", "Error"):
            yield name.rpartition(".")[2], str(node.get("message") or "")


def step_of(node: Mapping[str, Any]) -> str:
    """Where a node stands, from the entrypoint down; the tries of a step, and the retry around them, are one."""
    return _without_try(str(node["name"])).partition(".")[2]


def _without_try(name: str) -> str:
    return re.sub(r"\(\d+\)$", "", name)


def _open_outputs(node: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Where outputs get their values from, by name, without those that have one.

    The server refuses to set one that has its value, and with it all others of the same call.
    """
    return {
        each["name"]: each["valueFrom"]
        for each in _parameters(node, "outputs")
        if "supplied" in (each.get("valueFrom") or {})
    }


def _parameters(node: Mapping[str, Any], side: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (node.get(side) or {}).get("parameters") or []
    return found


class ArgoServer:
    """The Argo server, as a service account reaches it.

    Args:
        token: read anew for each call: the kubelet renews it.
        authority: file with the certificate of who signed the server's; the public authorities where there is none.
    """

    def __init__(self, url: str, token: Callable[[], str], *, authority: Path | None = None) -> None:
        self._url = url
        self._token = token
        self._authority = authority
        self._http: httpx.AsyncClient | None = None

    async def complete(
        self, workflow: Workflow, node: str, phase: Literal["Succeeded", "Failed"], outputs: Mapping[str, str],
        message: str,
    ) -> str:  # fmt: skip
        """Complete a suspended node with all of its outputs; answers the version of the Workflow that came of it.

        Raises:
            Unserved: it is not known whether it was; look before you do it again.
        """
        told = {"phase": phase, "outputParameters": json.dumps(dict(outputs)), "message": message}
        answer = await self._set(workflow, node, told)
        return str(answer.json()["metadata"]["resourceVersion"])

    async def tell(self, workflow: Workflow, node: str, message: str) -> None:
        """Have a node that goes on waiting show a message.

        Raises:
            Unserved: it may not.
        """
        await self._set(workflow, node, {"message": message})

    async def terminate(self, namespace: str, name: str) -> None:
        """End a Workflow at once; one that is gone or has ended stays so.

        Raises:
            Unserved: it may not have been.
        """
        await self._put(namespace, name, "terminate", {}, gone=True)

    async def retry(self, namespace: str, name: str, selector: str) -> None:
        """Have a Workflow that failed go on: pods that failed begin anew, and what the selector finds.

        Raises:
            Declined: it does not; look, since an answer may have been lost.
            Unserved: it may have.
        """
        told = {"restartSuccessful": True, "nodeFieldSelector": selector} if selector else {}
        path = f"/api/v1/workflows/{namespace}/{name}/retry"
        answer = await self._call("PUT", path, {"namespace": namespace, "name": name, **told})
        if not answer.is_success:
            raise Declined(_said(answer))

    async def look(self, namespace: str) -> None:
        """Whether it answers whose token this is, and lets him see Workflows of a namespace.

        Raises:
            Unserved: it does not; says what to do.
        """
        answer = await self._call("GET", f"/api/v1/workflows/{namespace}?listOptions.limit=1&fields=metadata", None)
        if answer.is_success:
            return
        if answer.status_code == httpx.codes.UNAUTHORIZED:
            raise Unserved(_said(answer), "have it run with --auth-mode=client")
        if answer.status_code == httpx.codes.FORBIDDEN:
            raise Unserved(_said(answer), "give the operator the Role pressplay-operator-flows (rbac.create makes it)")
        raise Unserved(_said(answer))

    async def read(self, namespace: str, name: str) -> dict[str, Any]:
        """A Workflow with its nodes, wherever they are kept.

        Raises:
            Unserved: not now.
        """
        answer = await self._call("GET", f"/api/v1/workflows/{namespace}/{name}", None)
        if not answer.is_success:
            raise Unserved(_said(answer))
        found: dict[str, Any] = answer.json()
        # The server has put the nodes in their place, and leaves the word that they were elsewhere.
        (found.get("status") or {}).pop("offloadNodeStatusVersion", None)
        return found

    async def close(self) -> None:
        """Give the connections back."""
        closing, self._http = self._http, None
        if closing is not None:
            await closing.aclose()

    async def _set(self, workflow: Workflow, node: str, told: Mapping[str, str]) -> httpx.Response:
        return await self._put(workflow.namespace, workflow.name, "set", {"nodeFieldSelector": f"id={node}", **told})

    async def _put(
        self, namespace: str, name: str, verb: str, told: Mapping[str, str], *, gone: bool = False
    ) -> httpx.Response:
        body = {"namespace": namespace, "name": name, **told}
        answer = await self._call("PUT", f"/api/v1/workflows/{namespace}/{name}/{verb}", body)
        if answer.is_success or (gone and answer.status_code == httpx.codes.NOT_FOUND):
            return answer
        raise Unserved(_said(answer))

    async def _call(self, method: str, path: str, body: object) -> httpx.Response:
        try:
            headers = {"Authorization": f"Bearer {self._token()}"}
            return await self._client().request(method, path, json=body, headers=headers)
        except argo_tls.BadAuthority as error:
            raise Unserved(error.told, error.remedy) from None
        except (httpx.HTTPError, OSError) as error:
            why = argo_tls.why_refused(error, self._url)
            if why is None:
                raise Unserved(f"the Argo server does not answer: {type(error).__name__}") from None
            # The authority's certificate may be another when it is read anew.
            await self.close()
            raise Unserved(why.told, why.remedy) from None

    def _client(self) -> httpx.AsyncClient:
        """Made at the first call, so that an authority that cannot be read is told, and read once it can be."""
        if self._http is None:
            verify = argo_tls.context(self._authority)
            self._http = httpx.AsyncClient(base_url=self._url, timeout=SECONDS, verify=verify, follow_redirects=False)
        return self._http


def _said(answer: httpx.Response) -> str:
    words = " ".join(answer.text.split())[:300]
    # As Go's server says it, in plain HTTP.
    tls = f"; begin {argo_tls.URL} with https://" if "HTTP request to an HTTPS server" in words else ""
    return f"the Argo server answered {answer.status_code}: {words}{tls}"
