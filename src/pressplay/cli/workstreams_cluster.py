"""A set of workstreams in the cluster: where it is worked, what has run of it, and beginning what is to run.

Everything is read anew each time. Names follow from the set and a generation, so that beginning twice begins once.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from http import HTTPStatus
from typing import Any, Final

from pressplay.cli import runs, workflows
from pressplay.kube.access import Access, Refused, objects
from pressplay.kube.argo import API_VERSION as ARGO
from pressplay.kube.argo import PLURAL, UNFINISHED, has_ended
from pressplay.planner.workstream_board import Ran, State
from pressplay.planner.workstream_objects import FLOW
from pressplay.resources import names
from pressplay.resources.reasons import Phase

ENDED: Final[Mapping[str, State]] = {
    Phase.SUCCEEDED: State.DONE, Phase.FAILED: State.FAILED, Phase.CANCELLED: State.CANCELLED,
}  # fmt: skip
# Of a node of ours: as it is, or within the node that tries it again.
TASKS: Final = ("Suspend", "Retry")


@dataclass(frozen=True)
class Seen:
    """What there is of a set.

    Attributes:
        ran: all runs of its workstreams, of all generations.
        live: the Workflow that works it now; None where none does.
        versions: of the lists by kind, to wait for what comes after them.
    """

    ran: tuple[Ran, ...]
    live: dict[str, Any] | None
    versions: Mapping[str, str] = field(default_factory=dict)

    @property
    def wanted(self) -> dict[str, int]:
        """The generation of each workstream that the live Workflow works: what ran of it before counts no more."""
        if self.live is None:
            return {}
        templates = self.live["spec"].get("templates") or []
        tasks = [task["name"] for each in templates for task in (each.get("dag") or {}).get("tasks") or []]
        return dict.fromkeys(tasks, generation(self.live))


def gather(access: Access, places: Sequence[str], of: str) -> Seen:
    """What there is of a set.

    Args:
        places: namespaces; the versions are those of the first. Others that one may not look into are passed over.
    """
    first = _gather(access, places[0], of)
    found = [first]
    for place in places[1:]:
        try:
            found.append(_gather(access, place, of))
        except Refused as error:
            if error.status != HTTPStatus.FORBIDDEN:
                raise
    live = next((each.live for each in found if each.live is not None), None)
    return Seen(tuple(ran for each in found for ran in each.ran), live, first.versions)


def _gather(access: Access, namespace: str, of: str) -> Seen:
    selector = f"{names.SUBJECT}={of},{names.FLOW}={FLOW}"
    listed = access.get(runs.path("CodeRun", namespace), labelSelector=selector)
    versions = {"CodeRun": listed["metadata"]["resourceVersion"]}
    code_runs = [{"kind": "CodeRun", **item} for item in listed["items"]]
    ran = [ran_alone(run) for run in code_runs if names.WORKSTREAM in _labels(run)]
    try:
        listed = access.get(objects(ARGO, PLURAL, namespace), labelSelector=selector)
        versions["Workflow"] = listed["metadata"]["resourceVersion"]
        found = listed["items"]
    except Refused as error:
        if error.status not in (HTTPStatus.NOT_FOUND, HTTPStatus.FORBIDDEN):
            raise
        found = []
    live = None
    for workflow in sorted(found, key=generation):
        ran += ran_in(workflow, code_runs)
        if not has_ended(workflow):
            live = workflow
    return Seen(tuple(ran), live, versions)


def ran_alone(run: runs.Run) -> Ran:
    """A workstream's run that the command line made."""
    return _ran(run, _labels(run)[names.WORKSTREAM], generation(run), "")


def ran_in(workflow: Mapping[str, Any], code_runs: list[runs.Run]) -> Iterator[Ran]:
    """The runs of a Workflow's nodes, each named after its workstream.

    Raises:
        Problem: the nodes are where only the Argo server reads them.
    """
    name, nodes = workflow["metadata"]["name"], workflows.nodes(workflow)
    of_node = {
        (run["metadata"].get("annotations") or {}).get(names.NODE): run
        for run in sorted(code_runs, key=lambda run: str(run["metadata"].get("creationTimestamp")))
        if _labels(run).get(names.WORKFLOW_UID) == workflow["metadata"]["uid"]
    }
    for node in nodes.values():
        if node.get("type") not in TASKS or node["name"] != f"{name}.{node['displayName']}":
            continue
        # A node that is tried again has its tries below it, and its run is that of the last one.
        tries = [node["id"], *(node.get("children") or ())] if node["type"] == "Retry" else [node["id"]]
        run = next((of_node[each] for each in reversed(tries) if each in of_node), None)
        found = _of_node(node, generation(workflow), name)
        if run is not None:
            told = _ran(run, found.workstream, found.generation, name)
            ended = found.state is not State.RUNNING and told.state is not State.RUNNING
            found = replace(told, state=told.state if ended else found.state, message=told.message or found.message)
        yield found


def generation(body: Mapping[str, Any]) -> int:
    """Which generation of its set an object belongs to."""
    told = _labels(body).get(names.GENERATION, "")
    return int(told) if told.isdecimal() else 0


def begin(access: Access, path: str, manifest: Mapping[str, Any]) -> bool:
    """Create an object; answers whether it was not there already."""
    try:
        access.create(path, manifest)
    except Refused as error:
        if error.status != HTTPStatus.CONFLICT:
            raise
        return False
    return True


def _of_node(node: Mapping[str, Any], number: int, workflow: str) -> Ran:
    """What a node tells of its run, which may not be there yet, or not any more."""
    phase = str(node.get("phase") or "")
    told = (node.get("outputs") or {}).get("parameters") or []
    outputs = {each["name"]: str(each.get("value") or "") for each in told}
    state = State.RUNNING
    if phase not in UNFINISHED:
        done = phase == "Succeeded" and outputs.get("result") in ("succeeded", "nothing-to-do")
        state = State.CANCELLED if outputs.get("result") == "cancelled" else State.DONE if done else State.FAILED
    number_told = outputs.get("pull-request", "")
    return Ran(
        workstream=node["displayName"], generation=number, state=state, run=outputs.get("run", ""),
        workflow=workflow, message=str(node.get("message") or ""),
        pull_request=int(number_told) if number_told.isdecimal() else None, branch=outputs.get("branch", ""),
        began=str(node.get("startedAt") or ""),
        ended=str(node.get("finishedAt") or ""),
    )  # fmt: skip


def _ran(run: runs.Run, workstream: str, number: int, workflow: str) -> Ran:
    told, why = runs.status(run), runs.telling(run) or {}
    return Ran(
        workstream=workstream, generation=number, state=ENDED.get(runs.phase(run), State.RUNNING),
        run=run["metadata"]["name"], workflow=workflow, reason=str(why.get("reason") or ""),
        message=str(why.get("message") or ""), pull_request=told.get("pullRequest"),
        url=str(told.get("pullRequestUrl") or ""), branch=str(told.get("branch") or ""),
        cost=str(told.get("cost") or ""), began=str(told.get("startTime") or ""),
        ended=str(told.get("completionTime") or ""), summary=str(told.get("summary") or ""),
    )  # fmt: skip


def _labels(body: Mapping[str, Any]) -> dict[str, str]:
    found: dict[str, str] = body["metadata"].get("labels") or {}
    return found
