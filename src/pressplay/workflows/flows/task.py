"""task-flow: a task goes from words to merged.

implement → round 1 … n: Clippy and QA → Security → Acceptance → merge. A gate that says no has a persona mend what it
named, and the next round looks at all of it again: a verdict is of one commit. After the last round the flow ends; the
pull request stays, with what was said of it.
"""

from __future__ import annotations

from typing import Final

from hera.workflows import DAG, Task, WorkflowTemplate

from pressplay.workflows import nodes, parts
from pressplay.workflows.flows import pull_request

NAME: Final = "task-flow"
ENTRY: Final = "implement-and-merge"
ROUND: Final = "examine-and-merge"
MEND: Final = "mend-and-examine"
TIMES: Final = ("rounds", "run-timeout", "triage-timeout", "merge-timeout")
SUBJECT: Final = ("repository", "pull-request", "head", "round", *TIMES)
MENDER: Final = "mender"


def build() -> WorkflowTemplate:
    """The flow."""
    parameters = [
        parts.required("repository", "owner/name"),
        parts.optional("task", "the task in words"),
        parts.optional("issue", "number of the issue that is the task"),
        parts.optional("pull-request", "number of a pull request that holds the work already"),
        parts.optional("github-app", "the persona that implements", "rex"),
        parts.optional("base", "branch that the pull request is for"),
        parts.optional("model", "model of the implementation; the persona's where it is empty"),
        parts.optional("rounds", "how often all of it is looked at at most", "3"),
        parts.optional("run-timeout", "seconds that each run may take", parts.RUN_SECONDS),
        parts.optional("triage-timeout", "seconds that triage of failed checks may take", parts.TRIAGE_SECONDS),
        parts.optional("merge-timeout", "seconds that checks and people are waited for", parts.MERGE_SECONDS),
    ]
    with parts.template(
        NAME, "task implemented, judged, merged",
        "A persona implements the task; Clippy, QA, Security and Acceptance look at it; what they pass is merged.",
        ENTRY, parameters, about=parts.REPOSITORY_SHOWN, limit=NAME,
    ) as made:  # fmt: skip
        _entry()
        _round()
        _mend()
    return nodes.reported(made)


def _entry() -> None:
    takes = ("repository", "issue", "pull-request", "github-app", "base", "model", *TIMES)
    with DAG(name=ENTRY, inputs=parts.taken(*takes)):
        about = parts.handed_on("repository", "issue", "pull-request", "github-app", "base", "model")
        implement = nodes.task(
            nodes.RUN, "implement", {**about, parts.WORDS: parts.TASK, "timeout": parts.input_of("run-timeout")}
        )
        parts.first_round("round-1", ROUND, implement, TIMES)


def _round() -> None:
    with DAG(name=ROUND, inputs=parts.taken(*SUBJECT)):
        checked = pull_request.examine(
            "clippy-and-qa", parts.handed_on("repository", "pull-request", "head", "run-timeout")
        )
        security = _judge("security", checked)
        acceptance = _judge("acceptance", security)
        merge = nodes.task(
            nodes.MERGE, "merge",
            {**parts.handed_on("repository", "pull-request"), "head": parts.output_of(acceptance, "head"),
             "timeout": parts.input_of("merge-timeout")},
            after="acceptance.Succeeded", when=parts.when(parts.no(_no(acceptance))),
        )  # fmt: skip
        for judge in (checked, security, acceptance):
            _again(f"after-{judge.name}", judge, "rex", _no(judge))
        _again("after-review", merge, "comment", parts.said(merge, "verdict", "changes-requested"))
        triage = nodes.task(
            nodes.TRIAGE, "triage",
            {**parts.handed_on("repository", "pull-request"), "head": parts.output_of(merge, "head"),
             "timeout": parts.input_of("triage-timeout")},
            after="merge.Succeeded", when=parts.when(parts.said(merge, "verdict", "failed")),
        )  # fmt: skip
        ours = parts.said(triage, "verdict", "ours")
        _again("after-checks", merge, "triage", ours, after="triage.Succeeded")
        _look_again("again-after-triage", "triage.Succeeded", f"{parts.no(ours)} && {_may_pass_by_itself(triage)}")
        # Somebody pushed, the base was brought in, or a persona that judged has changed something after another one.
        stale = f"({parts.said(merge, 'verdict', 'stale')} || {parts.said(merge, 'verdict', 'unjudged')})"
        _look_again("again-on-new-commit", "merge.Succeeded", stale)


def _mend() -> None:
    """A persona mends what was named, and the next round looks at what it left."""
    with DAG(name=MEND, inputs=parts.taken(*SUBJECT, MENDER)):
        mend = nodes.task(
            nodes.RUN, "mend",
            {**parts.handed_on("repository", "pull-request", "head"), "github-app": parts.input_of(MENDER),
             "timeout": parts.input_of("run-timeout")},
        )  # fmt: skip
        arguments = {**parts.handed_on("repository", "pull-request", *TIMES), "round": parts.NEXT_ROUND}
        Task(
            name="next-round",
            template=ROUND,
            arguments={**arguments, "head": parts.output_of(mend, "head")},
            depends="mend.Succeeded",
        )


def _judge(persona: str, before: Task) -> Task:
    """A persona judges what the one before it left and did not object to."""
    return nodes.task(
        nodes.RUN, persona,
        {**parts.handed_on("repository", "pull-request"), "github-app": persona,
         "head": parts.output_of(before, "head"), "timeout": parts.input_of("run-timeout")},
        after=f"{before.name}.Succeeded", when=parts.when(parts.no(_no(before))),
    )  # fmt: skip


def _no(judge: Task) -> str:
    """Who judges and says nothing has not passed it."""
    return parts.no(parts.said(judge, "verdict", "pass"))


def _may_pass_by_itself(triage: Task) -> str:
    """A check that is flaky has been run again; one that nobody can be blamed for may be another by now."""
    return f"({parts.said(triage, 'verdict', 'flaky')} || {parts.said(triage, 'verdict', 'none')})"


def _again(name: str, about: Task, mender: str, condition: str, *, after: str = "") -> None:
    """Have a persona mend the commit that a task was about, where there may be another round."""
    Task(
        name=name,
        template=MEND,
        arguments={
            **parts.handed_on("repository", "pull-request", "round", *TIMES),
            "head": parts.output_of(about, "head"),
            MENDER: mender,
        },
        depends=after or f"{about.name}.Succeeded",
        when=parts.when(f"{condition} && {parts.ROUND_LEFT}"),
    )


def _look_again(name: str, after: str, condition: str) -> None:
    """The next round, on whatever commit stands there now."""
    arguments = {**parts.handed_on("repository", "pull-request", *TIMES), "round": parts.NEXT_ROUND, "head": ""}
    Task(
        name=name, template=ROUND, arguments=arguments, depends=after,
        when=parts.when(f"{condition} && {parts.ROUND_LEFT}"),
    )  # fmt: skip
