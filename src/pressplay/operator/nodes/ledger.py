"""What the ledger learns of flows from their Workflows: that a person has submitted one, and how one ended."""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Mapping
from dataclasses import replace

from pressplay.kube import argo
from pressplay.kube.access import Access, objects
from pressplay.kube.argo import Workflow
from pressplay.operator import gateway as gateways
from pressplay.operator.flows import label_of
from pressplay.operator.nodes.decide import TOLD, UNTOLD
from pressplay.protocol.flows import LONGEST_REASON, MOST_REASONS, FlowEnd, FlowKnown, FlowSeen
from pressplay.protocol.gates import GateAnswer
from pressplay.resources import names

LOG = logging.getLogger(__name__)
REPOSITORY = r"[A-Za-z0-9-]{1,60}/[A-Za-z0-9._-]{1,100}"
# Parameters by which the ledger knows what a flow is about.
ABOUT = ("pull-request", "issue", "branch", "alert", "head")


def seen(workflow: Workflow) -> FlowSeen | None:
    """A flow that a person submitted, as the ledger is told of it; None for any other Workflow."""
    given, flow = workflow.parameters, workflow.labels.get(names.FLOW, "")
    repository = given.get("repository", "")
    ended = workflow.finished or workflow.deleted
    if ended or not flow or names.FLOW_ID in workflow.labels or not re.fullmatch(REPOSITORY, repository):
        return None
    about = {name: given[name] for name in ABOUT if given.get(name)}
    return FlowSeen(
        uid=workflow.uid, namespace=workflow.namespace, workflow=workflow.name, flow=flow, repository=repository,
        parameters=about,
    )  # fmt: skip


async def record(access: Access, gateway: gateways.Gateway, workflow: Workflow, told: FlowSeen) -> Workflow:
    """Have the ledger know a flow that a person submitted; answers it with the labels that others find it by.

    Raises:
        kube's errors, gateways.NotReady, gateways.Refused: it does not know it.
    """
    known = await gateway.flow_submitted(told)
    labels = _labels(known)
    path = objects(argo.API_VERSION, argo.PLURAL, workflow.namespace, workflow.name)
    written = await asyncio.to_thread(access.patch, path, {"metadata": {"labels": labels}})
    version = str(written["metadata"].get("resourceVersion") or "")
    return replace(workflow, labels={**workflow.labels, **labels}, version=version)


def _labels(known: FlowKnown) -> Mapping[str, str]:
    return {
        names.FLOW_ID: str(known.id),
        names.REPOSITORY_ID: str(known.repository_id),
        names.SUBJECT: label_of(known.subject),
    }


async def report(gateway: gateways.Gateway, workflow: Workflow, phase: str) -> GateAnswer:
    """Tell the ledger how a flow ended; the answer is that of the exit handler's node.

    Raises:
        gateways.NotReady: not now.
    """
    identity = workflow.labels.get(names.FLOW_ID, "")
    if not re.fullmatch("[0-9]{1,15}", identity):
        return GateAnswer(verdict=UNTOLD, message="the ledger does not know this flow")
    end = FlowEnd.model_validate({"workflow": workflow.name, "phase": phase, "why": why(workflow, phase)})
    try:
        await gateway.flow_news(int(identity), "ended", end)
    except gateways.Refused as error:
        return GateAnswer(verdict=UNTOLD, message=error.refusal.message)
    return GateAnswer(verdict=TOLD, message=f"the flow ended as {phase}")


def why(workflow: Workflow, phase: str) -> tuple[str, ...]:
    """What went wrong, a line each."""
    if phase == "Succeeded":
        return ()
    stopped = workflow.annotations.get(names.STOPPED) or ("it was stopped" if workflow.shutdown else "")
    told = [stopped, *(f"{name}: {message}" for name, message in workflow.failed)]
    return tuple(each[:LONGEST_REASON] for each in told if each)[:MOST_REASONS]
