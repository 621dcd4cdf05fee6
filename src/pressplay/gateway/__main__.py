"""`python -m pressplay.gateway`: the front, on its four ports, until it is asked to end."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
import time
from collections.abc import Coroutine
from typing import Any

import uvicorn
from starlette.applications import Starlette

from pressplay.gateway.assemble import Gateway, assemble
from pressplay.gateway.regularly import every, regularly
from pressplay.gateway.settings import from_environment
from pressplay.kube.access import Unreachable, connect
from pressplay.kube.reader import ClusterReader
from pressplay.ledger.gates import forget
from pressplay.ledger.retention import prune, prune_events
from pressplay.ledger.store import Ledger
from pressplay.llm.catalogue import CatalogueError
from pressplay.personas.loader import PersonaError
from pressplay.policy.cluster import PolicyError
from pressplay.policy.redaction import redacting_handler
from pressplay.resources.names import CONTROL_PORT, EVENTS_PORT, HEALTH_PORT, RUNS_PORT

LOG = logging.getLogger(__name__)
GRACE_SECONDS = 30
RECOVER_SECONDS = 30.0
PRUNE_SECONDS = 3600.0
DAY = 86_400.0
KEPT = (
    ("transcripts and work of runs", prune), ("bodies of events", prune_events), ("how gates stood", forget),
)  # fmt: skip


def main() -> int:
    """Serve; 1 where the settings cannot be used."""
    settings = from_environment(os.environ)
    level = logging.DEBUG if settings.debug else logging.INFO
    logging.basicConfig(level=level, handlers=[redacting_handler()], force=True)
    logging.getLogger("httpx").setLevel(logging.WARNING)
    try:
        gateway = assemble(settings, ClusterReader(connect()))
    except (PersonaError, PolicyError, CatalogueError, Unreachable) as error:
        sys.stderr.write(f"gateway: {error}\n")
        return 1
    asyncio.run(_serve(gateway, settings.retention_days * DAY))
    return 0


async def _serve(gateway: Gateway, retention: float) -> None:
    listeners = (
        (gateway.runs, RUNS_PORT), (gateway.control, CONTROL_PORT), (gateway.health, HEALTH_PORT),
        (gateway.events, EVENTS_PORT),
    )  # fmt: skip
    servers = [_server(app, port) for app, port in listeners]
    loop = asyncio.get_running_loop()
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, _end, servers, gateway.ending)
    await gateway.outputs.signer.sweep()
    work: list[Coroutine[Any, Any, None]] = [
        regularly("outputs that were cut off", every(RECOVER_SECONDS, gateway.outputs.recover)),
        # Events that were kept while GitHub did not answer, or that a gateway before us did not come to.
        regularly("events that wait", every(RECOVER_SECONDS, gateway.inbox.recover)),
        regularly("what was kept long enough", every(PRUNE_SECONDS, lambda: _prune(gateway.ledger, retention))),
        regularly("commands", gateway.commands.work),
    ]
    if gateway.watching is not None:
        work.append(regularly("polling", gateway.watching.work))
    aside = [asyncio.create_task(each) for each in work]
    await asyncio.gather(*(server.serve() for server in servers))
    for task in aside:
        task.cancel()
    gateway.ledger.close()


async def _prune(ledger: Ledger, retention: float) -> None:
    before = time.time() - retention
    for what, some in KEPT:
        total = 0
        while pruned := await asyncio.to_thread(some, ledger, before):
            total += pruned
        if total:
            LOG.info("%s: %d were kept long enough and are forgotten", what, total)


def _server(app: Starlette, port: int) -> uvicorn.Server:
    config = uvicorn.Config(
        app, host="0.0.0.0", port=port, access_log=False, log_config=None,  # noqa: S104 - a pod's own address
        timeout_graceful_shutdown=GRACE_SECONDS, lifespan="off",
    )  # fmt: skip
    return uvicorn.Server(config)


def _end(servers: list[uvicorn.Server], ending: asyncio.Event) -> None:
    ending.set()
    for server in servers:
        server.should_exit = True


if __name__ == "__main__":
    sys.exit(main())
