"""A Workflow that failed is to go on: a person wishes it by an annotation, and the Argo server does it.

By an annotation, since not everybody who may change a Workflow reaches the Argo server, and since the ledger has to
know of it, too. A wish is for one end (`pressplay.kube.retries`), so it is granted once, whoever looks how often.
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Mapping

from pressplay.kube import argo
from pressplay.kube.access import Access, Unreachable, objects
from pressplay.kube.argo import ArgoServer, Workflow
from pressplay.kube.retries import Wish, read_wish
from pressplay.operator import gateway as gateways
from pressplay.resources import names

LOG = logging.getLogger(__name__)
LONGEST_WORDS = 500


def wish_of(workflow: Workflow) -> Wish | None:
    """What is wished of this end of a Workflow, and was not refused. Pure."""
    told = workflow.annotations.get(names.RETRY)
    if not told or not workflow.finished or workflow.deleted or names.RETRY_REFUSED in workflow.annotations:
        return None
    wish = read_wish(told)
    return wish if workflow.ended and wish.end == workflow.ended else None


async def grant(access: Access, server: ArgoServer, gateway: gateways.Gateway, workflow: Workflow) -> bool:
    """Have a Workflow go on where that is wished; answers whether it was.

    Raises:
        kube's errors, Unserved: look again.
    """
    wish = wish_of(workflow)
    if wish is None:
        return False
    try:
        await _reopen(gateway, workflow)
        await server.retry(workflow.namespace, workflow.name, wish.selector)
        # The sweep may have found it ended, as it was until now.
        await _reopen(gateway, workflow)
    except gateways.NotReady as error:
        # A gateway that is started anew is no answer. The wish is for one end, so it is granted once.
        if not await _goes_on(access, workflow, wish):
            raise Unreachable(str(error)) from None
    except (gateways.Refused, argo.Declined, argo.Unserved) as error:
        if not await _goes_on(access, workflow, wish):
            LOG.warning("%s/%s is not retried: %s", workflow.namespace, workflow.name, error)
            await _annotate(access, workflow, {names.RETRY_REFUSED: str(error)[:LONGEST_WORDS]})
            return True
    LOG.info("%s/%s goes on after its end: %s", workflow.namespace, workflow.name, wish)
    # What it was stopped for is over.
    await _annotate(access, workflow, {names.RETRY: None, names.STOPPED: None})
    return True


async def _reopen(gateway: gateways.Gateway, workflow: Workflow) -> None:
    """Have the ledger know first, which refuses it where another flow has taken its place.

    Where the Argo server then does not do it, the sweep of live flows finds it ended.
    """
    identity = workflow.labels.get(names.FLOW_ID, "")
    if re.fullmatch("[0-9]{1,15}", identity):
        await gateway.flow_retried(int(identity))


async def _goes_on(access: Access, workflow: Workflow, wish: Wish) -> bool:
    """Whether it was done all the same: an answer may be lost, and another operator faster."""
    path = objects(argo.API_VERSION, argo.PLURAL, workflow.namespace, workflow.name)
    body = await asyncio.to_thread(access.find, path)
    return body is None or (body.get("status") or {}).get("finishedAt") != wish.end


async def _annotate(access: Access, workflow: Workflow, told: Mapping[str, str | None]) -> None:
    path = objects(argo.API_VERSION, argo.PLURAL, workflow.namespace, workflow.name)
    await asyncio.to_thread(access.patch, path, {"metadata": {"annotations": dict(told)}})
