"""`python -m pressplay.gateway`: the front, on its three ports, until it is asked to end."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys

import uvicorn
from starlette.applications import Starlette

from pressplay.gateway.assemble import Gateway, assemble
from pressplay.gateway.settings import from_environment
from pressplay.kube.access import Unreachable, connect
from pressplay.kube.reader import ClusterReader
from pressplay.llm.catalogue import CatalogueError
from pressplay.personas.loader import PersonaError
from pressplay.policy.cluster import PolicyError
from pressplay.policy.redaction import RedactingFilter, Redactor
from pressplay.resources.names import CONTROL_PORT, HEALTH_PORT, RUNS_PORT

GRACE_SECONDS = 30


def main() -> int:
    """Serve; 1 where the settings cannot be used."""
    settings = from_environment(os.environ)
    handler = logging.StreamHandler()
    handler.addFilter(RedactingFilter(Redactor()))
    logging.basicConfig(level=logging.DEBUG if settings.debug else logging.INFO, handlers=[handler], force=True)
    logging.getLogger("httpx").setLevel(logging.WARNING)
    try:
        gateway = assemble(settings, ClusterReader(connect()))
    except (PersonaError, PolicyError, CatalogueError, Unreachable) as error:
        sys.stderr.write(f"gateway: {error}\n")
        return 1
    asyncio.run(_serve(gateway))
    return 0


async def _serve(gateway: Gateway) -> None:
    listeners = ((gateway.runs, RUNS_PORT), (gateway.control, CONTROL_PORT), (gateway.health, HEALTH_PORT))
    servers = [_server(app, port) for app, port in listeners]
    loop = asyncio.get_running_loop()
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, _end, servers)
    recovery = asyncio.create_task(gateway.outputs.recover())
    await asyncio.gather(*(server.serve() for server in servers))
    recovery.cancel()
    gateway.ledger.close()


def _server(app: Starlette, port: int) -> uvicorn.Server:
    config = uvicorn.Config(
        app, host="0.0.0.0", port=port, access_log=False, log_config=None,  # noqa: S104 - a pod's own address
        timeout_graceful_shutdown=GRACE_SECONDS, lifespan="off",
    )  # fmt: skip
    return uvicorn.Server(config)


def _end(servers: list[uvicorn.Server]) -> None:
    for server in servers:
        server.should_exit = True


if __name__ == "__main__":
    sys.exit(main())
