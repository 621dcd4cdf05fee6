"""`python -m pressplay.gateway.checks`: tries what the gateway depends on, and prints what was found as JSON.

For `pressplay doctor`, which executes it in the gateway's container: who may do that there may know it.
"""

from __future__ import annotations

import asyncio
import os
import sys

import httpx

from pressplay.gateway.quarantine.client import Quarantine
from pressplay.gateway.settings import GatewaySettings, from_environment
from pressplay.gateway.signer.client import Signer
from pressplay.ledger.store import Ledger
from pressplay.protocol.checks import Check, Checks


def main() -> int:
    """Try everything; 0 also where something is not well, since that is said in the answer."""
    sys.stdout.write(asyncio.run(checked(from_environment(os.environ))).model_dump_json())
    return 0


async def checked(settings: GatewaySettings) -> Checks:
    """What was found."""
    signer, quarantine = Signer(settings.signer), Quarantine(settings.quarantine)
    try:
        outside = list((await signer.check()).checks)
    except httpx.HTTPError as error:
        outside = [_broken("signer", f"does not answer: {type(error).__name__}")]
    inside = [Check(name="quarantine", ok=True, detail="answers")]
    if not await quarantine.healthy():
        inside = [_broken("quarantine", "does not answer")]
    inside.append(await asyncio.to_thread(_ledger, settings.ledger))
    await asyncio.gather(signer.close(), quarantine.close())
    return Checks(checks=(*outside, *inside))


def _ledger(url: str) -> Check:
    try:
        ledger = Ledger(url)
        count = ledger.count_runs()
        ledger.close()
    except Exception as error:  # noqa: BLE001 - whatever stands in the way is the finding
        return _broken("ledger", f"cannot be read: {type(error).__name__}: {' '.join(str(error).split())[:200]}")
    return Check(name="ledger", ok=True, detail=f"{url.partition(':')[0].partition('+')[0]}, {count} runs")


def _broken(name: str, detail: str) -> Check:
    remedy = "`kubectl logs` of the gateway's containers says more"
    return Check(name=name, ok=False, detail=detail, remedy=remedy)


if __name__ == "__main__":
    sys.exit(main())
