"""issue-flow: an issue becomes a pull request that a person reviews.

implement → examine (round 1 … n): Clippy and QA → Security → wait for a review. Where QA says no, Comment mends and
the next round begins; after the last round the person gets it as it is.
"""

from __future__ import annotations

from typing import Final

from hera.workflows import DAG, Task, WorkflowTemplate

from pressplay.workflows import nodes, parts
from pressplay.workflows.flows import pull_request

NAME: Final = "issue-flow"
ENTRY: Final = "implement-and-examine"
ROUND: Final = "examine"
TIMES: Final = ("rounds", "run-timeout", "review-timeout")
TAKES: Final = ("repository", "issue", "github-app", *TIMES)
ROUND_TAKES: Final = ("repository", "pull-request", "head", "round", *TIMES)


def build() -> WorkflowTemplate:
    """The flow."""
    parameters = [
        parts.required("repository", "owner/name"),
        parts.required("issue", "number of the issue"),
        parts.optional("github-app", "the persona that implements: issue or rex", "issue"),
        parts.optional("rounds", "how often Clippy and QA look at it at most", "2"),
        parts.optional("run-timeout", "seconds that each run may take", parts.RUN_SECONDS),
        parts.optional("review-timeout", "seconds that a review is waited for", parts.REVIEW_SECONDS),
    ]
    with parts.template(
        NAME, "issue implemented, tested, reviewed",
        "A persona implements the issue; Clippy, QA and Security look at it; a person reviews it.",
        ENTRY, parameters, about=parts.numbered("issue"), limit=NAME,
    ) as made:  # fmt: skip
        _entry()
        _round()
    return nodes.reported(made)


def _entry() -> None:
    with DAG(name=ENTRY, inputs=parts.taken(*TAKES)):
        about = parts.handed_on("repository", "issue", "github-app")
        implement = nodes.task(nodes.RUN, "implement", {**about, "timeout": parts.input_of("run-timeout")})
        parts.first_round("examine", ROUND, implement, TIMES)


def _round() -> None:
    with DAG(name=ROUND, inputs=parts.taken(*ROUND_TAKES)):
        about = parts.handed_on("repository", "pull-request")
        by_run = {**about, "timeout": parts.input_of("run-timeout")}
        by_person = {**about, "timeout": parts.input_of("review-timeout")}
        checked = pull_request.examine(
            "clippy-and-qa", parts.handed_on("repository", "pull-request", "head", "run-timeout")
        )
        qa_says_no = parts.said(checked, "verdict", "fail")
        left = parts.output_of(checked, "head")
        after = "clippy-and-qa.Succeeded"
        mend = nodes.task(
            nodes.RUN, "mend", {**by_run, "github-app": "comment", "head": left},
            after=after, when=parts.when(f"{qa_says_no} && {parts.ROUND_LEFT}"),
        )  # fmt: skip
        Task(
            name="next-round",
            template=ROUND,
            arguments={
                **parts.handed_on("repository", "pull-request", *TIMES),
                "head": parts.output_of(mend, "head"),
                "round": parts.NEXT_ROUND,
            },
            depends="mend.Succeeded",
        )
        security = nodes.task(
            nodes.RUN, "security", {**by_run, "github-app": "security", "head": left},
            after=after, when=parts.when(parts.no(qa_says_no)),
        )  # fmt: skip
        nodes.task(
            nodes.REVIEW, "review", {**by_person, "head": parts.output_of(security, "head")},
            after="security.Succeeded",
        )  # fmt: skip
        # Two tasks, for what a skipped task would have supplied cannot be referred to.
        nodes.task(
            nodes.REVIEW, "review-as-it-is", {**by_person, "head": left},
            after=after, when=parts.when(f"{qa_says_no} && {parts.no(parts.ROUND_LEFT)}"),
        )  # fmt: skip
