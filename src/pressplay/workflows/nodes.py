"""The suspended nodes: steps that run an agent or wait for the world, executed by the operator, without a pod.

Every output is supplied from outside and has no default, so `argo resume` alone passes no gate. What a node takes and
gives is held to its form by `pressplay.operator.nodes.contract`; a test compares the two.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from hera.workflows import Parameter, RetryStrategy, Suspend, Task, WorkflowTemplate
from hera.workflows.models import (
    Arguments,
    LifecycleHook,
    SuppliedValueFrom,
    Synchronization,
    TemplateRef,
    ValueFrom,
)
from hera.workflows.models import Parameter as ModelParameter

from pressplay.resources import names
from pressplay.resources.reasons import Reason
from pressplay.workflows import parts


@dataclass(frozen=True)
class Node:
    """A kind of node.

    Attributes:
        operation: its name, by which the operator knows what it is for.
        inputs: by name, what they are. All are strings and may be empty.
        outputs: by name, what they are. All are always supplied, empty where there is nothing.
        seconds: after which it ends by itself where nothing is said; "" for one that ends with what it has begun.
    """

    operation: str
    title: str
    inputs: Mapping[str, str]
    outputs: Mapping[str, str]
    seconds: str


_REPOSITORY: Final = "owner/name"
_NUMBER: Final = "number of a pull request"
_HEAD: Final = "the commit that it is about; whatever the head is where it is empty"

RUN: Final = Node(
    "run",
    "Has an agent work, as a CodeRun or DocsRun; it ends when that does.",
    {
        "kind": "CodeRun or DocsRun; CodeRun where it is empty",
        "repository": _REPOSITORY,
        "github-app": "the persona",
        "task": "the task in words, in which Argo replaces what looks like its own",
        "words": "name of the Workflow's parameter that is the task in words, as it was typed: task, or task-…",
        "issue": "number of the issue that is the task",
        "pull-request": "number of the pull request that is worked on",
        "branch": "branch for the work",
        "base": "branch that the pull request is for",
        "head": _HEAD,
        "model": "model, the persona's where it is empty",
        "continue-from": "name of a run that it goes on with",
    },
    {
        "result": "succeeded, failed, cancelled or nothing-to-do",
        "verdict": "pass or fail, of personas that judge",
        "run": "name of the run",
        "head": "the commit that it left, or began on where there was nothing to do",
        "pull-request": "number of the pull request that holds its work",
        "branch": "branch that holds its work",
    },
    parts.RUN_SECONDS,
)
CHECKS: Final = Node(
    "wait-for-checks",
    "Waits until the checks that a commit needs have ended.",
    {"repository": _REPOSITORY, "pull-request": _NUMBER, "head": _HEAD},
    {"verdict": "passed, failed, stale, closed or timed-out", "head": "the commit that was judged"},
    parts.CHECKS_SECONDS,
)
REVIEW: Final = Node(
    "wait-for-review",
    "Waits until a person who may write has reviewed a commit.",
    {"repository": _REPOSITORY, "pull-request": _NUMBER, "head": _HEAD},
    {
        "verdict": "approved, changes-requested, commented, stale, closed or timed-out",
        "head": "the commit that was judged",
    },
    parts.REVIEW_SECONDS,
)
APPROVE: Final = Node(
    "approve",
    "Waits until a person who may write says that it may go on, or may not.",
    {"repository": _REPOSITORY, "pull-request": _NUMBER, "head": _HEAD},
    {"verdict": "approved, rejected or timed-out", "actor": "login of who said it"},
    parts.APPROVE_SECONDS,
)
TRIAGE: Final = Node(
    "triage",
    "Finds out whose fault a failed check is, before anything is spent on it.",
    {"repository": _REPOSITORY, "pull-request": _NUMBER, "branch": "where there is no pull request", "head": _HEAD},
    {
        "verdict": "flaky, pre-existing, ours, none or timed-out",
        "check": "id of the check that failed",
        "job": "id of its job",
    },
    parts.TRIAGE_SECONDS,
)
MERGE: Final = Node(
    "merge",
    "Merges a commit when verdicts, checks and people's approvals allow it; each is looked at anew.",
    {"repository": _REPOSITORY, "pull-request": _NUMBER, "head": "the commit that is merged, and no other"},
    {
        "verdict": "merged, failed, unjudged, changes-requested, conflict, stale, closed or timed-out",
        "head": "the commit with which the base has it; the one that was judged where it is not merged",
    },
    parts.MERGE_SECONDS,
)
TASK: Final = Node(
    "task",
    "Has a task of a play be worked by a task-flow of its own, when it is its turn; it ends when that does.",
    {
        "repository": _REPOSITORY,
        "play": "name of the play",
        "task-id": "the task's id in its backlog",
        "rank": "its place among all tasks, the most urgent first",
        "words": "name of the Workflow's parameter that is the task in words: task-…",
        "paths": "name of the Workflow's parameter that has the paths it will touch, a line each: paths-…",
        "github-app": "the persona that implements",
        "base": "branch that its pull request is for",
        "model": "model of the implementation",
    },
    {
        "verdict": "merged, or parked where its flow has ended without a merge",
        "head": "the commit with which the base has it",
        "pull-request": "number of its pull request",
    },
    "",
)
REPORT: Final = Node(
    "report",
    "Tells how the flow ended: the ledger, and where it went wrong the pull request or issue.",
    {"ended": "Succeeded, Failed or Error"},
    {"verdict": "told, or untold where the gateway did not answer in time"},
    parts.REPORT_SECONDS,
)
EXIT: Final = "exit"
"""Argo's name of the hook that is executed at a Workflow's end."""
ALL: Final = (RUN, CHECKS, REVIEW, APPROVE, TRIAGE, MERGE, TASK, REPORT)

# A run tries again by itself. Another run is worth its money only where the world was to blame.
_WORLD: Final = (
    Reason.MODEL_UNAVAILABLE, Reason.GITHUB_UNAVAILABLE, Reason.GATEWAY_UNAVAILABLE, Reason.RUNNER_FAILED,
)  # fmt: skip


def world_to_blame() -> str:
    """The condition, on the message of a failed node, that another run may fare better."""
    return f"lastRetry.message matches '^(CodeRun|DocsRun) [^ ]+: ({'|'.join(_WORLD)}):'"


def build() -> WorkflowTemplate:
    """The template that all flows take their nodes from."""
    with parts.template(
        names.NODES,
        "Nodes of Pressplay's flows",
        "Steps that the operator executes: runs of agents, and gates. Flows refer to them; alone they are of no use.",
        RUN.operation,
    ) as made:
        for node in ALL:
            _suspended(node)
    return made


def _suspended(node: Node) -> Suspend:
    runs = node is RUN
    return Suspend(
        name=node.operation,
        annotations={parts.DESCRIPTION: node.title},
        inputs=[
            Parameter(name="operation", value=node.operation),
            *(Parameter(name=name, description=told, default="") for name, told in node.inputs.items()),
            *_timeout(node),
        ],
        outputs=[
            Parameter(name=name, description=told, value_from=ValueFrom(supplied=SuppliedValueFrom()))
            for name, told in node.outputs.items()
        ],
        # The retry is a node around the run. It is what waits for its turn, so a run's time begins when it begins.
        retry_strategy=RetryStrategy(limit=1, retry_policy="OnFailure", expression=world_to_blame()) if runs else None,
        synchronization=_turn() if runs else None,
    )


def _timeout(node: Node) -> list[Parameter]:
    told = "seconds after which it ends by itself"
    return [Parameter(name="timeout", description=told, default=node.seconds)] if node.seconds else []


def _turn() -> Synchronization:
    return parts.at_once(parts.RUNS_AT_ONCE)


def task(
    node: Node, name: str, arguments: Mapping[str, str], *, after: str | None = None, when: str | None = None
) -> Task:
    """A task of a DAG that is such a node; to be called within the DAG.

    Args:
        after: what it depends on, in Argo's words.
        when: a condition as a task has it.
    """
    unknown = arguments.keys() - node.inputs.keys() - {"timeout"}
    if unknown:
        raise ValueError(f"{node.operation} takes no {', '.join(sorted(unknown))}")
    return Task(
        name=name,
        template_ref=TemplateRef(name=names.NODES, template=node.operation),
        arguments=dict(arguments),
        depends=after,
        when=when,
    )


def reported(made: WorkflowTemplate) -> WorkflowTemplate:
    """A flow that reports its end, when it is stopped too; Argo executes nothing more of one that is terminated.

    By the hook and not by `onExit`: that one names a template of the flow's own, which would be a DAG around the node,
    and a DAG fails where the flow is stopped.
    """
    made.hooks = {
        EXIT: LifecycleHook(
            template_ref=TemplateRef(name=names.NODES, template=REPORT.operation),
            arguments=Arguments(parameters=[ModelParameter(name="ended", value="{{workflow.status}}")]),
        )
    }
    return made
