"""ci-flow: a failed check is triaged before anything is spent on it; Triage mends only what is ours.

What Triage pushes begins no pr-flow, for it is a flow's own doing. So Clippy and QA look at it here, and the checks of
what they left are waited for.
"""

from __future__ import annotations

from typing import Final

from hera.workflows import DAG, Task, WorkflowTemplate

from pressplay.workflows import nodes, parts
from pressplay.workflows.flows import pull_request

NAME: Final = "ci-flow"
ENTRY: Final = "triage-and-mend"
WHERE: Final = (
    "{{=workflow.parameters['pull-request'] == '' ? ' ' + workflow.parameters['branch'] "
    ": '#' + workflow.parameters['pull-request']}}"
)
PROVE: Final = "prove"
PROVE_TAKES: Final = ("repository", "pull-request", "head", "run-timeout", "checks-timeout")
TIMES: Final = ("triage-timeout", "run-timeout", "checks-timeout")
ABOUT: Final = ("repository", "pull-request", "branch", "head")
TASK: Final = (
    "A check fails on this branch. Find the cause in the log of its job, and mend it with the smallest change."
)


def build() -> WorkflowTemplate:
    """The flow."""
    parameters = [
        parts.required("repository", "owner/name"),
        parts.optional("pull-request", "number of the pull request"),
        parts.optional("branch", "the branch, where it is about no pull request"),
        parts.optional("head", "the commit whose check failed"),
        parts.optional("triage-timeout", "seconds that triage may take", parts.TRIAGE_SECONDS),
        parts.optional("run-timeout", "seconds that the run may take", parts.RUN_SECONDS),
        parts.optional("checks-timeout", "seconds that the checks of what was mended may take", parts.CHECKS_SECONDS),
    ]
    with parts.template(
        NAME, "failed check triaged, then mended",
        "A failed check is run again and compared with the base; only what this change broke is mended.",
        ENTRY, parameters, about=f"{parts.REPOSITORY_SHOWN}{WHERE}", limit=NAME,
    ) as made:  # fmt: skip
        with DAG(name=ENTRY, inputs=parts.taken(*ABOUT, *TIMES)):
            _triage_and_mend()
        with DAG(name=PROVE, inputs=parts.taken(*PROVE_TAKES)):
            _prove()
    return nodes.reported(made)


def _triage_and_mend() -> None:
    triage = nodes.task(
        nodes.TRIAGE, "triage", {**parts.handed_on(*ABOUT), "timeout": parts.input_of("triage-timeout")}
    )
    ours, on_pull = parts.said(triage, "verdict", "ours"), parts.given("pull-request")
    by_triage = {
        **parts.handed_on("repository", "head"), "github-app": "triage", "timeout": parts.input_of("run-timeout"),
    }  # fmt: skip
    on_request = nodes.task(
        nodes.RUN, "mend-pull-request", {**by_triage, **parts.handed_on("pull-request")},
        after="triage.Succeeded", when=parts.when(f"{ours} && {on_pull}"),
    )  # fmt: skip
    on_branch = nodes.task(
        nodes.RUN, "mend-branch", {**by_triage, "task": TASK, "base": parts.input_of("branch")},
        after="triage.Succeeded", when=parts.when(f"{ours} && {parts.no(on_pull)}"),
    )  # fmt: skip
    for mended in (on_request, on_branch):
        Task(
            name=mended.name.replace("mend", PROVE),
            template=PROVE,
            arguments={
                **parts.handed_on("repository", "run-timeout", "checks-timeout"),
                "pull-request": parts.output_of(mended, "pull-request"),
                "head": parts.output_of(mended, "head"),
            },
            depends=f"{mended.name}.Succeeded",
            when=parts.when(parts.said(mended, "result", "succeeded")),
        )


def _prove() -> None:
    checked = pull_request.examine(
        "clippy-and-qa", parts.handed_on("repository", "pull-request", "head", "run-timeout")
    )
    nodes.task(
        nodes.CHECKS, "checks",
        {
            **parts.handed_on("repository", "pull-request"), "head": parts.output_of(checked, "head"),
            "timeout": parts.input_of("checks-timeout"),
        },
        after="clippy-and-qa.Succeeded",
    )  # fmt: skip
