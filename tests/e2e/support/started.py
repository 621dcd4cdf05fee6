"""Flows that events have started: their Workflow and its runs, held in the middle of one where a script waits.

A script holds a run by the command `HOLD`, which ends as soon as somebody lets it go.
"""

from __future__ import annotations

from dataclasses import dataclass

from localdemo.objects import FLOWS
from localdemo.standins import StandIns
from pressplay.resources import names
from tests.e2e.support import argo
from tests.e2e.support.kube import Kube, Manifest
from tests.e2e.support.people import API
from tests.e2e.support.runs import status_of
from tests.e2e.support.waiting import until

LET_GO = "/tmp/let-go"
# A shell of its own: what the workbench executes stands in a file, and not among its processes' words.
HOLD = f"sh -c 'until [ -e {LET_GO} ]; do sleep 0.1; done'"
BEGIN_SECONDS = 240.0
END_SECONDS = 240.0


def repository_id(hub: StandIns, name: str) -> int:
    """By what flows know a repository."""
    return int(hub.hub("GET", f"{API}/{name}")["id"])


@dataclass(frozen=True)
class Started:
    """What events have started about one subject, `pr:7` or `issue:3`, of a repository."""

    kube: Kube
    repository_id: int
    subject: str

    def workflows(self) -> list[Manifest]:
        """All of them, the oldest first."""
        label = self.subject.replace(":", "-")
        selector = f"{names.REPOSITORY_ID}={self.repository_id},{names.SUBJECT}={label}"
        found = self.kube.list("Workflow", FLOWS, selector)
        return sorted(found, key=lambda each: str(each["metadata"]["creationTimestamp"]))

    def await_one(self) -> Manifest:
        """Wait until there is one, and answer it."""
        return until(f"a flow of {self.subject}", self.workflows, seconds=BEGIN_SECONDS)[0]

    def await_end(self) -> Manifest:
        """Wait until all of them have ended; answers the latest."""

        def look() -> Manifest | None:
            found = self.workflows()
            ended = [each for each in found if (each.get("status") or {}).get("phase") in argo.ENDED]
            return found[-1] if found and len(ended) == len(found) else None

        return until(f"the end of the flows of {self.subject}", look, seconds=END_SECONDS, seen=self.story)

    def runs(self) -> list[Manifest]:
        """The runs of all of them, the oldest first."""
        uids = ",".join(each["metadata"]["uid"] for each in self.workflows())
        found = self.kube.list("CodeRun", FLOWS, f"{names.WORKFLOW_UID} in ({uids})") if uids else []
        return sorted(found, key=lambda each: str(each["metadata"]["creationTimestamp"]))

    def await_held(self) -> str:
        """Wait until a run of theirs is in `HOLD`; answers its pod."""

        def look() -> str | None:
            return next((pod for pod in self._pods() if self._holds(pod)), None)

        return until(f"a run of {self.subject} to be held", look, seconds=BEGIN_SECONDS, seen=self.story)

    def let_go(self) -> None:
        """Have the run that is held go on."""
        code, told = self.kube.execute(FLOWS, self.await_held(), "touch", LET_GO, container="workbench")
        assert code == 0, told

    def story(self) -> list[str]:
        """Steps and runs in a line each, for the message of a test that failed."""
        nodes = [
            f"{node['displayName']} {node['phase']}: {node.get('message', '')}"
            for each in self.workflows()
            for node in ((each.get("status") or {}).get("nodes") or {}).values()
            if node["type"] == "Suspend"
        ]
        runs = {run["metadata"]["name"]: run for run in self.runs()}
        told = [f"{name}: {status_of(self.kube, FLOWS, name)}" for name in runs]
        # What befell their pods is in events of theirs.
        ours = (*runs, *(run["status"]["job"] for run in runs.values() if run.get("status", {}).get("job")))
        events = [
            f"{each['involvedObject']['name']}: {each.get('reason')}: {each.get('message')}"
            for each in self.kube.list("Event", FLOWS)
            if each["involvedObject"]["name"].startswith(ours)
        ]
        return [*nodes, *told, *events]

    def _pods(self) -> list[str]:
        uids = ",".join(run["metadata"]["uid"] for run in self.runs())
        pods = self.kube.list("Pod", FLOWS, f"{names.RUN_UID} in ({uids})") if uids else []
        return [pod["metadata"]["name"] for pod in pods]

    def _holds(self, pod: str) -> bool:
        words = ("sh", "-c", "cat /proc/[0-9]*/cmdline 2>/dev/null | tr '\\0' ' '")
        code, said = self.kube.execute(FLOWS, pod, *words, container="workbench")
        return code == 0 and f"until [ -e {LET_GO} ]" in said
