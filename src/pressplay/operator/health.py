"""The operator's port for the kubelet and Prometheus: alive, ready, measures."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager

import uvicorn
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from pressplay.operator.metrics import Metrics
from pressplay.resources.names import HEALTH_PORT

# Some renewals of the Lease may fail before the way to the API server counts as lost.
SILENT_SECONDS = 60.0


def application(metrics: Metrics, silent: Callable[[], float]) -> Starlette:
    """The port's routes.

    Args:
        silent: seconds since the API server has last answered; a standby asks it as often as the one at work.
    """

    async def alive(_: Request) -> Response:
        return PlainTextResponse("ok")

    async def ready(_: Request) -> Response:
        if silent() > SILENT_SECONDS:
            return PlainTextResponse(f"the API server has not answered for {silent():.0f} s", 503)
        return PlainTextResponse("ok")

    async def measures(_: Request) -> Response:
        return Response(generate_latest(metrics.registry), media_type=CONTENT_TYPE_LATEST)

    return Starlette(routes=[Route("/healthz", alive), Route("/readyz", ready), Route("/metrics", measures)])


class Server(uvicorn.Server):
    """Leaves signals to whoever else is there: it ends when it is cancelled."""

    @contextmanager
    def capture_signals(self) -> Generator[None]:
        """Capture none."""
        yield


def server(app: Starlette, port: int = HEALTH_PORT) -> Server:
    """What serves them."""
    host = "0.0.0.0"  # noqa: S104 - a pod's own address
    config = uvicorn.Config(app, host=host, port=port, access_log=False, log_config=None, lifespan="off")
    return Server(config)
