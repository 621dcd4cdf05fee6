"""What comes after the pull request: its webhook, a person's review, a failed check, each of which starts a flow.

All of it goes the way that GitHub's events go: the stand-in signs and sends, Argo Events brings it to the inbox, the
operator makes the Workflow, whose steps are runs and gates. Nothing is started by hand.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from localdemo import example
from localdemo.objects import FLOWS
from localdemo.standins import StandIns
from localkube.errors import LocalKubeError
from localkube.kubectl import Kubectl, Manifest

FLOW_SECONDS = 240
POLL_SECONDS = 1.0
ENDED = ("Succeeded", "Failed", "Error")
PERSON = {"login": "grace", "token": "of-grace", "role": "write"}
REVIEW = "Please test an empty range, too."
FLAKY = {"name": "unit", "conclusion": "failure", "log": "connection reset by peer\n", "again": ["success"]}


@dataclass(frozen=True)
class Flow:
    """A flow that has ended: its Workflow, what started it, and what its steps came to."""

    name: str
    phase: str
    cause: str
    steps: tuple[str, ...]


def follow(kubectl: Kubectl, hub: StandIns, pull: Manifest, say: Callable[[str], None]) -> list[Flow]:
    """Have the three events happen one after another, and wait for what each starts.

    Raises:
        LocalKubeError: a flow does not come, or does not end well.
    """
    number = pull["number"]
    flows = Flows(kubectl, f"pr-{number}", say)
    say("pr-flow: Clippy and QA look at the pull request")
    found = [flows.end_of("pr-flow", "the pull request's webhook")]
    say(f"comment-flow: {PERSON['login']} writes a review comment; more is waited for, 20 s, and answered with it")
    hub.hub("POST", "/_hub/users", PERSON)
    _review(hub, number)
    found.append(flows.end_of("comment-flow", f"{PERSON['login']}'s comment: {REVIEW}"))
    say("ci-flow: a check fails, and passes when it is run again")
    told = {"repository": example.REPOSITORY, "branch": pull["head"]["ref"], "name": "ci", "jobs": [FLAKY]}
    hub.hub("POST", "/_hub/workflow-runs", told)
    found.append(flows.end_of("ci-flow", "the failed check `unit`"))
    return found


def _review(hub: StandIns, number: int) -> None:
    pull = hub.pull(example.REPOSITORY, number)
    line = hub.line_of(example.REPOSITORY, number, example.ADDED_TEST)
    told = {"body": REVIEW, "commit_id": pull["head"]["sha"], "path": example.PROOF_FILE, "line": line, "side": "RIGHT"}
    path = f"/api/v3/repos/{example.REPOSITORY}/pulls/{number}/comments"
    hub.hub("POST", path, told, token=PERSON["token"])


@dataclass(frozen=True)
class Flows:
    """Workflows about one subject."""

    kubectl: Kubectl
    subject: str
    say: Callable[[str], None]

    def end_of(self, flow: str, cause: str) -> Flow:
        """Wait until a flow has come and has ended well.

        Raises:
            LocalKubeError: it does not.
        """
        deadline, told = time.monotonic() + FLOW_SECONDS, ""
        while True:
            workflow = self._find(flow)
            steps = _steps(workflow) if workflow else ()
            if steps and steps[-1] != told:
                told = steps[-1]
                self.say(f"{flow}: {told}")
            phase = (workflow or {}).get("status", {}).get("phase", "")
            if workflow and phase in ENDED:
                break
            if time.monotonic() > deadline:
                raise LocalKubeError(
                    f"{flow} has not ended within {FLOW_SECONDS} s: {told or 'it has not begun'}", _ask(workflow)
                )
            time.sleep(POLL_SECONDS)
        name = workflow["metadata"]["name"]
        if phase != "Succeeded":
            raise LocalKubeError(f"{flow} ended as {phase}: {told}", _ask(workflow))
        return Flow(name, phase, cause, steps)

    def _find(self, flow: str) -> Manifest | None:
        selector = f"agents.platform/flow={flow},agents.platform/subject={self.subject}"
        listed = self.kubectl.get_json("workflows", f"--namespace={FLOWS}", f"--selector={selector}")["items"]
        return max(listed, key=lambda each: str(each["metadata"]["creationTimestamp"]), default=None)


def _ask(workflow: Manifest | None) -> str:
    """What tells why a flow is as it is."""
    if workflow is None:
        return "`pressplay doctor` looks at what brings events; the pull request before it is there"
    return f"`pressplay why {workflow['metadata']['name']} --namespace {FLOWS}`"


def _steps(workflow: Manifest) -> tuple[str, ...]:
    """The steps that have ended, in their order, with what each came to."""
    nodes: list[dict[str, Any]] = list((workflow.get("status", {}).get("nodes") or {}).values())
    ended = [node for node in nodes if node["type"] == "Suspend" and node.get("finishedAt")]
    return tuple(
        f"{_plain(node['displayName'])}: {node.get('message', '')}"
        for node in sorted(ended, key=lambda each: each["finishedAt"])
    )


def _plain(name: str) -> str:
    """A step's name without the number that Argo gives each of its tries, and without its Workflow's before it."""
    return re.sub(r"\(\d+\)$", "", name).rpartition(".")[2]


def table(flows: list[Flow]) -> str:
    """Flows with their causes and steps, for people."""
    return "\n\n".join(
        "\n".join((f"{flow.name} ({flow.phase}), started by {flow.cause}", *(f"  {step}" for step in flow.steps)))
        for flow in flows
    )
