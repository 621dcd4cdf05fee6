"""comment-flow: Comment answers what people said about a pull request; Rex takes over where code must be rethought.

What they push begins no pr-flow, for it is a flow's own doing. So Clippy and QA look at it here.
"""

from __future__ import annotations

from typing import Final

from hera.workflows import DAG, WorkflowTemplate

from pressplay.workflows import nodes, parts
from pressplay.workflows.flows import pull_request

NAME: Final = "comment-flow"
ENTRY: Final = "answer"
TAKES: Final = ("repository", "pull-request", "run-timeout")


def build() -> WorkflowTemplate:
    """The flow."""
    parameters = [
        parts.required("repository", "owner/name"),
        parts.required("pull-request", "number of the pull request"),
        parts.optional("run-timeout", "seconds that each run may take", parts.RUN_SECONDS),
    ]
    with (
        parts.template(
            NAME, "comments answered",
            "Comment works through the open threads; where code must be rethought, Rex does that. Clippy "
            "and QA look at what they did.",
            ENTRY, parameters, about=parts.numbered("pull-request"), limit=NAME,
        ) as made,
        DAG(name=ENTRY, inputs=parts.taken(*TAKES)),
    ):  # fmt: skip
        about = {**parts.handed_on("repository", "pull-request"), "timeout": parts.input_of("run-timeout")}
        comment = nodes.task(nodes.RUN, "comment", {**about, "github-app": "comment"})
        rethink = parts.said(comment, "verdict", "fail")
        rex = nodes.task(
            nodes.RUN, "rex", {**about, "github-app": "rex", "head": parts.output_of(comment, "head")},
            after="comment.Succeeded", when=parts.when(rethink),
        )  # fmt: skip
        for answer, name, besides in (
            (comment, "clippy-and-qa", f" && {parts.no(rethink)}"),
            (rex, "clippy-and-qa-of-rex", ""),
        ):
            pull_request.examine(
                name,
                {
                    **parts.handed_on("repository", "pull-request", "run-timeout"),
                    "head": parts.output_of(answer, "head"),
                },
                after=f"{answer.name}.Succeeded",
                when=parts.when(parts.said(answer, "result", "succeeded") + besides),
            )
    return nodes.reported(made)
