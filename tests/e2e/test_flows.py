"""Flows on a real Argo: the courses that the walker takes, turns, retries, and what a bare resume does."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from localdemo.objects import FLOWS
from localdemo.standins import StandIns, archive_of
from localkube.state import ClusterRecord
from pressplay.resources import names
from tests.e2e.support import argo, flows
from tests.e2e.support.commands import pressplay, refused
from tests.e2e.support.kube import Kube, Manifest
from tests.e2e.support.waiting import until
from tests.unit.a_flow import COURSES, PULL, REPORT, Course, answer_of

SECONDS = 60.0
POD_SECONDS = 240.0
RUN_SECONDS = 150.0
# How the titles of Workflows begin, by which people tell them apart in lists.
ABOUT: dict[str, tuple[str, ...]] = {
    "pr-flow": ("octo/shop#7: ",),
    "comment-flow": ("octo/shop#7: ",),
    "issue-flow": ("octo/shop#3: ",),
    "ci-flow": ("octo/shop#7: ", "octo/shop main: "),
    "security-flow": ("octo/shop code_scanning_alert:5: ", "octo/shop dependabot_alert:5: "),
    "loop-flow": ("octo/shop: ",),
    "task-flow": ("octo/shop: ",),
    "coderun-template": ("octo/shop: ",),
    "docsrun-template": ("octo/shop: ",),
}


@dataclass(frozen=True)
class Place:
    """A namespace with all templates."""

    kube: Kube
    namespace: str
    server: argo.Server

    def nodes(self, workflow: str) -> dict[str, Manifest]:
        status = self.kube.get("Workflow", workflow, self.namespace).get("status") or {}
        return {node["name"].removeprefix(f"{workflow}."): node for node in (status.get("nodes") or {}).values()}

    def await_node(self, workflow: str, name: str, phase: str) -> Manifest:
        nudges = flows.Nudges(self.kube, self.namespace, workflow)

        def look() -> Manifest | None:
            node = self.nodes(workflow).get(name)
            if node and node["phase"] == phase:
                return node
            nudges.stood()
            return None

        return until(
            f"node {name} of {workflow} to be {phase}", look, seconds=SECONDS, seen=lambda: self.nodes(workflow)
        )

    def complete(self, workflow: str, node: Manifest, phase: str = "Succeeded", message: str = "") -> None:
        inputs = flows.parameters(node, "inputs")
        _, outputs = answer_of(COURSES[0], flows.path_of(node), inputs)
        code, told = self.server.complete(
            self.namespace, workflow, node["id"], outputs, phase=phase, message=message or "done"
        )
        assert code == 200, told

    def await_end(self, workflow: str) -> str:
        """Its phase, when its exit handler has reported it and it has ended."""
        self.complete(workflow, self.await_node(workflow, REPORT, "Running"))
        return self.await_phase(workflow)

    def await_phase(self, workflow: str) -> str:
        """Its phase, when it has ended, whether it reports that or not."""
        nudges = flows.Nudges(self.kube, self.namespace, workflow)
        return argo.await_end(self.kube, self.namespace, workflow, stood=nudges.stood).phase


@pytest.fixture(scope="module")
def place(kube: Kube) -> Iterator[Place]:
    with kube.namespace("flows") as namespace:
        yield Place(kube, namespace, flows.install(kube, namespace))


@pytest.fixture(scope="module")
def taken(kube: Kube) -> Iterator[dict[str, flows.Taken]]:
    """All courses, taken side by side."""
    with kube.namespace("courses") as namespace:
        server = flows.install(kube, namespace)
        kube.patch("ConfigMap", "pressplay-limits", namespace, {"data": {"runs": str(len(COURSES))}})
        yield flows.take(kube, server, namespace, COURSES)
        assert kube.list("Pod", namespace) == [], "waiting costs no pod"


@pytest.mark.xdist_group("flows")
@pytest.mark.parametrize("course", COURSES, ids=lambda course: f"{course.flow}: {course.name}")
def test_a_flow_takes_its_course_on_argo(taken: dict[str, flows.Taken], course: Course) -> None:
    done = taken[f"{course.flow}: {course.name}"]
    assert tuple(path for path, _ in done.began) == (*course.nodes, REPORT)
    assert done.ended == course.phase, done.told
    began = dict(done.began)
    assert began[REPORT]["ended"] == course.phase
    assert {(path, name): began[path][name] for path, name in course.begins} == course.begins
    assert {name: done.outputs[name] for name in course.outputs} == course.outputs


@pytest.mark.xdist_group("flows")
def test_a_workflow_says_which_flow_it_is_to_the_operator_and_to_people(taken: dict[str, flows.Taken]) -> None:
    for done in taken.values():
        assert done.labels["agents.platform/flow"] == done.course.flow
        assert done.annotations["workflows.argoproj.io/title"].startswith(ABOUT[done.course.flow])
        assert done.annotations["workflows.argoproj.io/description"]


@pytest.mark.xdist_group("flows")
def test_a_run_waits_for_its_turn_and_its_time_begins_with_it(place: Place) -> None:
    place.kube.patch("ConfigMap", "pressplay-limits", place.namespace, {"data": {"runs": "1"}})
    first = flows.submit(place.kube, place.namespace, "pr-flow", PULL)
    held = place.await_node(first, "clippy(0)", "Running")
    second = flows.submit(place.kube, place.namespace, "pr-flow", PULL)
    waits = place.await_node(second, "clippy", "Pending")
    assert "clippy(0)" not in place.nodes(second)
    assert "lock" in waits["message"]
    place.complete(first, held)
    # Whose turn is next is Argo's affair; one of them begins, and no sooner than the first one ended.
    ended = place.await_node(first, "clippy(0)", "Succeeded")["finishedAt"]

    def next_one() -> list[Manifest]:
        return [node for each in (first, second) for node in flows.waiting(place.nodes(each))]

    [node] = until("the next run to begin", next_one, seconds=SECONDS)
    assert node["startedAt"] >= ended


@pytest.mark.xdist_group("flows")
def test_a_run_that_the_world_failed_is_made_anew_once(place: Place) -> None:
    place.kube.patch("ConfigMap", "pressplay-limits", place.namespace, {"data": {"runs": "10"}})
    name = flows.submit(place.kube, place.namespace, "coderun-template", {"repository": "octo/shop", "task": "Mend"})
    told = "CodeRun coderun-0a: GitHubUnavailable: no answer"
    for turn in ("run(0)", "run(1)"):
        place.complete(name, place.await_node(name, turn, "Running"), "Failed", told)
    assert place.await_end(name) == "Failed"
    assert "run(2)" not in place.nodes(name)


@pytest.mark.xdist_group("flows")
def test_a_run_that_failed_by_itself_is_not_made_anew(place: Place) -> None:
    name = flows.submit(place.kube, place.namespace, "coderun-template", {"repository": "octo/shop", "task": "Mend"})
    place.complete(name, place.await_node(name, "run(0)", "Running"), "Failed", "CodeRun coderun-0a: Cancelled: by Ada")
    assert place.await_end(name) == "Failed"
    assert "run(1)" not in place.nodes(name)


def resume(place: Place, workflow: str, selector: str = "") -> int:
    told = {"namespace": place.namespace, "name": workflow, "nodeFieldSelector": selector}
    return place.server.call("PUT", f"/api/v1/workflows/{place.namespace}/{workflow}/resume", told)[0]


@pytest.mark.xdist_group("flows")
def test_resuming_a_workflow_passes_no_gate(place: Place) -> None:
    name = flows.submit(place.kube, place.namespace, "ci-flow", PULL)
    place.await_node(name, "triage", "Running")
    assert resume(place, name) == 500
    assert place.nodes(name)["triage"]["phase"] == "Running"


@pytest.mark.xdist_group("flows")
def test_a_gate_that_is_resumed_by_name_says_nothing_and_so_ends_its_flow(place: Place) -> None:
    name = flows.submit(place.kube, place.namespace, "loop-flow", PULL, "govern")
    gate = place.await_node(name, "approve", "Running")
    assert resume(place, name, f"id={gate['id']}") == 200
    # Argo cannot go on, and executes no exit handler either; the operator sees that it has ended.
    assert place.await_phase(name) == "Error"


@pytest.mark.xdist_group("flows")
def test_a_task_that_is_typed_reaches_its_run_as_it_was_typed(kube: Kube, platform: StandIns) -> None:
    """Also with what Argo would replace, and with what it refuses."""
    tasks = ("Mend {{=1+1}} of {{workflow.name}}", "{{inputs.parameters.nope}} $(id) '\"}],", "{{=''}}")
    given = {"repository": "octo/nowhere"}
    started = [flows.submit(kube, FLOWS, "coderun-template", {**given, "task": task}) for task in tasks]
    started.append(flows.submit(kube, FLOWS, "loop-flow", {**given, "task": tasks[0]}, "execute"))
    for name, task in zip(started, (*tasks, tasks[0]), strict=True):
        assert run_of(kube, name)["spec"]["task"] == task
        kube.delete("Workflow", name, FLOWS)


def run_of(kube: Kube, workflow: str) -> Manifest:
    """The run that the operator makes for the one node of a Workflow."""
    selector = f"{names.WORKFLOW_UID}={kube.get('Workflow', workflow, FLOWS)['metadata']['uid']}"
    [run] = until(f"the run of {workflow}", lambda: kube.list("CodeRun", FLOWS, selector), seconds=SECONDS)
    return run


GIVES_UP_ONCE = """
match: mend it at the second try
turns:
  - tools:
      - {name: finish, arguments: {title: No, body: not like this, outcome: cannot}}
  - tools:
      - {name: write, arguments: {path: mended.txt, content: "mended"}}
      - {name: finish, arguments: {title: Mended, body: "at the second try"}}
"""


def test_a_flow_that_failed_is_retried_and_goes_on_with_the_work_of_its_run(
    cluster: ClusterRecord, kube: Kube, platform: StandIns
) -> None:
    platform.repository("acme/retried", archive_of({"README.md": "A repository\n"}))
    platform.script("gives-up-once.yaml", GIVES_UP_ONCE)
    given = {"repository": "acme/retried", "task": "mend it at the second try"}
    name = flows.submit(kube, FLOWS, "coderun-template", given)
    assert argo.await_end(kube, FLOWS, name, RUN_SECONDS).phase == "Failed"
    first = run_of(kube, name)["metadata"]["name"]
    env = {"KUBECONFIG": str(cluster.kubeconfig)}
    assert "did you mean 'run'?" in refused("retry", name, "--node", "runs", "-n", FLOWS, env=env)
    assert pressplay("retry", name, "-n", FLOWS, env=env).strip() == name
    assert argo.await_end(kube, FLOWS, name, RUN_SECONDS).phase == "Succeeded"
    uid = kube.get("Workflow", name, FLOWS)["metadata"]["uid"]
    second, *others = [
        each for each in kube.list("CodeRun", FLOWS, f"{names.WORKFLOW_UID}={uid}") if each["metadata"]["name"] != first
    ]
    assert others == []
    assert (second["spec"]["continueFrom"], second["status"]["phase"]) == (first, "Succeeded")
    assert platform.pull("acme/retried", second["status"]["pullRequest"])["title"] == "Mended"
    assert "succeeded, so nothing of it failed" in refused("retry", name, "-n", FLOWS, env=env)
    kube.delete("Workflow", name, FLOWS)


@pytest.mark.parametrize(("how", "reports"), [("stop", True), ("terminate", False)])
def test_a_flow_that_is_stopped_reports_its_end_and_one_that_is_terminated_does_not(
    place: Place, how: str, reports: bool
) -> None:
    name = flows.submit(place.kube, place.namespace, "pr-flow", PULL)
    place.await_node(name, "clippy(0)", "Running")
    told = {"namespace": place.namespace, "name": name}
    assert place.server.call("PUT", f"/api/v1/workflows/{place.namespace}/{name}/{how}", told)[0] == 200
    if reports:
        node = place.await_node(name, REPORT, "Running")
        assert flows.parameters(node, "inputs")["ended"] == "Failed"
        assert place.await_end(name) == "Failed"
    else:
        assert place.await_phase(name) == "Failed"
        assert REPORT not in place.nodes(name)


@pytest.mark.xdist_group("flows")
def test_where_the_operator_may_not_touch_workflows_a_pod_makes_the_run_and_waits_for_it(
    place: Place, platform: StandIns
) -> None:
    task = 'Mend "it":\n- {{ .Values.total }}'
    for manifest in flows.accounts(place.namespace):
        place.kube.create(manifest)
    asked = {"repository": "octo/nowhere", "task": task, "base": "main"}
    name = flows.submit(place.kube, place.namespace, "coderun-resource-template", asked)
    [run] = until("the run to be made", lambda: place.kube.list("CodeRun", place.namespace), seconds=POD_SECONDS)
    # The operator finds no such repository; where it is slower than this the end is the same.
    place.kube.patch_status("CodeRun", run["metadata"]["name"], place.namespace, {"phase": "Failed"})
    assert argo.await_end(place.kube, place.namespace, name, POD_SECONDS).phase == "Failed"
    assert "failure condition" in place.kube.get("Workflow", name, place.namespace)["status"]["message"]
    assert run["spec"]["task"] == task
    assert {"repository": "octo/nowhere", "persona": "rex", "base": "main"}.items() <= run["spec"].items()
    assert [owner["name"] for owner in run["metadata"]["ownerReferences"]] == [name]
