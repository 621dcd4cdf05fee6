"""loop-flow: plan → execute → review → judge → learn, in rounds, until both agree or no round is left; then govern.

Each phase is a template that can be an entrypoint of its own: `argo submit --from workflowtemplate/loop-flow
--entrypoint review -p repository=octo/shop -p pull-request=7`. A round calls the next as its last task, so nothing has
to be handed back up.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from hera.workflows import DAG, Parameter, Task, WorkflowTemplate

from pressplay.workflows import nodes, parts
from pressplay.workflows.nodes import Node

NAME: Final = "loop-flow"
ENTRY: Final = "loop"
ROUND: Final = "round"
TIMES: Final = ("run-timeout", "checks-timeout", "approve-timeout")
# What a round is about, the same in the first as in the last but for what it has made so far.
SUBJECT: Final = ("repository", parts.WORDS, "pull-request", "branch", "base", "model", "head", "continue-from")

_BY_RUN: Final = ("repository", "pull-request", "branch", "base", "model", "head", "continue-from")
PHASES: Final[dict[str, tuple[str, Node, str, Sequence[str]]]] = {
    # phase: its task, the node, the persona, what it takes
    "plan": ("researcher", nodes.RUN, "researcher", (*_BY_RUN, parts.WORDS)),
    "execute": ("coder", nodes.RUN, "coder", (*_BY_RUN, parts.WORDS)),
    "review": ("reviewer", nodes.RUN, "reviewer", _BY_RUN),
    "judge": ("checks", nodes.CHECKS, "", ("repository", "pull-request", "head")),
    "learn": ("researcher", nodes.RUN, "researcher", _BY_RUN),
    "govern": ("approve", nodes.APPROVE, "", ("repository", "pull-request", "head")),
}
_TIMES: Final = {
    nodes.RUN.operation: "run-timeout",
    nodes.CHECKS.operation: "checks-timeout",
    nodes.APPROVE.operation: "approve-timeout",
}


def build() -> WorkflowTemplate:
    """The flow."""
    parameters = [
        parts.required("repository", "owner/name"),
        parts.optional("task", "the task in words"),
        parts.optional("pull-request", "number of a pull request that there is already"),
        parts.optional("branch", "branch for the work"),
        parts.optional("base", "branch that the pull request is for"),
        parts.optional("model", "model; each persona's where it is empty"),
        parts.optional("head", "the commit to begin on"),
        parts.optional("continue-from", "name of a run that the first phase goes on with"),
        parts.optional("rounds", "how many rounds there may be", "3"),
        parts.optional("run-timeout", "seconds that each run may take", parts.RUN_SECONDS),
        parts.optional("checks-timeout", "seconds that checks are waited for", parts.CHECKS_SECONDS),
        parts.optional("approve-timeout", "seconds that a person's word is waited for", parts.APPROVE_SECONDS),
    ]
    with parts.template(
        NAME, "loop of plan, execute, review, judge, learn, govern",
        "Rounds of researcher, coder and reviewer until review and checks agree; a person has the last word.",
        ENTRY, parameters, about=parts.REPOSITORY_SHOWN, limit=NAME,
    ) as made:  # fmt: skip
        given = [name for name in SUBJECT if name != parts.WORDS]
        with DAG(name=ENTRY, inputs=parts.taken(*given, "rounds", *TIMES)):
            about = {**parts.handed_on(*given, "rounds", *TIMES), parts.WORDS: parts.TASK}
            Task(name="round-1", template=ROUND, arguments={**about, "round": "1"})
        _round()
        for phase in PHASES:
            _phase(phase)
    return nodes.reported(made)


def _phase(phase: str) -> None:
    name, node, persona, takes = PHASES[phase]
    time = _TIMES[node.operation]
    inputs = [parts.worded() if each == parts.WORDS else Parameter(name=each) for each in (*takes, time)]
    with DAG(name=phase, inputs=inputs) as dag:
        arguments = {**parts.handed_on(*takes), "timeout": parts.input_of(time)}
        if persona:
            arguments["github-app"] = persona
        dag.outputs = parts.results_of(nodes.task(node, name, arguments), node.outputs)


def _round() -> None:
    with DAG(name=ROUND, inputs=parts.taken(*SUBJECT, "round", "rounds", *TIMES)):
        # Each phase goes on with the run before it: nobody else has heard what that found.
        plan = _part("plan", parts.handed_on(*SUBJECT))
        execute = _part("execute", {**parts.handed_on(*SUBJECT), **_after(plan)}, after="plan.Succeeded")
        # From here on it is about what the coder made, and its pull request tells what the task is.
        now = {name: parts.output_of(execute, name) for name in ("pull-request", "head")}
        about = {**parts.handed_on("repository", "base", "model"), **now, "branch": "", parts.WORDS: ""}
        review = _part(
            "review", {**about, **_after(execute)}, after="execute.Succeeded",
            when=parts.when(parts.has(execute, "pull-request")),
        )  # fmt: skip
        judge = _part("judge", about, after="review.Succeeded")
        learn = _part(
            "learn", {**about, **_after(review)}, after="judge.Succeeded",
            when=parts.when(parts.no(parts.said(judge, "verdict", "closed"))),
        )  # fmt: skip
        agreed = f"({parts.said(review, 'verdict', 'pass')} && {parts.said(judge, 'verdict', 'passed')})"
        Task(
            name="next-round",
            template=ROUND,
            arguments={**about, **_after(learn), **parts.handed_on("rounds", *TIMES), "round": parts.NEXT_ROUND},
            depends="learn.Succeeded",
            when=parts.when(f"!{agreed} && {parts.ROUND_LEFT}"),
        )
        _part(
            "govern", about, after="learn.Succeeded", when=parts.when(f"{agreed} || {parts.no(parts.ROUND_LEFT)}")
        )  # fmt: skip


def _after(task: Task) -> dict[str, str]:
    """That a phase goes on with the run of the one before."""
    return {"continue-from": parts.output_of(task, "run")}


def _part(phase: str, subject: dict[str, str], *, after: str | None = None, when: str | None = None) -> Task:
    _, node, _, takes = PHASES[phase]
    time = _TIMES[node.operation]
    arguments = {**{name: subject[name] for name in takes}, time: parts.input_of(time)}
    return Task(name=phase, template=phase, arguments=arguments, depends=after, when=when)
