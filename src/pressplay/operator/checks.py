"""`python -m pressplay.operator.checks`: tries what the operator depends on for flows, and prints it as JSON.

For `pressplay doctor`, which executes it in the operator's container: only there it is seen as the operator sees it.
"""

from __future__ import annotations

import asyncio
import os
import sys

from pressplay.kube.argo import ArgoServer, Unserved
from pressplay.operator.settings import OperatorSettings, from_environment
from pressplay.protocol.checks import Check, Checks

NAME = "Argo server"
WHERE = "flows.argoServer.url must be its address as pods of this cluster reach it"


def main() -> int:
    """Try it; 0 also where something is not well, since that is said in the answer."""
    sys.stdout.write(asyncio.run(checked(from_environment(os.environ))).model_dump_json())
    return 0


async def checked(settings: OperatorSettings) -> Checks:
    """What was found; nothing where there are no flows."""
    if not settings.flows:
        return Checks(checks=())
    server = ArgoServer(
        settings.argo_server, lambda: settings.argo_token.read_text().strip(), authority=settings.argo_authority
    )  # fmt: skip
    try:
        await server.look(settings.flows)
    except Unserved as error:
        return Checks(checks=(Check(name=NAME, ok=False, detail=error.told, remedy=error.remedy or WHERE),))
    finally:
        await server.close()
    told = f"answers the operator at {settings.argo_server}"
    return Checks(checks=(Check(name=NAME, ok=True, detail=told),))


if __name__ == "__main__":
    sys.exit(main())
