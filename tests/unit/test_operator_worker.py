"""One look at one run, before an API server that refuses its Job or has lost it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from pressplay.cli.describe import why_now
from pressplay.operator.__main__ import _registry
from pressplay.operator.metrics import Metrics
from pressplay.operator.queue import Queue
from pressplay.operator.worker import LONGEST_QUOTA_WAIT, Worker, _flow_of
from pressplay.protocol.control import Record
from pressplay.resources.base import API_VERSION
from pressplay.resources.names import FLOW_ID
from tests.unit.an_api_server import Cluster, cluster
from tests.unit.test_operator_build import ADMISSION, SETTINGS, coderun

SECONDS = 20
RUN = f"/apis/{API_VERSION}/namespaces/team/coderuns/add"
JOBS = "POST /apis/batch/v1/namespaces/team/jobs"
NOW = datetime(2026, 5, 1, 12, 0, tzinfo=UTC)
QUOTA = 'jobs.batch "add" is forbidden: exceeded quota: few, requested: count/jobs.batch=1, used: 4, limited: 4'
POLICY = 'admission webhook "images" denied the request: this registry is not allowed'
INVALID = 'Job.batch "add" is invalid: spec.template.spec.containers[0].image: Required value'


@pytest.fixture
def there() -> Iterator[Cluster]:
    with cluster() as made:
        made.control["POST /control/admissions"] = ADMISSION.model_dump(mode="json")
        made.control["POST /control/runs"] = Record(uid="u").model_dump(mode="json")
        meta = {"name": "add", "namespace": "team", "uid": "0f0e0d0c-0000", "resourceVersion": "1"}
        spec = {"repository": "acme/sums", "task": "add", "attempts": 2}
        made.objects[RUN] = {"apiVersion": API_VERSION, "kind": "CodeRun", "metadata": meta, "spec": spec}
        yield made


def look(there: Cluster, folder: Path, after: float = 0.0) -> float | None:
    async def work() -> float | None:
        gateway = there.gateway(folder)
        worker = Worker(there.access(), gateway, SETTINGS, Metrics(), lambda: NOW + timedelta(seconds=after))
        try:
            return await worker.look(("CodeRun", "team", "add"))
        finally:
            await gateway.close()

    return asyncio.run(asyncio.wait_for(work(), SECONDS))


def told(there: Cluster) -> dict[str, Any]:
    status: dict[str, Any] = there.objects[RUN]["status"]
    return {**status, "by": {each["type"]: each for each in status["conditions"]}}


@pytest.mark.parametrize(("code", "message"), [(403, POLICY), (422, INVALID)])
def test_a_job_that_is_refused_for_good_ends_the_run_with_the_words_and_a_remedy(
    there: Cluster, tmp_path: Path, code: int, message: str
) -> None:
    there.refusals[JOBS] = (code, message)
    assert look(there, tmp_path) is None
    status = told(there)
    assert (status["by"]["Finished"]["reason"], status["phase"]) == ("PodRefused", "Failed")
    assert message in status["by"]["Finished"]["message"]
    assert "pressplay retry" in status["by"]["Finished"]["message"]
    assert "Running" not in status["by"], "it says that it starts although it has ended"
    assert status.get("attempts", 0) == 0


def test_a_job_that_a_quota_has_no_room_for_is_made_later_and_asked_for_ever_more_seldom(
    there: Cluster, tmp_path: Path
) -> None:
    there.refusals[JOBS] = (403, QUOTA)
    first = look(there, tmp_path)
    status = told(there)
    assert status["by"]["Running"]["reason"] == "PodRefused"
    assert "exceeded quota" in status["by"]["Running"]["message"]
    assert (status["phase"], status.get("attempts", 0)) == ("Pending", 0)
    later, latest = look(there, tmp_path, 60), look(there, tmp_path, 9000)
    assert first is not None
    assert later is not None
    assert first < later < LONGEST_QUOTA_WAIT == latest
    there.refusals.clear()
    look(there, tmp_path, 9001)
    assert told(there)["attempts"] == len(there.of("jobs")) == 1


def test_a_quota_for_service_accounts_is_told_too(there: Cluster, tmp_path: Path) -> None:
    there.refusals["POST /api/v1/namespaces/team/serviceaccounts"] = (403, QUOTA)
    assert look(there, tmp_path) is not None
    assert told(there)["by"]["Running"]["reason"] == "PodRefused"


def unreadable(there: Cluster, **status: Any) -> dict[str, Any]:
    """Have the run be one that was stored when the definition was another."""
    kept = there.objects[RUN]
    kept["spec"]["attempts"] = "many"
    kept["status"] = status
    return kept


def test_a_run_that_cannot_be_read_ends_with_the_field_and_is_told_so_once(there: Cluster, tmp_path: Path) -> None:
    unreadable(there)
    for _ in range(3):
        assert look(there, tmp_path) is None
    status = told(there)
    assert (status["phase"], status["by"]["Finished"]["reason"]) == ("Failed", "InvalidRun")
    assert "spec.attempts: " in status["by"]["Finished"]["message"]
    assert sum(each.startswith("PATCH") for each in there.asked) == 1


def test_a_run_that_cannot_be_read_any_more_is_left_to_its_job(there: Cluster, tmp_path: Path) -> None:
    admitted = {"type": "Admitted", "status": "True", "reason": "Admitted", "lastTransitionTime": NOW.isoformat()}
    unreadable(there, attempts=1, phase="Running", conditions=[admitted])
    for _ in range(3):
        assert look(there, tmp_path) is None
    status = told(there)
    assert status["by"]["Running"]["status"] == "Unknown"
    assert "mend that field" in status["by"]["Running"]["message"]
    assert (status["phase"], status["by"]["Admitted"]["status"]) == ("Running", "True")
    assert sum(each.startswith("PATCH") for each in there.asked) == 1


def test_a_run_that_has_ended_need_not_be_read_to_be_left_alone_or_deleted(there: Cluster, tmp_path: Path) -> None:
    end = {"type": "Finished", "status": "True", "reason": "OfAnotherVersion", "lastTransitionTime": NOW.isoformat()}
    kept = unreadable(there, attempts=1, conditions=[end])
    assert look(there, tmp_path) is None
    assert not [each for each in there.asked if not each.startswith("GET")]
    kept["spec"]["ttlSecondsAfterFinished"] = 60
    assert look(there, tmp_path, 20) == pytest.approx(40)
    look(there, tmp_path, 61)
    assert RUN not in there.objects


NO_ROOM = (
    'Error creating: pods "add-1-x7k2p" is forbidden: exceeded quota: few, requested: pods=1, used: 4, limited: 4',
    "wait, or raise it",
)
NO_ACCOUNT = (
    'Error creating: pods "add-1-" is forbidden: error looking up service account team/pressplay-run',
    "mend that",
)


@pytest.mark.parametrize(("message", "remedy"), [NO_ROOM, NO_ACCOUNT])
def test_a_run_whose_pod_is_refused_says_why_and_what_to_do(
    there: Cluster, tmp_path: Path, message: str, remedy: str
) -> None:
    look(there, tmp_path)
    assert told(there)["by"]["Running"]["reason"] == "Starting"
    (job,) = there.of("jobs")
    event = {"metadata": {"name": "one"}, "message": message, "lastTimestamp": "2026-05-01T12:00:03Z"}
    there.objects["/api/v1/namespaces/team/events/one"] = event
    look(there, tmp_path, 1)
    assert told(there)["by"]["Running"]["reason"] == "Starting"
    look(there, tmp_path, 10)
    running = told(there)["by"]["Running"]
    assert running["reason"] == "PodRefused"
    assert "the pod is forbidden: " in running["message"]
    assert remedy in running["message"]
    assert any(f"involvedObject.uid%3D{job['metadata']['uid']}".replace("/", "%2F") in each for each in there.asked)
    # Another try is no other reason, and is not written.
    version = [each for each in there.asked if each.startswith("PATCH")]
    event["message"] = message.replace("x7k2p", "q9w8e")
    look(there, tmp_path, 40)
    assert [each for each in there.asked if each.startswith("PATCH")] == version
    words = "\n".join(why_now(there.objects[RUN], NOW + timedelta(seconds=50)))
    assert "PodRefused" in words
    assert remedy in words


def test_a_job_that_is_gone_was_an_attempt(there: Cluster, tmp_path: Path) -> None:
    for attempt in (1, 2):
        look(there, tmp_path)
        assert told(there)["attempts"] == attempt
        for path in [path for path in there.objects if "/jobs/" in path]:
            del there.objects[path]
    look(there, tmp_path)
    status = told(there)
    assert (status["by"]["Finished"]["reason"], status["attempts"]) == ("AttemptsExhausted", 2)
    assert "its Job was deleted" in status["by"]["Finished"]["message"]
    assert not there.of("jobs")


def test_a_job_that_is_gone_is_not_run_again_where_its_runner_said_that_it_is_over(
    there: Cluster, tmp_path: Path
) -> None:
    look(there, tmp_path)
    for path in [path for path in there.objects if "/jobs/" in path]:
        del there.objects[path]
    record = Record.model_validate({"uid": "u", "end_attempt": 1, "end_reason": "AgentGaveUp", "end_message": "no"})
    there.control["POST /control/runs"] = record.model_dump(mode="json")
    look(there, tmp_path)
    assert told(there)["by"]["Finished"]["reason"] == "AgentGaveUp"
    assert not there.of("jobs")


@pytest.mark.parametrize(("wish", "phase"), [("cancel", "Cancelled"), ("suspend", "Suspended")])
@pytest.mark.parametrize("attempt", [1, 2])
def test_a_run_is_stopped_also_where_nothing_is_told_yet_of_the_attempt_that_began(
    there: Cluster, tmp_path: Path, wish: str, phase: str, attempt: int
) -> None:
    before: dict[str, Any] = {}
    for number in range(1, attempt + 1):
        before = there.objects[RUN].get("status") or {}
        for path in [path for path in there.objects if "/jobs/" in path]:
            del there.objects[path]
        look(there, tmp_path)
        assert told(there)["attempts"] == number
    # Somebody was quicker than the status: it was refused as a conflict.
    there.objects[RUN] = {**there.objects[RUN], "status": before}
    there.objects[RUN]["spec"] = {**there.objects[RUN]["spec"], wish: True}
    look(there, tmp_path)
    (job,) = there.of("jobs")
    assert job["spec"]["suspend"] is True
    status = told(there)
    assert (status["phase"], status["attempts"], status["job"]) == (phase, attempt, job["metadata"]["name"])
    ends = [asked for asked in there.asked if asked.endswith(f"/attempts/{attempt}/end")]
    assert len(ends) == (wish == "cancel"), "the attempt's token is worth something still"


def test_pods_and_jobs_of_a_run_with_a_long_name_have_it_looked_at(there: Cluster, tmp_path: Path) -> None:
    name = "add-" + "long-" * 20 + "name"
    body = there.objects.pop(RUN)
    body["metadata"]["name"] = name
    there.objects[f"{RUN.removesuffix('add')}{name}"] = body
    added = []

    class Seen(Queue):
        def add(self, key: tuple[str, str, str]) -> None:
            added.append(key)

    async def work() -> None:
        gateway = there.gateway(tmp_path)
        queue = Seen(Worker(there.access(), gateway, SETTINGS, Metrics()).look, Metrics())
        await queue.look(("CodeRun", "team", name))
        await gateway.close()
        for handler in _registry(queue, "")._watching.get_all_handlers():
            if handler.id == "look-at-pods":
                meta = there.of("jobs")[0]["spec"]["template"]["metadata"]
                handler.fn(namespace="team", name="x", meta=meta, **meta)

    asyncio.run(asyncio.wait_for(work(), SECONDS))
    assert added == [("CodeRun", "team", name)]


@pytest.mark.parametrize(
    ("flows", "label", "flow"),
    [("team", "12", 12), ("flows", "12", None), ("", "12", None), ("team", "x", None), ("team", "9" * 16, None)],
)
def test_a_run_is_a_flow_s_step_only_where_flows_are(flows: str, label: str, flow: int | None) -> None:
    run = coderun()
    labelled = run.model_copy(update={"metadata": run.metadata.model_copy(update={"labels": {FLOW_ID: label}})})
    assert _flow_of(labelled, flows) == flow


def test_a_gateway_of_another_version_is_waited_for(there: Cluster, tmp_path: Path) -> None:
    there.control["POST /control/admissions"] = {"word": "of the next version"}
    assert look(there, tmp_path) is not None
    admitted = told(there)["by"]["Admitted"]
    assert (admitted["status"], admitted["reason"]) == ("Unknown", "GatewayUnavailable")
    assert "of another version" in admitted["message"]
