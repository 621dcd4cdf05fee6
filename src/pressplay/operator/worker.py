"""One look at one run: what is there is read, what follows is decided, one thing is changed at most, then the status.

Everything is read anew from the API server, so it does not matter what was seen before, how often, or by whom. Names
follow from uid and attempt: a second look finds what the first has made.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any

from pydantic import ValidationError

from pressplay.kube.access import Access, Refused, objects
from pressplay.operator import gateway as gateways
from pressplay.operator.build import Run, build_job, job_name
from pressplay.operator.decide import LOST, QUOTA, Judgement, Kind, ended, judge, no_pod, running, trouble, with_cause
from pressplay.operator.metrics import Metrics
from pressplay.operator.settings import OperatorSettings
from pressplay.operator.status import Teller
from pressplay.operator.unreadable import finished_condition, unreadable_status
from pressplay.protocol.control import Admission, AdmissionRequest, Record
from pressplay.resources import names
from pressplay.resources.base import API_VERSION, PLURALS
from pressplay.resources.coderun import CodeRun
from pressplay.resources.conditions import find, holds
from pressplay.resources.docsrun import DocsRun
from pressplay.resources.reasons import ConditionType, Reason

UNAVAILABLE_WAIT = 10.0
LOOK_AGAIN = 30.0
# The Job controller makes a pod within a second or two.
POD_SECONDS = 5.0
LONGEST_QUOTA_WAIT = 300.0
MODELS: dict[str, type[CodeRun] | type[DocsRun]] = {"CodeRun": CodeRun, "DocsRun": DocsRun}

Key = tuple[str, str, str]


@dataclass(frozen=True)
class Worker:
    """Looks at runs.

    Attributes:
        now: with a zone.
    """

    access: Access
    gateway: gateways.Gateway
    settings: OperatorSettings
    metrics: Metrics
    now: Callable[[], datetime] = lambda: datetime.now(UTC)

    async def look(self, key: Key) -> float | None:
        """Look at a run; answers the seconds until the next look, None where an event will say.

        Raises:
            kube's errors: the API server did not do as it was asked; look again.
        """
        kind, namespace, name = key
        told = await self._find(objects(API_VERSION, PLURALS[kind], namespace, name))
        if told is None or told["metadata"].get("deletionTimestamp"):
            return None
        end = finished_condition(told)
        if end is not None:
            return await self._after_the_end(kind, told, end)
        try:
            run = MODELS[kind].model_validate(told)
        except ValidationError as error:
            await self._write(kind, told["metadata"], unreadable_status(told, error, self.now()))
            return None
        teller = Teller(run, self.now())
        try:
            wait = await self._step(run, teller)
        except gateways.NotReady as error:
            if not run.status.attempts:
                teller.condition(ConditionType.ADMITTED, "Unknown", error.reason, str(error))
            wait = UNAVAILABLE_WAIT
        await self._tell(run, teller)
        finished = find(teller.status.conditions, ConditionType.FINISHED)
        if finished is not None:
            self.metrics.finished.labels(run.kind, finished.reason).inc()
        return wait

    async def _step(self, run: Run, teller: Teller) -> float | None:
        if run.spec.cancel:
            return await self._cancel(run, teller)
        attempt = run.status.attempts
        if attempt == 0:
            return await self._begin(run, teller, 1)
        job = await self._find(objects("batch/v1", "jobs", run.metadata.namespace, job_name(run, attempt)))
        if job is None:
            return await self._lost(run, teller, attempt)
        if bool(job["spec"].get("suspend")) != run.spec.suspend and ended(job) is None:
            await self._patch_job(run, attempt, {"spec": {"suspend": run.spec.suspend}})
        pod = await self._pod(run, attempt)
        end = ended(job)
        if end is not None:
            return await self._ended(run, teller, attempt, end, pod)
        return await self._under_way(run, teller, attempt, job, pod)

    async def _begin(self, run: Run, teller: Teller, attempt: int) -> float | None:
        request = AdmissionRequest(
            uid=run.metadata.uid, namespace=run.metadata.namespace, name=run.metadata.name, kind=run.kind,
            spec=run.spec.to_manifest(), created=_created(run), flow=_flow_of(run, self.settings.flows),
        )  # fmt: skip
        try:
            admission = await self.gateway.admit(request)
        except gateways.Refused as error:
            teller.condition(ConditionType.ADMITTED, "False", error.refusal.reason, error.refusal.message)
            teller.finished(error.refusal.reason, error.refusal.message)
            return None
        teller.admitted(admission)
        if run.spec.suspend:
            teller.condition(ConditionType.SUSPENDED, "True", Reason.SUSPENDED, "spec.suspend is true")
            if await self._has_begun(run, teller, attempt):
                await self._patch_job(run, attempt, {"spec": {"suspend": True}})
            return None
        try:
            if not await self._create(run, admission, attempt):
                return UNAVAILABLE_WAIT
        except Refused as refused:
            if refused.status not in (HTTPStatus.FORBIDDEN, HTTPStatus.UNPROCESSABLE_ENTITY):
                raise
            return await self._refused(run, teller, attempt, refused)
        teller.attempt(attempt)
        self.metrics.attempts.labels(run.kind).inc()
        teller.condition(ConditionType.RUNNING, "False", Reason.STARTING, f"attempt {attempt}")
        return LOOK_AGAIN

    async def _refused(self, run: Run, teller: Teller, attempt: int, refused: Refused) -> float | None:
        """The API server does not take the Job: a quota may do so later, each time asked after a longer while."""
        if not QUOTA.search(refused.message):
            message = f"the Job cannot be made: {refused.message}; mend that, and `pressplay retry` the run"
            return await self._finish(run, teller, attempt - 1, Judgement(Kind.FAILED, Reason.POD_REFUSED, message))
        message = f"the Job cannot be made yet: {refused.message}; it is tried again when the quota may have room"
        teller.condition(ConditionType.RUNNING, "False", Reason.POD_REFUSED, message)
        since = find(run.status.conditions, ConditionType.RUNNING)
        waited = (self.now() - since.last_transition_time).total_seconds() if since else 0.0
        return min(max(waited, UNAVAILABLE_WAIT), LONGEST_QUOTA_WAIT)

    async def _create(self, run: Run, admission: Admission, attempt: int) -> bool:
        began = run.status.start_time
        left = admission.seconds - int((self.now() - began).total_seconds() if began else 0)
        job = build_job(run, admission, attempt, left, self.settings)
        await self._have_account(run.metadata.namespace)
        try:
            await self._ask(self.access.create, objects("batch/v1", "jobs", run.metadata.namespace), job)
        except Refused as refused:
            if refused.status == HTTPStatus.CONFLICT:
                return await self._is_ours(run, attempt)
            raise
        return True

    async def _has_begun(self, run: Run, teller: Teller, attempt: int) -> bool:
        """Whether an attempt has a Job of which nothing is told: somebody changed the run before its status was."""
        begun = await self._is_ours(run, attempt)
        if begun:
            teller.attempt(attempt)
        return begun

    async def _is_ours(self, run: Run, attempt: int) -> bool:
        job = await self._find(objects("batch/v1", "jobs", run.metadata.namespace, job_name(run, attempt)))
        owners = (job or {}).get("metadata", {}).get("ownerReferences") or []
        return any(owner["uid"] == run.metadata.uid for owner in owners)

    async def _have_account(self, namespace: str) -> None:
        path = objects("v1", "serviceaccounts", namespace)
        if await self._find(f"{path}/{names.RUN_SERVICE_ACCOUNT}") is None:
            meta = {"name": names.RUN_SERVICE_ACCOUNT, "labels": {names.MANAGED_BY: names.MANAGER}}
            body = {
                "apiVersion": "v1",
                "kind": "ServiceAccount",
                "metadata": meta,
                "automountServiceAccountToken": False,
            }
            try:
                await self._ask(self.access.create, path, body)
            except Refused as refused:
                if refused.status != HTTPStatus.CONFLICT:
                    raise

    async def _under_way(
        self, run: Run, teller: Teller, attempt: int, job: dict[str, Any], pod: dict[str, Any] | None
    ) -> float | None:
        if run.spec.suspend:
            teller.condition(ConditionType.SUSPENDED, "True", Reason.SUSPENDED, "spec.suspend is true")
            teller.condition(ConditionType.RUNNING, "False", Reason.SUSPENDED)
            return None
        if holds(run.status.conditions, ConditionType.SUSPENDED):
            teller.condition(ConditionType.SUSPENDED, "False", Reason.RESUMED)
        if running(pod):
            teller.condition(ConditionType.RUNNING, "True", Reason.AGENT_AT_WORK, f"attempt {attempt}")
            return LOOK_AGAIN
        made = datetime.fromisoformat(job["metadata"]["creationTimestamp"])
        age = (self.now() - made).total_seconds()
        stuck = trouble(pod, age) if pod is not None else no_pod(await self._failures(job, age))
        if stuck is None:
            return LOOK_AGAIN if pod is not None else POD_SECONDS
        reason, message, final = stuck
        if final:
            return await self._finish(run, teller, attempt, Judgement(Kind.FAILED, reason, message))
        teller.condition(ConditionType.RUNNING, "False", reason, message)
        return LOOK_AGAIN

    async def _ended(
        self, run: Run, teller: Teller, attempt: int, end: tuple[str, datetime | None], pod: dict[str, Any] | None
    ) -> float | None:
        told, moment = end
        record = await self.gateway.end_attempt(run.metadata.uid, attempt, Reason.RETRYING)
        verdict = with_cause(judge(told, pod, record, attempt, run.spec.attempts), run.status.conditions)
        if verdict.kind is not Kind.RETRY:
            return await self._finish(run, teller, attempt, verdict)
        waited = (self.now() - moment).total_seconds() if moment else verdict.wait
        if waited < verdict.wait:
            teller.condition(ConditionType.RUNNING, "False", Reason.RETRYING, f"{verdict.reason}: {verdict.message}")
            return verdict.wait - waited
        return await self._begin(run, teller, attempt + 1)

    async def _lost(self, run: Run, teller: Teller, attempt: int) -> float | None:
        """The Job went before its end was seen: what the gateway knows decides, and nothing runs twice."""
        record = await self.gateway.end_attempt(run.metadata.uid, attempt, Reason.DISRUPTED)
        verdict = judge(LOST, None, record, attempt, run.spec.attempts)
        if verdict.kind is not Kind.RETRY:
            return await self._finish(run, teller, attempt, verdict)
        return await self._begin(run, teller, attempt + 1)

    async def _cancel(self, run: Run, teller: Teller) -> float | None:
        verdict = Judgement(Kind.FAILED, Reason.CANCELLED, "spec.cancel is true")
        attempt = run.status.attempts
        if await self._has_begun(run, teller, attempt + 1):
            attempt += 1
        return await self._finish(run, teller, attempt, verdict)

    async def _finish(self, run: Run, teller: Teller, attempt: int, verdict: Judgement) -> float | None:
        record: Record | None = None
        if attempt:
            await self.gateway.end_attempt(run.metadata.uid, attempt, verdict.reason)
            record = await self.gateway.finish(run.metadata.uid, verdict.reason)
            # Ends a pod that is still there; what has ended stays, with its log.
            if verdict.reason in (Reason.CANCELLED, Reason.IMAGE_NOT_PULLED):
                await self._patch_job(run, attempt, {"spec": {"suspend": True}})
        if record is not None:
            teller.record(record)
        message = verdict.message
        if record is not None and record.backup_branch:
            message = f"{message}; unfinished work is on the branch {record.backup_branch}"
        teller.finished(verdict.reason, message)
        return run.spec.ttl_seconds_after_finished

    async def _after_the_end(self, kind: str, told: dict[str, Any], end: Mapping[str, Any]) -> float | None:
        """Delete it when its time is over. It may be one of a version that cannot be read any more."""
        lasting = told["spec"].get("ttlSecondsAfterFinished")
        if not isinstance(lasting, int):
            return None
        left = lasting - (self.now() - datetime.fromisoformat(end["lastTransitionTime"])).total_seconds()
        if left > 0:
            return left
        meta = told["metadata"]
        path = objects(API_VERSION, PLURALS[kind], meta["namespace"], meta["name"])
        await self._unless_gone(self.access.delete, path)
        return None

    async def _tell(self, run: Run, teller: Teller) -> None:
        meta = run.metadata
        about = {"namespace": meta.namespace, "name": meta.name, "resourceVersion": meta.resource_version}
        await self._write(run.kind, about, teller.changed())

    async def _write(self, kind: str, meta: Mapping[str, Any], status: dict[str, Any] | None) -> None:
        if status is None:
            return
        path = objects(API_VERSION, PLURALS[kind], meta["namespace"], meta["name"], "status")
        # With the version that was looked at: a status that follows from an old look is not written.
        body = {"metadata": {"resourceVersion": meta["resourceVersion"]}, "status": status}
        await self._unless_gone(self.access.patch, path, body)

    async def _patch_job(self, run: Run, attempt: int, body: dict[str, Any]) -> None:
        path = objects("batch/v1", "jobs", run.metadata.namespace, job_name(run, attempt))
        await self._unless_gone(self.access.patch, path, body)

    async def _pod(self, run: Run, attempt: int) -> dict[str, Any] | None:
        """The attempt's latest pod."""
        selector = f"{names.RUN_UID}={run.metadata.uid},{names.ATTEMPT}={attempt}"
        path = objects("v1", "pods", run.metadata.namespace)
        found = (await asyncio.to_thread(self.access.get, path, labelSelector=selector))["items"]
        return max(found, key=lambda pod: str(pod["metadata"]["creationTimestamp"]), default=None)

    async def _failures(self, job: dict[str, Any], age: float) -> list[dict[str, Any]]:
        """Events of a Job that has no pod, where it should have one: the API server refuses what it makes."""
        if age < POD_SECONDS:
            return []
        meta = job["metadata"]
        chosen = f"involvedObject.uid={meta['uid']},reason=FailedCreate"
        path = objects("v1", "events", meta["namespace"])
        found: list[dict[str, Any]] = (await asyncio.to_thread(self.access.get, path, fieldSelector=chosen))["items"]
        return found

    async def _find(self, path: str) -> dict[str, Any] | None:
        return await asyncio.to_thread(self.access.find, path)

    async def _unless_gone(self, call: Callable[..., dict[str, Any]], *arguments: object) -> None:
        """Change or delete something; what is gone meanwhile needs neither."""
        try:
            await self._ask(call, *arguments)
        except Refused as refused:
            if refused.status != HTTPStatus.NOT_FOUND:
                raise

    async def _ask(self, call: Callable[..., dict[str, Any]], *arguments: object) -> dict[str, Any]:
        return await asyncio.to_thread(call, *arguments)


def _created(run: Run) -> float | None:
    """When somebody asked for the run, in seconds since 1970."""
    moment = run.metadata.creation_timestamp
    return None if moment is None else moment.timestamp()


def _flow_of(run: Run, flows: str) -> int | None:
    """The flow that a run is a step of; elsewhere than in the namespace of flows people write labels as they like."""
    told = run.metadata.labels.get(names.FLOW_ID, "")
    return int(told) if run.metadata.namespace == flows and re.fullmatch("[0-9]{1,15}", told) else None
