"""Workflows in words: the line of a list, the steps with their states, and the one thing that keeps one from going on.

Pure. What Argo, the operator or a run tells is put on one line before it is shown.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from pressplay.cli import runs
from pressplay.cli.describe import NOBODY_LOOKS_AFTER, why_now
from pressplay.cli.runs import Run, moment
from pressplay.cli.show import age, clipped, duration, one_line
from pressplay.cli.workflows import Step, Workflow, finished, label, phase
from pressplay.resources import names

HEADER: Final = ("NAME", "FLOW", "SUBJECT", "PHASE", "AGE")
STEPS_HEADER: Final = ("STEP", "PHASE", "WHAT", "RESULT", "TOOK", "MESSAGE")
LONGEST_MESSAGE: Final = 100
RUN: Final = "run"
LOCK_STATUS: Final = re.compile(r"Lock status: (?P<free>\d+)/(?P<all>\d+)")
# Operation → what such a node waits for.
GATES: Final[Mapping[str, str]] = {
    "wait-for-checks": "the checks of {subject}",
    "wait-for-review": "a review of {subject}",
    "approve": "somebody with write access to approve {subject}",
    "triage": "the triage of failed checks of {subject}",
    "merge": "what the merge of {subject} needs",
    "task": "its task to be merged",
    "report": "the gateway to hear how it ended",
}


def row(workflow: Workflow, now: datetime) -> tuple[str, ...]:
    """The Workflow's line in a list, below HEADER."""
    return (
        workflow["metadata"]["name"],
        label(workflow, names.FLOW) or "-",
        label(workflow, names.SUBJECT) or "-",
        phase(workflow) or "Pending",
        age(moment(workflow["metadata"].get("creationTimestamp")), now),
    )


def step_row(step: Step, run: Run | None, now: datetime) -> tuple[str, ...]:
    """A step's line below STEPS_HEADER."""
    began, ended = moment(step.began), moment(step.ended)
    took = duration(began, ended) if ended else age(began, now)
    return (
        step.name, step.phase or "Pending", _what(step, run),
        step.outputs.get("verdict") or step.outputs.get("result") or "-", took,
        clipped(one_line(step.message), LONGEST_MESSAGE),
    )  # fmt: skip


def heading(workflow: Workflow, now: datetime) -> str:
    """What the Workflow is about and where it is, in one line."""
    parts = [
        f"{workflow['metadata']['name']} {(phase(workflow) or 'Pending').lower()}",
        label(workflow, names.FLOW), label(workflow, names.SUBJECT), _arguments(workflow).get("repository", ""),
        age(moment(workflow["metadata"].get("creationTimestamp")), now),
    ]  # fmt: skip
    return " · ".join(part for part in parts if part)


def as_json(workflow: Workflow, steps: Sequence[Step], of_node: Mapping[str, Run], now: datetime) -> dict[str, Any]:
    """All that is known, for programs."""
    return {
        "name": workflow["metadata"]["name"], "namespace": workflow["metadata"]["namespace"],
        "flow": label(workflow, names.FLOW), "subject": label(workflow, names.SUBJECT), "phase": phase(workflow),
        "arguments": _arguments(workflow), "why": why_workflow(workflow, steps, of_node, now),
        "steps": [
            {
                "name": step.name, "phase": step.phase, "operation": step.operation, "message": step.message,
                "startedAt": step.began or None, "finishedAt": step.ended or None, "outputs": dict(step.outputs),
                "run": of_node[step.id]["metadata"]["name"] if step.id in of_node else step.outputs.get("run") or None,
            }
            for step in steps
        ],
    }  # fmt: skip


def why_workflow(workflow: Workflow, steps: Sequence[Step], of_node: Mapping[str, Run], now: datetime) -> list[str]:
    """What holds the Workflow up, or how it ended: the one thing, and what to do about it where that is known."""
    name, spec = workflow["metadata"]["name"], workflow["spec"]
    if finished(workflow):
        return _ending(workflow, steps)
    if spec.get("shutdown"):
        return [f"{name}: it is being ended ({spec['shutdown']}); its runs are cancelled, and their work is kept"]
    if spec.get("suspend"):
        meta, patch = workflow["metadata"], '{"spec":{"suspend":null}}'
        lets = f"kubectl patch workflow {meta['name']} -n {meta['namespace']} --type=merge -p '{patch}'"
        # `argo resume` is refused while a node of ours waits.
        return [f"{name}: suspended as a whole by somebody", f"  `{lets}` lets it go on"]
    created = moment(workflow["metadata"].get("creationTimestamp"))
    if not phase(workflow):
        if created and now - created > NOBODY_LOOKS_AFTER:
            unread = next((each for each, value in _arguments(workflow).items() if "{{=" in value), "")
            if unread:
                return [
                    f"{name}: Argo cannot read the expression in parameter {unread}, it seems: it says nothing then",
                    f"  `argo delete {_where(workflow)}`, and submit it anew with a blank between the braces: {{ {{=",
                ]
            return [
                f"{name}: no Argo controller has looked at it for {age(created, now)}",
                "  `kubectl get deployments -A | grep workflow-controller` says whether one runs",
            ]
        return [f"{name}: it was just made; Argo will look at it"]
    return _holding(workflow, steps, of_node, now)


def _holding(workflow: Workflow, steps: Sequence[Step], of_node: Mapping[str, Run], now: datetime) -> list[str]:
    """The step that has waited longest; those that execute or wait for the world go before those that queue."""
    name = workflow["metadata"]["name"]
    alive = [step for step in steps if step.goes_on]
    waiting = [step for step in alive if step.phase == "Running"] or alive
    if not waiting:
        told = one_line(str((workflow.get("status") or {}).get("message") or ""))
        return [f"{name}: {told or 'no step waits; Argo is about to begin the next one'}"]
    step = waiting[0]
    since = age(moment(step.began), now)
    first, *remedy = _of_step(workflow, step, of_node.get(step.id), now)
    others = f" ({_count(len(alive) - 1, 'other step')} besides)" if len(alive) > 1 else ""
    return [f"{name}: step {step.name} waits for {first}, for {since}{others}", *remedy]


def _who_may_run(message: str) -> str:
    """What to do about a step that Argo has wait for its turn: `Lock status: FREE/ALL` tells of how many."""
    told = LOCK_STATUS.search(message)
    if told is None or told["free"] != told["all"]:
        return "the ConfigMap it names says how many may run"
    # Argo loses turns for good that are given back while their ConfigMap is away, as it is after an uninstallation.
    return (
        "all turns are free: where that stays so, Argo has lost count; restart its controller: "
        "`kubectl rollout restart deployment workflow-controller` in Argo's namespace"
    )


def _of_step(workflow: Workflow, step: Step, run: Run | None, now: datetime) -> list[str]:
    """What a step waits for; further lines say what to do."""
    if step.queued:
        return [f"its turn: {one_line(step.message) or step.queued}", f"  {_who_may_run(step.message)}"]
    if step.operation == RUN and run is not None:
        return [f"{run['kind'].lower()} {run['metadata']['name']}", *(f"  {line}" for line in why_now(run, now))]
    if step.operation == RUN or step.operation in GATES:
        began = moment(step.began)
        what = "its run" if step.operation == RUN else GATES[step.operation].format(subject=_subject(step))
        if step.message:
            return [f"{what}: {one_line(step.message)}"]
        if not label(workflow, names.FLOW):
            meta = workflow["metadata"]
            named = f"kubectl label workflow {meta['name']} -n {meta['namespace']} {names.FLOW}={meta['name']}"
            return [f"{what}, and operators look at Workflows with the label {names.FLOW} only", f"  `{named}` adds it"]
        if began and now - began > NOBODY_LOOKS_AFTER:
            return [f"{what}, and no operator has looked at it", "  `pressplay doctor` says whether one runs"]
        return [what]
    if step.kind == "Suspend":
        select = f"--node-field-selector id={step.id}"
        return ["somebody to resume it", f"  `argo resume {_where(workflow)} {select}` does"]
    told = f": {one_line(step.message)}" if step.message else ""
    return [f"its {step.kind.lower()}{told}", f"  `kubectl describe pods -l {_pods(workflow)}` tells more"]


def _ending(workflow: Workflow, steps: Sequence[Step]) -> list[str]:
    status, name = workflow["status"], workflow["metadata"]["name"]
    took = duration(moment(status.get("startedAt")), moment(status.get("finishedAt")))
    lines = [f"{name} {phase(workflow).lower()} after {took}"]
    # The last: one that failed before it may have been tried again, with success.
    broken = next((step for step in reversed(steps) if step.phase in ("Failed", "Error")), None)
    if broken is not None:
        lines.append(f"  step {one_line(broken.name)}: {one_line(broken.message) or broken.phase}")
        if broken.outputs.get("run"):
            lines.append(f"  `pressplay why {broken.outputs['run']}` tells more")
    elif status.get("message") and phase(workflow) != "Succeeded":
        lines.append(f"  {one_line(str(status['message']))}")
    if broken is not None and phase(workflow) != "Succeeded":
        lines.append(f"  `pressplay retry {name}` begins what failed anew, and goes on from there")
    parked = (workflow["metadata"].get("annotations") or {}).get(names.PARKED)
    return [*lines, f"  parked: {one_line(str(parked))}"] if parked else lines


def _what(step: Step, run: Run | None) -> str:
    if run is not None:
        return f"{run['kind'].lower()}/{run['metadata']['name']} {runs.phase(run)}"
    if step.outputs.get("run"):
        return f"run {step.outputs['run']}"
    return step.operation or step.kind


def _subject(step: Step) -> str:
    repository, number = step.inputs.get("repository", ""), step.inputs.get("pull-request", "")
    if number:
        return f"{repository}#{number}"
    return " ".join(part for part in (repository, step.inputs.get("branch", "")) if part) or "its subject"


def _arguments(workflow: Workflow) -> dict[str, str]:
    told = (workflow["spec"].get("arguments") or {}).get("parameters") or []
    return {each["name"]: str(each.get("value") or "") for each in told}


def _where(workflow: Workflow) -> str:
    return f"{workflow['metadata']['name']} --namespace {workflow['metadata']['namespace']}"


def _pods(workflow: Workflow) -> str:
    return f"workflows.argoproj.io/workflow={_where(workflow)}"


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"
