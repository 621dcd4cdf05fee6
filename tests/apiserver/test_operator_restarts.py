"""The operator killed after each of its writes, and before it: whatever it was at, the next one comes to the same end.

The API server is the real one, the gateway is served with all that stands behind it. No pod starts: a quota forbids it,
and the test does what the pod and the Job controller would.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from pressplay.kube.access import Access, Refused, objects
from pressplay.operator.gateway import Gateway
from pressplay.operator.metrics import Metrics
from pressplay.operator.settings import from_environment
from pressplay.operator.worker import Worker
from pressplay.protocol.changeset import Changeset
from pressplay.resources.base import API_VERSION
from tests.apiserver.conftest import until
from tests.unit.a_gateway import OPERATOR, Platform, changed, platform

RUNS, JOBS = (API_VERSION, "coderuns"), ("batch/v1", "jobs")
CONFLICT = 409
MOST_LOOKS = 30
# A run that succeeds is written to thrice, and has a Job and a ServiceAccount made.
WRITES = 5
SETTINGS = from_environment(
    {
        "PRESSPLAY_GATEWAY_CONTROL": "http://gateway:8081",
        "PRESSPLAY_GATEWAY_RUNS": "http://gateway:8080",
        "PRESSPLAY_RUNNER_IMAGE": "pressplay/runner:1",
        "PRESSPLAY_WORKBENCH_IMAGE": "pressplay/workbench:1",
    }
)


class Killed(BaseException):
    """The operator is no more."""


@dataclass
class Mortal:
    """The API server's client of an operator that dies at its n-th write: before it, or after its effect."""

    access: Access
    last: int
    after: bool
    writes: list[str] = field(default_factory=list)

    def get(self, path: str, **query: str) -> dict[str, Any]:
        return self.access.get(path, **query)

    def find(self, path: str) -> dict[str, Any] | None:
        return self.access.find(path)

    def create(self, path: str, body: Mapping[str, Any], **query: str) -> dict[str, Any]:
        return self._write(f"create {path}", lambda: self.access.create(path, body, **query))

    def patch(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        return self._write(f"patch {path}", lambda: self.access.patch(path, body))

    def delete(self, path: str) -> dict[str, Any]:
        return self._write(f"delete {path}", lambda: self.access.delete(path))

    def _write(self, what: str, write: Any) -> dict[str, Any]:
        self.writes.append(what)
        if len(self.writes) == self.last and not self.after:
            raise Killed
        answer: dict[str, Any] = write()
        if len(self.writes) == self.last:
            raise Killed
        return answer


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    folder = tmp_path_factory.mktemp("gateway")
    with platform(folder) as made:
        (folder / "operator-token").write_text(OPERATOR)
        yield made


@pytest.fixture
def no_pods(access: Access) -> Access:
    """A namespace in which the Job controller makes no pods."""
    quota = {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "none"}, "spec": {"hard": {"pods": "0"}}}
    access.create(objects("v1", "resourcequotas", access.namespace), quota)
    return access


def run_of(access: Access) -> dict[str, Any]:
    return access.get(objects(*RUNS, access.namespace, "add"))


def jobs_of(access: Access) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = access.get(objects(*JOBS, access.namespace))["items"]
    return found


def ended(run: Mapping[str, Any]) -> bool:
    return any(each["type"] == "Finished" for each in run.get("status", {}).get("conditions", []))


def complete(access: Access, job: Mapping[str, Any]) -> None:
    """What the Job controller tells of a Job whose pod has succeeded."""
    path = objects(*JOBS, access.namespace, job["metadata"]["name"])
    until("the Job controller to have seen the Job", lambda: "startTime" in access.get(path).get("status", {}))
    if any(each["type"] == "Complete" for each in access.get(path)["status"].get("conditions", [])):
        return
    moment = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    conditions = [
        {"type": kind, "status": "True", "lastTransitionTime": moment, "reason": "CompletionsReached"}
        for kind in ("SuccessCriteriaMet", "Complete")
    ]
    status = {"completionTime": moment, "succeeded": 1, "conditions": conditions}
    access.patch(f"{path}/status", {"status": status})


async def to_its_end(access: Access, client: Any, whole: Platform) -> None:
    """Look until the run has ended; meanwhile the pod hands its work over and its Job completes."""
    gateway = Gateway(whole.address, whole.folder / "operator-token")
    worker = Worker(client, gateway, SETTINGS, Metrics())
    try:
        for _ in range(MOST_LOOKS):
            try:
                await worker.look(("CodeRun", access.namespace, "add"))
            except Refused as refused:
                if refused.status != CONFLICT:
                    raise
            run = run_of(access)
            if ended(run):
                return
            for job in jobs_of(access):
                hand_over(whole, run["metadata"]["uid"], run.get("status", {}))
                complete(access, job)
    finally:
        await gateway.close()
    raise AssertionError(f"after {MOST_LOOKS} looks: {run_of(access)['status']}")


def hand_over(whole: Platform, uid: str, status: Mapping[str, Any]) -> None:
    base = status.get("baseSHA")
    if base:
        whole.cluster.tokens[f"token-{uid}"] = uid
        whole.hand_over(uid, Changeset(base=base, files=(changed("src/sums.py", b"x = 2\n"),)))


def story(run: Mapping[str, Any]) -> dict[str, Any]:
    """A status without what differs from run to run: times, commits and the numbers of pull requests."""
    told = {name: value for name, value in run["status"].items()
            if name in ("phase", "attempts", "persona", "model", "base", "cost", "usage")}  # fmt: skip
    return {**told, "conditions": sorted((each["type"], each["status"], each["reason"])
                                         for each in run["status"]["conditions"])}  # fmt: skip


def begin(access: Access) -> None:
    spec = {"repository": "acme/sums", "task": "Mend it.", "branch": f"work/{access.namespace}"}
    body = {"apiVersion": API_VERSION, "kind": "CodeRun", "metadata": {"name": "add"}, "spec": spec}
    access.create(objects(*RUNS, access.namespace), body)


@pytest.fixture
def undisturbed(no_pods: Access, whole: Platform) -> tuple[dict[str, Any], list[str]]:
    begin(no_pods)
    client = Mortal(no_pods, 0, after=False)
    asyncio.run(to_its_end(no_pods, client, whole))
    return story(run_of(no_pods)), client.writes


def test_a_run_takes_no_more_writes_than_it_must(undisturbed: tuple[dict[str, Any], list[str]]) -> None:
    told, writes = undisturbed
    assert told["phase"] == "Succeeded"
    assert len([each for each in writes if "/status" in each]) <= 3
    assert len(writes) <= WRITES


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("last", range(1, WRITES + 1))
def test_whenever_the_operator_dies_the_next_one_comes_to_the_same_end(
    no_pods: Access, whole: Platform, last: int, after: bool
) -> None:
    begin(no_pods)
    try:
        asyncio.run(to_its_end(no_pods, Mortal(no_pods, last, after), whole))
    except Killed:
        asyncio.run(to_its_end(no_pods, no_pods, whole))
    run, (job,) = run_of(no_pods), jobs_of(no_pods)
    assert story(run) == {
        "phase": "Succeeded", "attempts": 1, "persona": "rex", "model": run["status"]["model"], "base": "main",
        "cost": "0.0000", "usage": run["status"]["usage"],
        "conditions": [
            ("Admitted", "True", "Admitted"), ("Finished", "True", "Succeeded"),
            ("PullRequestReady", "True", "PullRequestOpened"), ("Running", "False", "Succeeded"),
        ],
    }  # fmt: skip
    assert job["metadata"]["ownerReferences"][0]["uid"] == run["metadata"]["uid"]
    pulls = whole.hub.state.repositories["acme/sums"]["pulls"].values()
    assert len([one for one in pulls if one["head"] == f"work/{no_pods.namespace}"]) == 1


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("last", range(1, 4))
def test_whenever_the_operator_dies_a_cancelled_run_is_cancelled_and_its_job_held(
    no_pods: Access, whole: Platform, last: int, after: bool, tmp_path: Path
) -> None:
    begin(no_pods)
    asyncio.run(look_once(no_pods, no_pods, whole))
    no_pods.patch(objects(*RUNS, no_pods.namespace, "add"), {"spec": {"cancel": True}})
    try:
        asyncio.run(to_its_end(no_pods, Mortal(no_pods, last, after), whole))
    except Killed:
        asyncio.run(to_its_end(no_pods, no_pods, whole))
    run, (job,) = run_of(no_pods), jobs_of(no_pods)
    assert run["status"]["phase"] == "Cancelled"
    assert job["spec"]["suspend"] is True


async def look_once(access: Access, client: Any, whole: Platform) -> None:
    gateway = Gateway(whole.address, whole.folder / "operator-token")
    await Worker(client, gateway, SETTINGS, Metrics()).look(("CodeRun", access.namespace, "add"))
    await gateway.close()
