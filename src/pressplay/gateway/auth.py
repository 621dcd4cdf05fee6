"""Who calls: a pod of a run, or the operator. Known by a token's review and the objects behind it, not by words.

A pod's token is bound to the pod and to our audience. Pod, Job and run must own each other, the run must be under way,
the attempt open, and the call must come from the pod's own address.
"""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from starlette.requests import Request

from pressplay.kube.access import Refused, Unreachable
from pressplay.kube.reader import TokenOwner
from pressplay.ledger.store import Ledger
from pressplay.resources.names import ATTEMPT, CONTROL_AUDIENCE, RUN_SERVICE_ACCOUNT, RUNS_AUDIENCE

POD_NAME = "authentication.kubernetes.io/pod-name"
POD_UID = "authentication.kubernetes.io/pod-uid"
# What was found out is believed for so long. The ledger, which closes attempts, is asked every time.
FRESH_SECONDS = 5.0
MOST_KEPT = 4096


class Cluster(Protocol):
    """What is asked of the cluster."""

    async def review(self, token: str, audience: str) -> TokenOwner | None:
        """Whose a token is."""

    async def pod(self, namespace: str, name: str) -> dict[str, Any] | None:
        """A pod."""

    async def job(self, namespace: str, name: str) -> dict[str, Any] | None:
        """A Job."""

    async def run(self, kind: str, namespace: str, name: str) -> dict[str, Any] | None:
        """A run."""


@dataclass(frozen=True)
class Caller:
    """A pod of a run.

    Attributes:
        uid: of the run.
    """

    uid: str
    attempt: int
    namespace: str
    name: str
    kind: str
    pod: str
    addresses: tuple[str, ...]


class Unauthorized(Exception):
    """The caller is not let in. The message is for its log; it tells nothing about others."""


class Unsure(Exception):
    """The API server did not answer, so nobody can be let in now."""


class Authenticator:
    """Lets pods of runs in."""

    def __init__(self, cluster: Cluster, ledger: Ledger, clock: Callable[[], float] = time.monotonic) -> None:
        self._cluster = cluster
        self._ledger = ledger
        self._clock = clock
        self._known: dict[str, tuple[float, Caller]] = {}

    async def __call__(self, request: Request) -> Caller:
        """Who calls.

        Raises:
            Unauthorized: nobody who may.
            Unsure: the API server did not answer.
        """
        token = _bearer(request)
        caller = await self._caller(token)
        address = request.client.host if request.client else ""
        if address.removeprefix("::ffff:") not in caller.addresses:
            raise Unauthorized("the token comes from another address than its pod's")
        row = await asyncio.to_thread(self._ledger.run, caller.uid)
        if row is None or row.finished:
            raise Unauthorized("the run is not under way")
        if not await asyncio.to_thread(self._ledger.begin_attempt, caller.uid, caller.attempt):
            raise Unauthorized("the attempt has ended")
        return caller

    async def _caller(self, token: str) -> Caller:
        key = hashlib.sha256(token.encode()).hexdigest()
        known = self._known.get(key)
        if known and self._clock() - known[0] < FRESH_SECONDS:
            return known[1]
        try:
            caller = await self._identify(token)
        except (Refused, Unreachable) as error:
            raise Unsure(str(error)) from None
        if len(self._known) >= MOST_KEPT:
            self._known.clear()
        self._known[key] = (self._clock(), caller)
        return caller

    async def _identify(self, token: str) -> Caller:
        owner = await self._cluster.review(token, RUNS_AUDIENCE)
        if owner is None:
            raise Unauthorized("the token is not good here")
        namespace, name, uid = _pod_of(owner)
        pod = await self._cluster.pod(namespace, name)
        if pod is None or pod["metadata"]["uid"] != uid or "deletionTimestamp" in pod["metadata"]:
            raise Unauthorized("the token's pod is gone or going")
        if pod.get("status", {}).get("phase") not in ("Pending", "Running"):
            raise Unauthorized("the token's pod has ended")
        job = await self._owner(namespace, pod, "Job")
        run = await self._owner(namespace, job, "CodeRun", "DocsRun")
        attempt = job["metadata"].get("labels", {}).get(ATTEMPT, "")
        if not attempt.isdigit():
            raise Unauthorized("the pod's Job is none of a run's")
        if run["spec"].get("cancel") or run["spec"].get("suspend"):
            raise Unauthorized("the run is cancelled or suspended")
        addresses = [each["ip"] for each in pod["status"].get("podIPs") or [] if "ip" in each]
        if not addresses:
            # The first container may speak before the kubelet has told the API server where the pod is.
            raise Unsure("the pod's address is not known yet")
        return Caller(
            run["metadata"]["uid"],
            int(attempt),
            namespace,
            run["metadata"]["name"],
            run["kind"],
            name,
            tuple(addresses),
        )

    async def _owner(self, namespace: str, owned: dict[str, Any], *kinds: str) -> dict[str, Any]:
        references = owned["metadata"].get("ownerReferences") or []
        for reference in references:
            if reference.get("controller") and reference["kind"] in kinds:
                found = await self._read(namespace, reference["kind"], reference["name"])
                if found is not None and found["metadata"]["uid"] == reference["uid"]:
                    return {"kind": reference["kind"], **found}
        raise Unauthorized("the token's pod belongs to no run")

    async def _read(self, namespace: str, kind: str, name: str) -> dict[str, Any] | None:
        if kind == "Job":
            return await self._cluster.job(namespace, name)
        return await self._cluster.run(kind, namespace, name)


class ControlAuthenticator:
    """Lets the operator in, and nobody else.

    Args:
        account: its user name, `system:serviceaccount:NAMESPACE:NAME`.
    """

    def __init__(self, cluster: Cluster, account: str) -> None:
        self._cluster = cluster
        self._account = account

    async def __call__(self, request: Request) -> None:
        """Raise unless the operator calls.

        Raises:
            Unauthorized: somebody else does.
            Unsure: the API server did not answer.
        """
        try:
            owner = await self._cluster.review(_bearer(request), CONTROL_AUDIENCE)
        except (Refused, Unreachable) as error:
            raise Unsure(str(error)) from None
        if owner is None or owner.username != self._account:
            raise Unauthorized("only the operator is let in here")


def _bearer(request: Request) -> str:
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    found = token.strip() if scheme.lower() == "bearer" else request.headers.get("x-api-key", "").strip()
    if not found:
        raise Unauthorized("there is no token in the call")
    return found


def _pod_of(owner: TokenOwner) -> tuple[str, str, str]:
    parts = owner.username.split(":")
    names, uids = owner.extra.get(POD_NAME) or [], owner.extra.get(POD_UID) or []
    if parts[:2] != ["system", "serviceaccount"] or len(parts) != 4 or len(names) != 1 or len(uids) != 1:
        raise Unauthorized("the token is bound to no pod")
    if parts[3] != RUN_SERVICE_ACCOUNT:
        raise Unauthorized("the token is of another service account than runs have")
    return parts[2], names[0], uids[0]
