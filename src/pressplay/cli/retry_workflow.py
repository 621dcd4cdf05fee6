"""A Workflow that failed goes on: which steps begin anew is chosen here, and the operator has Argo do it.

The wish is an annotation, as a cancelled run is a field: whoever may change Workflows may say it, and need not reach
the Argo server. What comes of it is read from the Workflow.
"""

from __future__ import annotations

import difflib
import shlex
import time
from collections.abc import Sequence
from typing import Any

import click

from pressplay.cli import workflows
from pressplay.cli.failures import NotYet, Problem
from pressplay.cli.show import objects_as, one_line, say
from pressplay.cli.workflows import Workflow
from pressplay.kube.access import Access, objects
from pressplay.kube.argo import API_VERSION, PLURAL
from pressplay.kube.retries import Node, Wish, restartable, selector_of
from pressplay.resources import names

TAKEN_UP_SECONDS = 60.0
LOOK_AGAIN_SECONDS = 0.3
DOCTOR = "`pressplay doctor` says whether an operator looks after flows, and whether Argo answers it"


def retry_workflow(access: Access, workflow: Workflow, node: str | None, output: str) -> None:
    """Have what failed of a Workflow begin anew, or one node, and wait until it does.

    Raises:
        Problem: it cannot be, or nobody does it.
    """
    _check(workflow)
    stopped = (workflow["metadata"].get("annotations") or {}).get(names.STOPPED)
    if stopped and node is None:
        # What was resumed by hand has no outputs, and would have it stopped again.
        raise Problem(f"{_name(workflow)}: {one_line(str(stopped))}", f"`{_submit(workflow)}` begins it anew")
    every = restartable(workflows.nodes(workflow))
    chosen = [_named(workflow, every, node)] if node is not None else _failed(workflow, every)
    selector = selector_of(chosen, every)
    if selector is None:
        raise Problem(
            f"{_name(workflow)} failed in several steps that cannot be begun anew at once: {_steps(chosen)}",
            "name the one to begin with: --node STEP",
        )
    going = _await(access, _wish(access, workflow, Wish(_end(workflow), selector)), _end(workflow))
    if output != "text":
        click.echo(objects_as(output, going))
        return
    say(f"{_name(workflow)} goes on, with {_steps(chosen)}")
    say(f"  `pressplay workflow status {_name(workflow)}` tells how far it is")
    click.echo(_name(workflow))


def _check(workflow: Workflow) -> None:
    name, place = _name(workflow), workflow["metadata"]["namespace"]
    if not workflows.finished(workflow):
        told = f"`pressplay why {name}` says what it waits for; `argo stop {name} --namespace {place}` ends it"
        raise Problem(f"{name} has not ended ({workflows.phase(workflow) or 'Pending'})", told)
    if workflows.phase(workflow) == "Succeeded":
        raise Problem(f"{name} succeeded, so nothing of it failed", f"`{_submit(workflow)}` does it once more")
    if not workflows.label(workflow, names.FLOW):
        told = f"kubectl label workflow {name} --namespace {place} {names.FLOW}={name}"
        raise Problem(f"operators look at Workflows with the label {names.FLOW} only", f"`{told}` adds it")


def _failed(workflow: Workflow, every: Sequence[Node]) -> list[Node]:
    found = [node for node in every if node.broken and not node.overcome]
    if not found:
        why = one_line(str((workflow.get("status") or {}).get("message") or ""))
        told = f"{_name(workflow)} ended as {workflows.phase(workflow)}, and none of its steps failed"
        raise Problem(f"{told}: {why}" if why else told, f"`{_submit(workflow)}` begins it anew")
    return found


def _named(workflow: Workflow, every: Sequence[Node], wanted: str) -> Node:
    """The node that a person means: by its name, where it stands, or its id."""
    found = [node for node in every if wanted in (node.id, node.step, f"{_name(workflow)}.{node.step}")]
    found = found or [node for node in every if node.name == wanted]
    if len(found) > 1:
        # Rounds have steps of the same names.
        found = [node for node in found if node.broken and not node.overcome] or found
    if len(found) == 1:
        return found[0]
    if found:
        raise Problem(f"{_name(workflow)} has several steps {wanted!r}", f"name one of them in whole: {_wholes(found)}")
    known = {node.name: node for node in every} | {node.step: node for node in every}
    near = difflib.get_close_matches(wanted, list(known), n=1, cutoff=0.5)
    told = f"did you mean {near[0]!r}? " if near else ""
    raise Problem(f"{_name(workflow)} has no step {wanted!r}", f"{told}It has: {_steps(every) or 'none yet'}")


def _wish(access: Access, workflow: Workflow, wish: Wish) -> Workflow:
    told = {names.RETRY: str(wish), names.RETRY_REFUSED: None}
    return access.patch(_path(workflow), {"metadata": {"annotations": told}})


def _await(access: Access, workflow: Workflow, end: str) -> Workflow:
    """The Workflow as it goes on.

    Raises:
        Problem: it was refused.
        NotYet: nobody has looked at it.
    """
    ends = time.monotonic() + TAKEN_UP_SECONDS
    while time.monotonic() < ends:
        if _end(workflow) != end:
            return workflow
        refused = (workflow["metadata"].get("annotations") or {}).get(names.RETRY_REFUSED)
        if refused:
            raise Problem(f"{_name(workflow)} was not retried: {one_line(str(refused))}", DOCTOR)
        time.sleep(LOOK_AGAIN_SECONDS)
        workflow = access.get(_path(workflow))
    told = f"no operator has taken the retry of {_name(workflow)} up within {TAKEN_UP_SECONDS:.0f} s"
    raise NotYet(f"{told}; it does as soon as it looks", DOCTOR)


def _submit(workflow: Workflow) -> str:
    """How the same flow is begun once more."""
    meta, spec = workflow["metadata"], workflow["spec"]
    template = (spec.get("workflowTemplateRef") or {}).get("name")
    if not template:
        return f"argo resubmit {meta['name']} --namespace {meta['namespace']}"
    given: list[dict[str, Any]] = (spec.get("arguments") or {}).get("parameters") or []
    asked = [f"-p {shlex.quote(each['name'] + '=' + str(each['value']))}" for each in given if each.get("value")]
    return one_line(
        " ".join(["argo submit --namespace", meta["namespace"], f"--from workflowtemplate/{template}", *asked])
    )


def _steps(nodes: Sequence[Node]) -> str:
    return one_line(", ".join(dict.fromkeys(node.name for node in nodes)))


def _wholes(nodes: Sequence[Node]) -> str:
    return one_line(", ".join(node.step for node in nodes))


def _end(workflow: Workflow) -> str:
    return str((workflow.get("status") or {}).get("finishedAt") or "")


def _name(workflow: Workflow) -> str:
    return str(workflow["metadata"]["name"])


def _path(workflow: Workflow) -> str:
    return objects(API_VERSION, PLURAL, workflow["metadata"]["namespace"], _name(workflow))
