"""What befalls runs: pods that die, lost answers, agents and repositories that mean no good. No work is lost."""

from __future__ import annotations

import json

import pytest

from localdemo.objects import SYSTEM
from localdemo.standins import StandIns, archive_of
from tests.e2e.support.kube import Kube, Manifest
from tests.e2e.support.runs import create, end_of, ended, status_of, told
from tests.e2e.support.waiting import until

REPOSITORY = "acme/faults"
BACKLOG = {"master": {"tasks": [{"id": 1, "title": "Add", "description": "Add two numbers.", "dependencies": []}]}}
FILES = {
    "sums.py": "def add(a, b):\n    return a - b\n",
    ".taskmaster/tasks/tasks.json": json.dumps(BACKLOG),
}

# The second command does not end in the pod in which the first one ran, and ends at once in any other.
SLOW = """
match: mend it, and be killed on the way
turns:
  - tools:
      - {name: edit, arguments: {path: sums.py, old: "a - b", new: "a + b"}}
      - {name: shell, arguments: {command: "hostname > .git/first-pod; hostname > first-pod"}}
  - tools:
      - {name: shell, arguments: {command: "[ $(hostname) != $(cat first-pod) ] || sleep 280", seconds: 290}}
  - tools:
      - {name: shell, arguments: {command: "rm first-pod; cat sums.py"}}
  - expect: a + b
    tools:
      - {name: finish, arguments: {title: Add, body: "Begun in one pod, ended in another."}}
"""
WAITS = """
match: wait for ever
turns:
  - tools: [{name: shell, arguments: {command: sleep 280, seconds: 290}}]
"""
QUICK = """
match: mend it
turns:
  - tools:
      - {name: edit, arguments: {path: sums.py, old: "a - b", new: "a + b"}}
      - {name: finish, arguments: {title: Add, body: ""}}
"""
NEVER_ENDS = """
match: a command that never ends
turns:
  - tools: [{name: shell, arguments: {command: "echo begun; sleep 1000", seconds: 2}}]
  - expect: begun
    tools:
      - {name: edit, arguments: {path: sums.py, old: "a - b", new: "a + b"}}
      - {name: finish, arguments: {title: Add, body: "The command was ended."}}
"""
# What a repository's own code, or an agent that it has talked into it, might leave behind for whoever reads the tree.
HOSTILE_GIT = """
match: hooks and settings
turns:
  - tools:
      - name: shell
        arguments:
          command: |
            mkdir -p .git/hooks
            for hook in pre-commit post-checkout pre-push; do
              printf '#!/bin/sh\\necho PWNED > PWNED\\n' > .git/hooks/$hook
              chmod +x .git/hooks/$hook
            done
            git config core.fsmonitor 'echo PWNED > PWNED; false'
            git config filter.evil.clean 'echo PWNED'
            git config core.hooksPath "$PWD/.git/hooks"
            echo '*.py filter=evil' > .git/info/attributes
            sed -i 's/a - b/a + b/' sums.py
  - tools:
      - {name: finish, arguments: {title: Add, body: ""}}
"""
HOSTILE_LINK = """
match: a link to elsewhere
turns:
  - tools:
      - {name: shell, arguments: {command: "ln -s /proc/self/environ leak; ln -s ../../../../etc/passwd up"}}
      - {name: finish, arguments: {title: Links, body: ""}}
repeat: last
"""
DOCUMENTS = """
match: Write the documents of 1 tasks
turns:
  - tools:
      - {name: write, arguments: {path: .taskmaster/docs/task-1/task.md, content: "# Add\\n"}}
      - {name: write, arguments: {path: .taskmaster/docs/task-1/prompt.md, content: "Add.\\n"}}
      - {name: write, arguments: {path: .taskmaster/docs/task-1/acceptance-criteria.md, content: "- adds\\n"}}
      - {name: finish, arguments: {title: Document the backlog, body: One task.}}
"""
SCRIPTS = {
    "slow": SLOW, "waits": WAITS, "quick": QUICK, "never-ends": NEVER_ENDS, "hostile-git": HOSTILE_GIT,
    "hostile-link": HOSTILE_LINK, "documents": DOCUMENTS,
}  # fmt: skip


@pytest.fixture(scope="module")
def hub(platform: StandIns) -> StandIns:
    platform.repository(REPOSITORY, archive_of(FILES))
    for name, text in SCRIPTS.items():
        platform.script(f"faults-{name}.yaml", text)
    return platform


def spec(task: str, **more: object) -> Manifest:
    return {"repository": REPOSITORY, "task": task, **more}


def pod_of(kube: Kube, place: str) -> Manifest | None:
    pods = [pod for pod in kube.list("Pod", place) if "deletionTimestamp" not in pod["metadata"]]
    return pods[0] if pods else None


def at_work(kube: Kube, place: str, pod: str, command: str) -> bool:
    """Whether a command runs in the workbench."""
    look = "cat /proc/[0-9]*/cmdline 2>/dev/null | tr '\\0' ' '"
    _, said = kube.execute(place, pod, "sh", "-c", look, container="workbench")
    return command in said


def await_command(kube: Kube, place: str, run: str, command: str) -> str:
    """Wait until a run's agent is in a command that lasts; answers the pod's name."""

    def look() -> str:
        pod = pod_of(kube, place)
        name = str(pod["metadata"]["name"]) if pod else ""
        return name if name and at_work(kube, place, name, command) else ""

    return until(f"{command} to run", look, seconds=90, seen=lambda: status_of(kube, place, run))


def test_two_runs_at_once_make_two_pull_requests(kube: Kube, hub: StandIns, place: str) -> None:
    for name in ("one", "two"):
        create(kube, place, name, spec("mend it"))
    both = [end_of(kube, place, name) for name in ("one", "two")]
    assert [each["phase"] for each in both] == ["Succeeded", "Succeeded"], both
    assert both[0]["pullRequest"] != both[1]["pullRequest"]
    assert both[0]["branch"] != both[1]["branch"]


def test_a_run_whose_pod_is_killed_goes_on_with_what_was_done(kube: Kube, hub: StandIns, place: str) -> None:
    create(kube, place, "slow", spec("mend it, and be killed on the way"))
    pod = await_command(kube, place, "slow", "sleep 280")
    kube.delete("Pod", pod, place, grace=0)
    status = end_of(kube, place, "slow", seconds=200)
    assert status["phase"] == "Succeeded", status
    page = hub.page(REPOSITORY, status["pullRequest"])
    assert "+    return a + b" in page
    assert "first-pod" not in page


def test_a_run_that_is_deleted_takes_its_pod_along_and_makes_nothing(kube: Kube, hub: StandIns, place: str) -> None:
    create(kube, place, "gone", spec("wait for ever"))
    until("the pod", lambda: pod_of(kube, place), seconds=60)
    kube.delete("CodeRun", "gone", place)
    until("the run to be gone", lambda: kube.find("CodeRun", "gone", place) is None, seconds=60)
    until("its pod to be gone", lambda: not kube.list("Pod", place), seconds=60)
    assert not kube.list("Job", place)


def test_a_cancelled_run_ends_while_its_command_runs(kube: Kube, hub: StandIns, place: str) -> None:
    create(kube, place, "held", spec("wait for ever"))
    await_command(kube, place, "held", "sleep 280")
    kube.patch("CodeRun", "held", place, {"spec": {"cancel": True}})
    assert end_of(kube, place, "held", seconds=60)["phase"] == "Cancelled"
    until("its pod to be gone", lambda: not kube.list("Pod", place), seconds=60)


def test_a_run_that_is_cancelled_in_the_moment_in_which_its_pod_is_there_ends_with_it(
    kube: Kube, hub: StandIns, place: str
) -> None:
    create(kube, place, "held", spec("wait for ever"))
    until("the pod", lambda: pod_of(kube, place), seconds=60)
    kube.patch("CodeRun", "held", place, {"spec": {"cancel": True}})
    assert end_of(kube, place, "held", seconds=60)["phase"] == "Cancelled"
    until("its pod to be gone", lambda: not kube.list("Pod", place), seconds=60)


def test_a_finished_run_goes_when_its_time_is_over(kube: Kube, hub: StandIns, place: str) -> None:
    create(kube, place, "short", spec("mend it", ttlSecondsAfterFinished=1))
    until("the run to be gone", lambda: kube.find("CodeRun", "short", place) is None, seconds=120,
          seen=lambda: status_of(kube, place, "short"))  # fmt: skip


def test_a_command_that_never_ends_is_ended_and_the_work_goes_on(kube: Kube, hub: StandIns, place: str) -> None:
    status = ended(kube, place, "endless", spec("a command that never ends"))
    assert status["phase"] == "Succeeded", status


def test_hooks_and_settings_in_the_work_do_nothing(kube: Kube, hub: StandIns, place: str) -> None:
    status = ended(kube, place, "hooks", spec("hooks and settings"))
    assert status["phase"] == "Succeeded", status
    page = hub.page(REPOSITORY, status["pullRequest"])
    assert "+    return a + b" in page
    assert "PWNED" not in page


def test_a_link_that_leads_out_of_the_repository_is_refused(kube: Kube, hub: StandIns, place: str) -> None:
    status = ended(kube, place, "links", spec("a link to elsewhere"))
    reason, message = told(status, "Finished")
    assert (status["phase"], reason) == ("Failed", "OutputRefused")
    assert "leak" in message
    assert "pullRequest" not in status


def test_an_image_without_git_is_named(kube: Kube, hub: StandIns, place: str, base: str) -> None:
    status = ended(kube, place, "bare", spec("mend it", workbench={"image": base}, attempts=1))
    reason, message = told(status, "Finished")
    assert (status["phase"], reason) == ("Failed", "WorkbenchUnusable"), status
    assert "git" in message
    assert "spec.workbench.image" in message


@pytest.mark.alone
def test_a_key_that_the_vendor_refuses_ends_the_run_with_the_remedy(kube: Kube, hub: StandIns, place: str) -> None:
    hub.model_fault({"status": 401, "count": 1})
    status = ended(kube, place, "key", spec("mend it"))
    reason, message = told(status, "Finished")
    assert (status["phase"], reason) == ("Failed", "ModelRefusedKey"), status
    assert "pressplay-llm" in message


@pytest.mark.alone
def test_a_vendor_that_is_overloaded_is_asked_again(kube: Kube, hub: StandIns, place: str) -> None:
    hub.model_fault({"status": 529, "count": 2})
    assert ended(kube, place, "busy", spec("mend it"))["phase"] == "Succeeded"


@pytest.mark.alone
def test_a_lost_answer_of_github_makes_no_second_pull_request(kube: Kube, hub: StandIns, place: str) -> None:
    hub.hub("POST", "/_hub/faults", {"match": "POST .*/pulls$", "drop": True})
    before = len(hub.hub("GET", f"/api/v3/repos/{REPOSITORY}/pulls?state=all&per_page=100"))
    status = ended(kube, place, "lost", spec("mend it"))
    assert status["phase"] == "Succeeded", status
    assert len(hub.hub("GET", f"/api/v3/repos/{REPOSITORY}/pulls?state=all&per_page=100")) == before + 1


@pytest.mark.alone
def test_of_two_operators_one_is_at_work_and_the_other_takes_over(kube: Kube, hub: StandIns, place: str) -> None:
    with kube.scaled("Deployment", "pressplay-operator", SYSTEM, 2):
        create(kube, place, "first", spec("mend it"))
        first = end_of(kube, place, "first")
        holder = kube.get("Lease", "pressplay-operator", SYSTEM)["spec"]["holderIdentity"]
        active = next(
            pod["metadata"]["name"]
            for pod in kube.list("Pod", SYSTEM, "app.kubernetes.io/component=operator")
            if pod["metadata"]["name"] in holder
        )
        kube.delete("Pod", active, SYSTEM, grace=0)
        create(kube, place, "second", spec("mend it"))
        second = end_of(kube, place, "second")
        assert [first["attempts"], second["attempts"]] == [1, 1]
        assert [first["phase"], second["phase"]] == ["Succeeded", "Succeeded"]
        assert kube.get("Lease", "pressplay-operator", SYSTEM)["spec"]["holderIdentity"] != holder


def test_a_backlog_is_written_out_as_documents(kube: Kube, hub: StandIns, place: str) -> None:
    status = ended(kube, place, "docs", {"repository": REPOSITORY}, "DocsRun")
    assert status["phase"] == "Succeeded", status
    page = hub.page(REPOSITORY, status["pullRequest"])
    for file in ("task.md", "prompt.md", "acceptance-criteria.md"):
        assert f"+++ b/.taskmaster/docs/task-1/{file}" in page
