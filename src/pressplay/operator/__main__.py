"""`python -m pressplay.operator`: kopf watches, the queue works, the Lease decides who.

kopf gives the watches and nothing else: no finalizers, no annotations, no peering, no posting of events.
"""

from __future__ import annotations

import asyncio
import logging
import os
import sys
from collections.abc import Awaitable, Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

import kopf

from pressplay.kube import argo
from pressplay.kube.access import CONNECTIONS, connect, objects
from pressplay.kube.argo import ArgoServer
from pressplay.kube.watch import Watch
from pressplay.operator import health
from pressplay.operator.flows import FlowMaker
from pressplay.operator.gateway import Gateway
from pressplay.operator.leader import Election, Leadership, NotLeading
from pressplay.operator.metrics import Metrics
from pressplay.operator.nodes.worker import KIND as WORKFLOW
from pressplay.operator.nodes.worker import NodeWorker
from pressplay.operator.parts import until_one_ends
from pressplay.operator.queue import Queue
from pressplay.operator.settings import OperatorSettings, from_environment
from pressplay.operator.worker import Key, Worker
from pressplay.policy.redaction import redacting_handler
from pressplay.resources.base import GROUP, PLURALS, VERSION
from pressplay.resources.names import FLOW, RUN_KIND, RUN_NAME

# The part that listens for signals.
KOPF = "watch of runs"


def main() -> int:
    """Work until ended; 1 where a part of it broke or ended by itself, and its log says which."""
    told = "%(asctime)s %(levelname)s %(name)s: %(message)s"
    logging.basicConfig(level=logging.INFO, format=told, handlers=[redacting_handler()])
    for name in ("httpx", "kopf"):
        logging.getLogger(name).setLevel(logging.WARNING)
    return asyncio.run(_run(from_environment(os.environ)))


async def _run(settings: OperatorSettings) -> int:
    # Each look may wait in a thread, and so may the election, which must not wait for one. By default there are six.
    asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(CONNECTIONS))
    access = connect()
    gateway = Gateway(settings.control, settings.token)
    metrics = Metrics()
    server = ArgoServer(
        settings.argo_server, lambda: settings.argo_token.read_text().strip(), authority=settings.argo_authority
    )  # fmt: skip
    nodes = NodeWorker(access, gateway, server, metrics)
    runs = Worker(access, gateway, settings, metrics)

    async def look(key: Key) -> float | None:
        kind, namespace, name = key
        return await (nodes.look(namespace, name) if kind == WORKFLOW else runs.look(key))

    queue = Queue(look, metrics)

    def look_at_workflow(namespace: str, name: str) -> None:
        queue.add((WORKFLOW, namespace, name))

    def lead(leads: bool) -> None:
        metrics.leading.set(leads)
        queue.leadership.tell(leads)

    nodes.also = look_at_workflow
    election = Election(access, settings.namespace, settings.identity, lead)
    parts: dict[str, Coroutine[Any, Any, None]] = {"election of a leader": election.run(), "queue": queue.run()}
    if settings.flows:
        path = objects(argo.API_VERSION, argo.PLURAL, settings.flows)
        maker = FlowMaker(
            access, gateway, server, metrics, settings.flows, queue.leadership.active, look_at_workflow, nodes.wake
        )
        parts["watch of Workflows"] = Watch(access, path, "Workflows", FLOW, look_at_workflow).run()
        parts["maker of Workflows"] = _while_leading(queue.leadership, maker.run)
    parts["health"] = health.server(health.application(metrics, election.silent), settings.health_port).serve()
    parts[KOPF] = kopf.operator(
        registry=_registry(queue, settings.flows), settings=_kopf_settings(), standalone=True,
        namespaces=settings.namespaces, clusterwide=not settings.namespaces,
    )  # fmt: skip
    try:
        return await until_one_ends(parts, asked=KOPF)
    finally:
        await gateway.close()
        await server.close()


async def _while_leading(leadership: Leadership, work: Callable[[], Awaitable[None]]) -> None:
    while True:
        with suppress(NotLeading):
            await leadership.do(work)


def _registry(queue: Queue, flows: str) -> kopf.OperatorRegistry:
    registry = kopf.OperatorRegistry()

    def on_run(kind: str) -> Any:
        def seen(namespace: str | None, name: str | None, meta: Any, **_: Any) -> None:
            queue.add((kind, namespace or "", name or ""))
            # Elsewhere Workflows are somebody else's.
            for owner in (meta.get("ownerReferences") or ()) if flows and namespace == flows else ():
                if owner["kind"] == WORKFLOW:
                    queue.add((WORKFLOW, flows, owner["name"]))

        return seen

    def on_job(namespace: str | None, labels: Any, annotations: Any, **_: Any) -> None:
        kind, name = labels.get(RUN_KIND), annotations.get(RUN_NAME) or labels.get(RUN_NAME)
        if kind in PLURALS and name:
            queue.add((kind, namespace or "", name))

    # In a pod the first finds what it needs, at a terminal the second.
    for login in (kopf.login_with_service_account, kopf.login_with_kubeconfig):
        kopf.on.login(registry=registry, errors=kopf.ErrorsMode.IGNORED)(login)
    for kind, plural in PLURALS.items():
        kopf.on.event(GROUP, VERSION, plural, registry=registry, id=f"look-at-{plural}")(on_run(kind))
    for group, plural in (("batch", "jobs"), ("", "pods")):
        labelled = {RUN_NAME: kopf.PRESENT}
        kopf.on.event(group, "v1", plural, labels=labelled, registry=registry, id=f"look-at-{plural}")(on_job)
    return registry


def _kopf_settings() -> kopf.OperatorSettings:
    settings = kopf.OperatorSettings()
    settings.posting.enabled = False
    settings.peering.standalone = True
    settings.scanning.disabled = True
    settings.batching.worker_limit = None
    return settings


if __name__ == "__main__":
    sys.exit(main())
