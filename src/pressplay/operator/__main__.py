"""`python -m pressplay.operator`: kopf watches, the queue works, the Lease decides who.

kopf gives the watches and nothing else: no finalizers, no annotations, no peering, no posting of events.
"""

from __future__ import annotations

import asyncio
import logging
import os
from typing import Any

import kopf
import uvicorn
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from pressplay.kube.access import connect
from pressplay.kube.reader import PLURALS
from pressplay.operator.gateway import Gateway
from pressplay.operator.leader import Election
from pressplay.operator.queue import Queue
from pressplay.operator.settings import OperatorSettings, from_environment
from pressplay.operator.worker import Worker
from pressplay.resources.base import GROUP, VERSION
from pressplay.resources.names import HEALTH_PORT, RUN_KIND, RUN_NAME


def main() -> None:
    """Work until ended."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    for name in ("httpx", "kopf"):
        logging.getLogger(name).setLevel(logging.WARNING)
    asyncio.run(_run(from_environment(os.environ)))


async def _run(settings: OperatorSettings) -> None:
    access = connect()
    gateway = Gateway(settings.control, settings.token)
    queue = Queue(Worker(access, gateway, settings).look)

    def lead(leads: bool) -> None:
        if leads:
            queue.active.set()
        else:
            queue.active.clear()

    election = Election(access, settings.namespace, settings.identity, lead)
    every = [
        asyncio.create_task(work)
        for work in (
            queue.run(),
            election.run(),
            _health().serve(),
            kopf.operator(
                registry=_registry(queue), settings=_kopf_settings(), standalone=True,
                namespaces=settings.namespaces, clusterwide=not settings.namespaces,
            ),
        )
    ]  # fmt: skip
    try:
        await asyncio.wait(every, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in every:
            task.cancel()
        await asyncio.gather(*every, return_exceptions=True)
        await gateway.close()


def _registry(queue: Queue) -> kopf.OperatorRegistry:
    registry = kopf.OperatorRegistry()

    def on_run(kind: str) -> Any:
        def seen(namespace: str | None, name: str | None, **_: Any) -> None:
            queue.add((kind, namespace or "", name or ""))

        return seen

    def on_job(namespace: str | None, labels: Any, **_: Any) -> None:
        kind, name = labels.get(RUN_KIND), labels.get(RUN_NAME)
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


def _health() -> uvicorn.Server:
    async def alive(_: Request) -> Response:
        return PlainTextResponse("ok")

    async def metrics(_: Request) -> Response:
        return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)

    app = Starlette(routes=[Route("/healthz", alive), Route("/readyz", alive), Route("/metrics", metrics)])
    host = "0.0.0.0"  # noqa: S104 - a pod's own address
    config = uvicorn.Config(app, host=host, port=HEALTH_PORT, access_log=False, log_config=None, lifespan="off")
    return uvicorn.Server(config)


if __name__ == "__main__":
    main()
