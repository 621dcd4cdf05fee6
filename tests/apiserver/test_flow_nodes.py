"""Workflows' suspended nodes on the real Argo: executed without a pod, to the same end whatever breaks meanwhile."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Coroutine, Iterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from pressplay.kube.access import Access, objects
from pressplay.kube.argo import ArgoServer, Workflow, nodes_of, read_workflow
from pressplay.kube.retries import Wish, restartable, selector_of
from pressplay.operator.flows import workflow_name
from pressplay.protocol.flows import DueFlow
from pressplay.protocol.gates import GateAnswer
from pressplay.resources import names
from tests.apiserver.a_flow import (
    HEAD,
    LEFT,
    RUN_OUTPUTS,
    RUNS,
    WORKFLOWS,
    Place,
    a_gate,
    a_run,
    dag,
    operator,
    outputs,
    place,
    suspended,
)
from tests.apiserver.conftest import NAME

PASSED = {"verdict": "passed", "outputs": {"verdict": "passed", "head": HEAD}, "message": "2 checks"}
NO = {"verdict": "failed", "outputs": {"verdict": "failed", "head": HEAD}, "message": "unit failed"}
ON_SUCCESS = {"depends": "gate", "when": "{{tasks.gate.outputs.parameters.verdict}} == passed"}
PR_FLOW = {
    "workflowTemplateRef": {"name": "pr-flow"},
    "arguments": {"parameters": [{"name": "repository", "value": "acme/sums"}, {"name": "pull-request", "value": "7"},
                                 {"name": "head", "value": HEAD}]},
}  # fmt: skip
# Labelled; made, shown, completed: twice, for Clippy and QA; reported.
WRITES = 8


@pytest.fixture
def here(access: Access, tmp_path: Path) -> Iterator[Place]:
    with place(access, NAME, tmp_path) as made:
        yield made


def run(work: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(work, 240))


class Killed(BaseException):
    """The operator is no more."""


@dataclass
class Life:
    """The writes of an operator that dies at its n-th: before it, or after its effect."""

    last: int
    after: bool
    writes: list[str] = field(default_factory=list)

    def before(self, what: str) -> None:
        self.writes.append(what)
        if len(self.writes) == self.last and not self.after:
            raise Killed

    def done(self) -> None:
        if len(self.writes) == self.last:
            raise Killed


@dataclass
class MortalAccess:
    """Its client of the API server."""

    access: Access
    life: Life

    def get(self, path: str, **query: str) -> dict[str, Any]:
        return self.access.get(path, **query)

    def find(self, path: str) -> dict[str, Any] | None:
        return self.access.find(path)

    def metadata(self, path: str, **query: str) -> dict[str, Any]:
        return self.access.metadata(path, **query)

    def create(self, path: str, body: Mapping[str, Any], **query: str) -> dict[str, Any]:
        self.life.before("create")
        answer = self.access.create(path, body, **query)
        self.life.done()
        return answer

    def patch(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        self.life.before("patch")
        answer = self.access.patch(path, body)
        self.life.done()
        return answer


@dataclass
class MortalServer:
    """Its client of the Argo server."""

    server: ArgoServer
    life: Life

    async def complete(self, workflow: Workflow, node: str, *told: Any) -> str:
        self.life.before("complete")
        version = await self.server.complete(workflow, node, *told)
        self.life.done()
        return version

    async def tell(self, workflow: Workflow, node: str, message: str) -> None:
        self.life.before("tell")
        await self.server.tell(workflow, node, message)
        self.life.done()

    async def close(self) -> None:
        await self.server.close()


async def to_its_end(here: Place, name: str, life: Life) -> None:
    """A flow to its end, by an operator that dies and the next one."""
    server = MortalServer(here.server(), life)
    async with here.worker(MortalAccess(here.access, life), server) as mortal:
        with suppress(Killed):
            await here.drive(mortal, name, lambda: here.end_runs(name))
    async with here.worker() as following:
        await here.drive(following, name, lambda: here.end_runs(name))


def story(here: Place, name: str) -> dict[str, Any]:
    """A flow's end, without the names of runs."""
    nodes = {
        each.removeprefix(f"{name}."): (node["phase"], {**outputs(node), "run": ""})
        for each, node in here.nodes(name).items()
    }
    return {"phase": here.phase(name), "nodes": nodes, "runs": len(here.runs(name))}


def test_a_flow_of_two_runs_goes_to_its_end_without_a_pod(here: Place) -> None:
    async def work() -> None:
        name = here.submit(PR_FLOW, "pr-flow-1", **{names.SUBJECT: "pr-7"})
        life = Life(0, after=False)
        async with here.worker(MortalAccess(here.access, life), MortalServer(here.server(), life)) as worker:
            await here.drive(worker, name, lambda: here.end_runs(name))
        assert len(life.writes) <= WRITES, life.writes

    run(work())
    by_persona = {each["spec"]["persona"]: each for each in here.runs("pr-flow-1")}
    assert by_persona.keys() == {"clippy", "qa"}
    assert by_persona["qa"]["metadata"]["labels"][names.SUBJECT] == "pr-7"
    nodes = here.nodes("pr-flow-1")
    assert outputs(nodes["clippy(0)"]) == {
        "result": "succeeded", "verdict": "", "run": by_persona["clippy"]["metadata"]["name"], "head": LEFT,
        "pull-request": "7", "branch": "",
    }  # fmt: skip
    begun = {each["name"]: each.get("value", "") for each in nodes["qa(0)"]["inputs"]["parameters"]}
    assert begun["head"] == LEFT
    assert here.phase("pr-flow-1") == "Succeeded"
    assert here.access.get(objects("v1", "pods", here.namespace))["items"] == []


def test_whenever_the_operator_dies_the_next_one_comes_to_the_same_end_with_no_second_run(here: Place) -> None:
    async def work() -> None:
        flows = {
            here.submit(PR_FLOW, f"dies-{'after' if after else 'before'}-{last}"): Life(last, after)
            for after in (False, True)
            for last in range(1, WRITES + 1)
        }
        undisturbed = here.submit(PR_FLOW, "undisturbed")
        await asyncio.gather(
            to_its_end(here, undisturbed, Life(0, after=False)),
            *(to_its_end(here, name, life) for name, life in flows.items()),
        )
        whole = story(here, undisturbed)
        assert whole["runs"] == 2
        assert {name: story(here, name) for name in flows} == dict.fromkeys(flows, whole)

    run(work())


def test_two_operators_at_once_make_one_run_a_node(here: Place) -> None:
    async def work() -> None:
        name = here.submit(PR_FLOW, "twice")
        async with here.worker() as one, here.worker() as other:
            await asyncio.gather(*(here.drive(each, name, lambda: here.end_runs(name)) for each in (one, other)))

    run(work())
    assert story(here, "twice")["runs"] == 2
    assert here.phase("twice") == "Succeeded"


@asynccontextmanager
async def deaf(upstream: str, lost: list[str]) -> AsyncIterator[str]:
    """The Argo server behind a wire on which the first answer to each different call of `set` is lost."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        first, *lines = head.split("\r\n")
        method, path, _ = first.split(" ")
        headers = dict(line.split(": ", 1) for line in lines if line)
        lengths = {key.lower(): value for key, value in headers.items()}
        body = await reader.readexactly(int(lengths.get("content-length", 0)))
        kept = {key: value for key, value in headers.items() if key.lower() in ("authorization", "content-type")}
        async with httpx.AsyncClient() as client:
            answer = await client.request(method, upstream + path, content=body, headers=kept, timeout=30)
        if path.endswith("/set") and answer.is_success and body.decode() not in lost:
            lost.append(body.decode())
        else:
            told = (
                f"HTTP/1.1 {answer.status_code} -\r\ncontent-length: {len(answer.content)}\r\nconnection: close\r\n\r\n"
            )
            writer.write(told.encode() + answer.content)
            await writer.drain()
        writer.close()

    listener = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}"
    finally:
        listener.close()


def test_an_answer_of_the_argo_server_that_is_lost_does_nothing_twice(here: Place) -> None:
    lost: list[str] = []

    async def work() -> None:
        name = here.submit(PR_FLOW, "deaf")
        async with deaf(here.argo_address, lost) as address, here.worker(server=here.server(address)) as worker:
            await here.drive(worker, name, lambda: here.end_runs(name))

    run(work())
    completed = [each for each in map(json.loads, lost) if each.get("phase")]
    assert len(completed) == 3
    assert here.phase("deaf") == "Succeeded"
    assert story(here, "deaf")["runs"] == 2


def test_a_gate_waits_shows_why_and_passes_when_it_is_woken(here: Place) -> None:
    async def work() -> None:
        name = here.submit(dag(a_gate(), a_run(), after={"work": ON_SUCCESS}), "gated")
        async with here.worker() as worker:
            await here.waiting(name, "gate")
            assert await worker.look(here.namespace, name) == pytest.approx(60, abs=1)
            assert here.nodes(name)["gate"]["message"] == "nothing yet"
            await worker.look(here.namespace, name)
            assert len(here.script.asked) == 1
            here.script.gates["checks"] = PASSED
            worker.wake(here.namespace, name)
            await here.drive(worker, name, lambda: here.end_runs(name))

    run(work())
    told = here.script.asked[0]
    assert (told["workflow"], told["inputs"]["pull-request"], told["inputs"]["head"]) == ("gated", "7", HEAD)
    assert outputs(here.nodes("gated")["gate"]) == {"verdict": "passed", "head": HEAD}
    assert len(here.runs("gated")) == 1


def test_a_gate_that_says_no_succeeds_with_its_verdict_and_nothing_follows(here: Place) -> None:
    here.script.gates["checks"] = NO

    async def work() -> None:
        name = here.submit(dag(a_gate(), a_run(), after={"work": ON_SUCCESS}), "no")
        async with here.worker() as worker:
            await here.drive(worker, name)

    run(work())
    assert here.nodes("no")["gate"]["phase"] == "Succeeded"
    assert here.phase("no") == "Succeeded"
    assert here.runs("no") == []


@pytest.mark.parametrize("selector", ["", "displayName=gate"])
def test_a_gate_that_a_person_resumes_by_hand_is_not_taken_as_passed(here: Place, selector: str) -> None:
    async def work() -> None:
        name = here.submit(dag(a_gate(), a_run(), after={"work": ON_SUCCESS}), "by-hand")
        async with here.worker() as worker:
            await here.waiting(name, "gate")
            told = {"namespace": here.namespace, "name": name, "nodeFieldSelector": selector}
            status = await asked(here, "PUT", f"{name}/resume", told)
            if not selector:
                assert status >= 400
                assert here.nodes(name)["gate"]["phase"] == "Running"
                here.script.gates["checks"] = NO
            await here.drive(worker, name)

    run(work())
    assert here.runs("by-hand") == []
    if selector:
        assert here.phase("by-hand") == "Failed"
        assert "gate: resumed by hand" in here.workflow("by-hand")["metadata"]["annotations"][names.STOPPED]


async def asked(here: Place, method: str, path: str, body: object) -> int:
    """The Argo server, asked as a person does; answers the status."""
    async with httpx.AsyncClient(base_url=here.argo_address) as client:
        url = f"/api/v1/workflows/{here.namespace}/{path}"
        answer = await client.request(method, url, json=body, headers={"Authorization": f"Bearer {here.token}"})
    return answer.status_code


@pytest.mark.parametrize(("how", "leaves"), [("Stop", "succeeded"), ("Terminate", None)])
def test_what_is_stopped_or_terminated_has_its_run_cancelled_and_only_a_stop_says_farewell(
    here: Place, how: str, leaves: str | None
) -> None:
    async def work() -> None:
        spec = dag(a_run(), a_run("other", **{"pull-request": "8"}), after={"other": {"depends": "work"}})
        spec["templates"].append(a_run("farewell", **{"pull-request": "9"}))
        name = here.submit({**spec, "onExit": "farewell"}, "ends")
        async with here.worker() as worker:
            await here.waiting(name, "work")
            await worker.look(here.namespace, name)
            assert len(here.runs(name)) == 1
            here.change(name, {"shutdown": how})
            await here.drive(worker, name, lambda: end_ninth(here))
            await worker.look(here.namespace, name)

    run(work())
    specs = {each["spec"]["pullRequest"]: each["spec"] for each in here.runs("ends")}
    assert specs[7]["cancel"] is True
    assert specs.keys() == ({7, 9} if leaves else {7})
    if leaves:
        assert outputs(here.nodes("ends")["ends.onExit"])["result"] == leaves


def test_a_flow_of_a_person_is_known_to_the_ledger_and_so_is_that_it_was_stopped(here: Place) -> None:
    async def work() -> None:
        name = here.submit(PR_FLOW, "mine")
        async with here.worker() as worker:
            await here.waiting(name, "clippy(0)")
            await worker.look(here.namespace, name)
            here.change(name, {"shutdown": "Stop"})
            await here.drive(worker, name, lambda: here.end_runs(name))

    run(work())
    (told,) = here.script.submitted
    assert (told["workflow"], told["flow"], told["repository"]) == ("mine", "pr-flow", "acme/sums")
    labels = {names.FLOW_ID: "1", names.REPOSITORY_ID: "5", names.SUBJECT: "pr-7"}
    assert labels.items() <= here.workflow("mine")["metadata"]["labels"].items()
    assert labels.items() <= here.runs("mine")[0]["metadata"]["labels"].items()
    (end,) = here.script.ends.values()
    assert (end["workflow"], end["phase"], end["why"][0]) == ("mine", "Failed", "it was stopped")
    assert here.phase("mine") == "Failed"


def end_ninth(here: Place) -> None:
    for each in here.runs():
        if each["spec"].get("pullRequest") == 9 and not each.get("status"):
            here.finish(each)


def test_a_node_that_is_retried_makes_another_run_and_leaves_the_first_as_it_is(here: Place) -> None:
    async def work() -> None:
        name = here.submit(dag(a_run()), "again")
        async with here.worker() as worker:
            await here.waiting(name, "work")
            await worker.look(here.namespace, name)
            (first,) = here.runs(name)
            here.finish(first, "Failed", "AgentGaveUp", verdict="")
            await here.drive(worker, name)
            assert here.phase(name) == "Failed"
            node = here.nodes(name)["work"]
            assert outputs(node)["result"] == "failed"
            # Argo tells starts by the second, and no real run ends within the one that it began in.
            begun = datetime.fromisoformat(node["startedAt"])
            await here.until("another second", lambda: datetime.now(UTC) >= begun + timedelta(seconds=1))
            told = {"namespace": here.namespace, "name": name, "restartSuccessful": True,
                    "nodeFieldSelector": "displayName=work"}  # fmt: skip
            assert await asked(here, "PUT", f"{name}/retry", told) == httpx.codes.OK
            await here.waiting(name, "work")
            for _ in range(3):
                await worker.look(here.namespace, name)
            (second,) = here.unended(name)
            here.finish(second)
            await here.drive(worker, name)

    run(work())
    assert here.phase("again") == "Succeeded"
    assert sorted(each["status"]["phase"] for each in here.runs("again")) == ["Failed", "Succeeded"]
    assert not any(each["spec"].get("cancel") for each in here.runs("again"))


@pytest.mark.parametrize("broken", [("clippy",), ("clippy", "other")])
def test_what_failed_of_a_flow_goes_on_by_one_new_run_each_with_the_work_of_the_last(
    here: Place, broken: tuple[str, ...]
) -> None:
    """Steps with tries, as ours have, and an exit handler without a pod."""

    def failing() -> None:
        for each in here.unended(name):
            failed = each["metadata"]["annotations"][names.STEP] in broken
            admitted = {"type": "Admitted", "status": "True", "reason": "Admitted", "message": "",
                        "lastTransitionTime": "2026-05-01T12:00:00Z"}  # fmt: skip
            here.finish(each, "Failed" if failed else "Succeeded", "AgentGaveUp" if failed else "Succeeded")
            kept = here.access.get(objects(*RUNS, here.namespace, each["metadata"]["name"]))
            status = {"conditions": [admitted, *kept["status"]["conditions"]]}
            here.access.patch(objects(*RUNS, here.namespace, each["metadata"]["name"], "status"), {"status": status})

    def step(of: str) -> dict[str, Any]:
        given = {"repository": "acme/sums", "pull-request": "7"}
        arguments = {"parameters": [{"name": key, "value": value} for key, value in given.items()]}
        return {"name": of, "templateRef": {"name": names.NODES, "template": "run"}, "arguments": arguments}

    async def work() -> None:
        async with here.worker() as worker:
            await here.drive(worker, name, failing)
            assert here.phase(name) == "Failed"
            begun = datetime.fromisoformat(here.workflow(name)["status"]["finishedAt"])
            await here.until("another second", lambda: datetime.now(UTC) > begun + timedelta(seconds=1))
            found = here.workflow(name)
            every = restartable(nodes_of(found["status"]))
            selector = selector_of([each for each in every if each.broken], every)
            wish = {
                "metadata": {"annotations": {names.RETRY: str(Wish(found["status"]["finishedAt"], selector or ""))}}
            }
            here.access.patch(objects(*WORKFLOWS, here.namespace, name), wish)
            await worker.look(here.namespace, name)
            assert not here.workflow(name)["metadata"]["annotations"].get(names.RETRY_REFUSED)
            await here.drive(worker, name, lambda: here.end_runs(name))

    hook = {"exit": {"templateRef": {"name": names.NODES, "template": "report"},
                     "arguments": {"parameters": [{"name": "ended", "value": "{{workflow.status}}"}]}}}  # fmt: skip
    tasks = [step("clippy"), step("other"), {**step("last"), "depends": "clippy && other"}]
    spec = {"entrypoint": "all", "hooks": hook, "templates": [{"name": "all", "dag": {"tasks": tasks}}]}
    name = here.submit(spec, f"retried-{len(broken)}")
    run(work())
    assert here.phase(name) == "Succeeded"
    by_step: dict[str, list[dict[str, Any]]] = {}
    for each in here.runs(name):
        by_step.setdefault(each["metadata"]["annotations"][names.STEP], []).append(each)
    assert {each: len(runs) for each, runs in by_step.items()} == {
        each: 2 if each in broken else 1 for each in ("clippy", "other", "last")
    }
    reported = here.nodes(name)[f"{name}.onExit"]
    # What a gate said before the retry, and when it may be asked again, is no answer for after it.
    took = datetime.fromisoformat(reported["finishedAt"]) - datetime.fromisoformat(reported["startedAt"])
    assert took < timedelta(seconds=GateAnswer(verdict=None, message="").again / 2)
    for one in broken:
        first, second = sorted(by_step[one], key=lambda made: "continueFrom" in made["spec"])
        assert second["spec"]["continueFrom"] == first["metadata"]["name"]


def test_a_memoised_resubmission_says_that_it_cannot_go_on(here: Place) -> None:
    async def work() -> None:
        name = here.submit(dag(a_run(), a_run("other"), after={"other": {"depends": "work"}}), "memo")
        async with here.worker() as worker:
            await here.waiting(name, "work")
            await worker.look(here.namespace, name)
            here.end_runs(name)
            await worker.look(here.namespace, name)
            await here.waiting(name, "other")
            await worker.look(here.namespace, name)
            here.finish(here.unended(name)[0], "Failed", "AgentGaveUp")
            await here.drive(worker, name)
            assert here.phase(name) == "Failed"
            told = {"namespace": here.namespace, "name": name, "memoized": True}
            assert await asked(here, "PUT", f"{name}/resubmit", told) == httpx.codes.OK
            items = here.access.get(objects(*WORKFLOWS, here.namespace))["items"]
            (resubmitted,) = [each["metadata"]["name"] for each in items if each["metadata"]["name"] != name]
            await here.drive(worker, resubmitted)
            nodes = here.nodes(resubmitted)
            assert nodes["work"]["phase"] == "Failed"
            assert "a memoised resubmission cannot be used" in nodes["work"]["message"]
            assert here.runs(resubmitted) == []

    run(work())


def test_the_runs_of_a_workflow_that_is_deleted_go_with_it(here: Place) -> None:
    async def work() -> None:
        name = here.submit(dag(a_run()), "gone")
        async with here.worker() as worker:
            await here.waiting(name, "work")
            await worker.look(here.namespace, name)
            assert len(here.runs(name)) == 1
            here.access.delete(objects(*WORKFLOWS, here.namespace, name))
            assert await worker.look(here.namespace, name) is None
            await here.until("the run to go", lambda: not here.runs(name))

    run(work())


def test_a_workflow_on_its_way_out_begins_nothing_and_its_run_is_cancelled(here: Place) -> None:
    async def work() -> None:
        name = here.submit(dag(a_run(), a_run("other")), "held")
        path = objects(*WORKFLOWS, here.namespace, name)
        await here.waiting(name, "work", "other")
        here.access.patch(path, {"metadata": {"finalizers": ["agents.platform/test"]}})
        try:
            async with here.worker() as worker:
                await worker.look(here.namespace, name)
                here.access.delete(path)
                await worker.look(here.namespace, name)
                assert all(each["spec"].get("cancel") for each in here.runs(name))
        finally:
            here.access.patch(path, {"metadata": {"finalizers": None}})

    run(work())


def test_a_run_that_a_person_deletes_is_not_made_again(here: Place) -> None:
    async def work() -> None:
        name = here.submit(dag(a_run()), "deleted")
        async with here.worker() as worker:
            await here.waiting(name, "work")
            for _ in range(2):
                await worker.look(here.namespace, name)
            (made,) = here.runs(name)
            here.access.delete(objects(*RUNS, here.namespace, made["metadata"]["name"]))
            await here.drive(worker, name)

    run(work())
    assert here.runs("deleted") == []
    assert outputs(here.nodes("deleted")["work"])["result"] == "cancelled"


def test_a_run_of_the_same_name_that_is_somebody_elses_is_not_taken_for_the_nodes(here: Place) -> None:
    async def work() -> None:
        name = here.submit(dag(a_run()), "claimed")
        await here.waiting(name, "work")
        meant = Recording(here.access)
        async with here.worker(meant) as worker:
            with pytest.raises(Killed):
                await worker.look(here.namespace, name)
        theirs = {"apiVersion": "agents.platform/v1", "kind": "CodeRun", "metadata": meant.made["metadata"],
                  "spec": {"repository": "acme/other", "task": "Theirs."}}  # fmt: skip
        theirs["metadata"].pop("ownerReferences")
        here.access.create(objects(*RUNS, here.namespace), theirs)
        async with here.worker() as worker:
            await here.drive(worker, name)

    run(work())
    node = here.nodes("claimed")["work"]
    assert (node["phase"], outputs(node)["result"]) == ("Failed", "failed")
    assert "that is none of this Workflow's" in node["message"]
    assert not here.runs()[0]["spec"].get("cancel")


@dataclass
class Recording:
    """A client that dies where it would create, and keeps what."""

    access: Access
    made: dict[str, Any] = field(default_factory=dict)

    def get(self, path: str, **query: str) -> dict[str, Any]:
        return self.access.get(path, **query)

    def find(self, path: str) -> dict[str, Any] | None:
        return self.access.find(path)

    def create(self, _path: str, body: Mapping[str, Any], **_query: str) -> dict[str, Any]:
        self.made = json.loads(json.dumps(body))
        raise Killed


NOBODYS = "workflows.argoproj.io/controller-instanceid"


def test_a_controller_that_overlooks_an_answer_is_woken_and_not_for_ever(
    here: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pressplay.operator.nodes.worker.NUDGE_SECONDS", 0.0)

    async def work() -> None:
        # No controller has such a Workflow, and so none goes on.
        name = here.submit(dag(a_gate()), "overlooked", **{NOBODYS: "nobody"})
        path = objects(*WORKFLOWS, here.namespace, name)
        node = {"id": "overlooked-1", "name": "overlooked.gate", "displayName": "gate", "type": "Suspend",
                "phase": "Succeeded", "startedAt": "2026-05-01T12:00:00Z", "finishedAt": "2026-05-01T12:00:01Z",
                "templateName": "gate"}  # fmt: skip
        here.access.patch(path, {"status": {"phase": "Running", "nodes": {"overlooked-1": node}}})
        async with here.worker() as worker:
            await worker.look(here.namespace, name)
            assert names.NUDGED in here.workflow(name)["metadata"]["annotations"]
            await worker.look(here.namespace, name)
            still = here.workflow(name)["metadata"]["resourceVersion"]
            for _ in range(3):
                await worker.look(here.namespace, name)
            assert here.workflow(name)["metadata"]["resourceVersion"] == still

    run(work())


def test_nodes_end_when_their_time_is_over(here: Place) -> None:
    async def work() -> None:
        spec = dag(a_run(timeout="3"), a_gate(timeout="2"), a_gate("person", "approve", timeout="2"))
        name = here.submit(spec, "late")
        async with here.worker() as worker:
            await here.drive(worker, name, lambda: end_cancelled(here))

    run(work())
    nodes = here.nodes("late")
    assert outputs(nodes["gate"]) == {"verdict": "timed-out", "head": ""}
    assert outputs(nodes["person"]) == {"verdict": "timed-out", "actor": ""}
    assert (nodes["work"]["phase"], outputs(nodes["work"])["result"]) == ("Failed", "cancelled")
    assert "not done within 3 s" in nodes["work"]["message"]
    assert here.phase("late") == "Failed"


def end_cancelled(here: Place) -> None:
    for each in here.runs():
        if each["spec"].get("cancel") and not each.get("status"):
            here.finish(each, "Cancelled", "Cancelled", headSHA=None)


@pytest.mark.parametrize(
    ("inputs", "words"),
    [
        ({"repository": "acme/sums; rm"}, "parameter repository: `acme/sums; rm` is not owner/name"),
        ({"pull-request": "0"}, "parameter pull-request: `0` is not the number of a pull request"),
        ({"operation": "deploy"}, "parameter operation: there is no `deploy`"),
    ],
    ids=["repository", "number", "operation"],
)
def test_what_cannot_be_asked_for_fails_at_once_with_every_output(
    here: Place, inputs: dict[str, str], words: str
) -> None:
    async def work() -> None:
        given = {"repository": "acme/sums", "pull-request": "7", **inputs}
        bad = suspended("bad", given.pop("operation", "run"), given, *RUN_OUTPUTS)
        spec = dag(
            bad, a_run(task="{{tasks.bad.outputs.parameters.result}}"), after={"work": {"depends": "bad.Failed"}}
        )
        spec["templates"][-1]["inputs"]["parameters"][-1] = {"name": "task"}
        spec["templates"][0]["dag"]["tasks"][-1]["arguments"] = {
            "parameters": [{"name": "task", "value": "{{tasks.bad.outputs.parameters.result}}."}]
        }
        name = here.submit(spec, "bad")
        async with here.worker() as worker:
            await here.drive(worker, name, lambda: here.end_runs(name))

    run(work())
    node = here.nodes("bad")["bad"]
    assert node["phase"] == "Failed"
    assert words in node["message"]
    assert outputs(node) == {**dict.fromkeys(RUN_OUTPUTS, ""), "result": "failed"}
    assert [each["spec"].get("task") for each in here.runs("bad")] == ["failed."]


def test_a_workflow_of_three_hundred_nodes_is_read_and_worked_on_where_argo_packs_them(here: Place) -> None:
    padding = "x" * 4000

    async def work() -> None:
        spec = dag(a_run(task=padding))
        spec["templates"][0]["dag"]["tasks"][0]["withSequence"] = {"count": "300"}
        name = here.submit(spec, "large")
        path = objects(*WORKFLOWS, here.namespace, name)
        await here.until("nodes to be packed", lambda: "compressedNodes" in here.workflow(name).get("status", {}))
        await here.until("all nodes", lambda: len(read_workflow(here.access.get(path)).waiting) == 300)
        async with here.worker() as worker:
            await worker.look(here.namespace, name)
            made = here.runs(name)
            assert len(made) == 300
            for each in made[:3]:
                here.finish(each)
            await worker.look(here.namespace, name)
            ended = [each for each in here.nodes(name).values() if each["phase"] == "Succeeded"]
            assert [outputs(each)["result"] for each in ended] == ["succeeded"] * 3
            here.change(name, {"shutdown": "Terminate"})
            await here.ended(name, "Failed")
            await worker.look(here.namespace, name)
            assert sum(bool(each["spec"].get("cancel")) for each in here.runs(name)) == 297

    run(work())


def due(identity: int, flow: str = "pr-flow", **more: Any) -> dict[str, Any]:
    """A flow as the gateway tells of it."""
    return {
        "id": identity, "key": f"5:pr:{identity}:{flow}:{HEAD}", "generation": 1, "flow": flow,
        "repository": "acme/sums", "repository_id": 5, "subject": f"pr:{identity}",
        "parameters": {"repository": "acme/sums", "pull-request": str(identity), "head": HEAD}, **more,
    }  # fmt: skip


def test_a_flow_that_is_due_is_made_goes_on_after_its_operator_was_killed_and_is_told_to_have_ended(
    here: Place, kubeconfig: Path, tmp_path: Path
) -> None:
    name = workflow_name(DueFlow.model_validate(due(1)))

    async def work() -> None:
        here.script.due = {"make": [due(1)]}
        with operator(here, kubeconfig, tmp_path):
            await here.until("the flow to be made", lambda: (1, "made") in here.script.news)
            await here.until("its first run", lambda: len(here.runs(name)) == 1)
        here.end_runs(name)
        # As if the answer had been lost: it is told to be due once more.
        here.script.due["make"] = [due(1)]
        with operator(here, kubeconfig, tmp_path):
            await here.until("its second run", lambda: len(here.runs(name)) == 2)
            here.end_runs(name)
            await here.until("its end to be told", lambda: here.script.news[-1] == (1, "ended"))
            # Its exit handler tells it, so the Workflow ends a moment later.
            await here.ended(name)

    run(work())
    assert here.script.ends[1]["phase"] == "Succeeded"
    assert len(here.access.get(objects(*WORKFLOWS, here.namespace))["items"]) == 1
    assert len(here.runs()) == 2


def test_a_flow_that_is_stale_is_ended_with_its_run_and_one_that_has_ended_holds_up_nobody(
    here: Place, kubeconfig: Path, tmp_path: Path
) -> None:
    async def work() -> None:
        here.script.due = {"make": [due(1), due(2)]}
        first, second = (workflow_name(DueFlow.model_validate(due(each))) for each in (1, 2))
        with operator(here, kubeconfig, tmp_path):
            await here.until("two runs", lambda: len(here.runs()) == 2)
            here.end_runs(first)
            await here.until("two runs of the first", lambda: len(here.runs(first)) == 2)
            here.end_runs(first)
            await here.ended(first)
            here.script.due["stop"] = [due(1), due(2), due(3)]
            await here.until("both to be told", lambda: not here.script.due["stop"])
            await here.ended(second, "Failed")
            await here.until("its run to be cancelled", lambda: here.runs(second)[0]["spec"].get("cancel") is True)

    run(work())


def test_an_event_wakes_what_waits_for_its_subject_and_nobody_else(
    here: Place, kubeconfig: Path, tmp_path: Path
) -> None:
    async def work() -> None:
        about = {names.REPOSITORY_ID: "5", names.SUBJECT: "pr-7"}
        here.submit(dag(a_gate()), "woken", **about)
        here.submit(dag(a_gate()), "asleep", **{**about, names.SUBJECT: "pr-8"})
        with operator(here, kubeconfig, tmp_path):
            await here.until("both to have been asked", lambda: len(here.script.asked) == 2)
            here.script.gates["checks"] = PASSED
            here.script.due = {"wakes": [{"id": 4, "repository_id": 5, "subject": "pr:7", "why": "checks"}]}
            await here.ended("woken")
            assert not here.script.due["wakes"]
        assert [each["workflow"] for each in here.script.asked[2:]] == ["woken"]
        assert here.nodes("asleep")["gate"]["phase"] == "Running"

    run(work())
