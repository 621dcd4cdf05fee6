"""security-flow: an alert of a scanner becomes a pull request that a person reviews, or the reason why it is none."""

from __future__ import annotations

from typing import Final

from hera.workflows import DAG, WorkflowTemplate

from pressplay.workflows import nodes, parts
from pressplay.workflows.flows import pull_request

NAME: Final = "security-flow"
ENTRY: Final = "mend-and-examine"
TAKES: Final = ("repository", "alert", "run-timeout", "review-timeout")


def build() -> WorkflowTemplate:
    """The flow."""
    parameters = [
        parts.required("repository", "owner/name"),
        parts.required("alert", "the alert, as code_scanning_alert:5"),
        parts.optional("run-timeout", "seconds that each run may take", parts.RUN_SECONDS),
        parts.optional("review-timeout", "seconds that a review is waited for", parts.REVIEW_SECONDS),
    ]
    with (
        parts.template(
            NAME, "alert looked at and mended",
            "Security mends what is real; Clippy and QA look at it; a person reviews it.",
            ENTRY, parameters, about=f"{parts.REPOSITORY_SHOWN} {{{{workflow.parameters.alert}}}}", limit=NAME,
        ) as made,
        DAG(name=ENTRY, inputs=parts.taken(*TAKES)),
    ):  # fmt: skip
        task = f"Look at the scanner's alert {parts.input_of('alert')} and mend what is real."
        security = nodes.task(
            nodes.RUN, "security",
            {
                **parts.handed_on("repository"), "github-app": "security", "task": task,
                "timeout": parts.input_of("run-timeout"),
            },
        )  # fmt: skip
        about = {**parts.handed_on("repository"), "pull-request": parts.output_of(security, "pull-request")}
        checked = pull_request.examine(
            "clippy-and-qa",
            {**about, "head": parts.output_of(security, "head"), **parts.handed_on("run-timeout")},
            after="security.Succeeded", when=parts.when(parts.has(security, "pull-request")),
        )  # fmt: skip
        nodes.task(
            nodes.REVIEW, "review",
            {**about, "head": parts.output_of(checked, "head"), "timeout": parts.input_of("review-timeout")},
            after="clippy-and-qa.Succeeded",
        )  # fmt: skip
    return nodes.reported(made)
