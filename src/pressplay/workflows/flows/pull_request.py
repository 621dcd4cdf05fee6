"""pr-flow: Clippy formats a commit of a pull request, then QA tests what Clippy left."""

from __future__ import annotations

from typing import Final

from hera.workflows import DAG, Task, WorkflowTemplate
from hera.workflows.models import TemplateRef

from pressplay.workflows import nodes, parts

NAME: Final = "pr-flow"
ENTRY: Final = "clippy-and-qa"
TAKES: Final = ("repository", "pull-request", "head", "run-timeout")
GIVES: Final = ("verdict", "head")


def build() -> WorkflowTemplate:
    """The flow; other flows use its one template, too."""
    parameters = [
        parts.required("repository", "owner/name"),
        parts.required("pull-request", "number of the pull request"),
        parts.optional("head", "the commit that it is about"),
        parts.optional("run-timeout", "seconds that each run may take", parts.RUN_SECONDS),
    ]
    with (
        parts.template(
            NAME, "Clippy, then QA", "Clippy formats the change, QA tests what Clippy left.",
            ENTRY, parameters, about=parts.numbered("pull-request"), limit=NAME,
        ) as made,
        DAG(name=ENTRY, inputs=parts.taken(*TAKES)) as dag,
    ):  # fmt: skip
        about = {**parts.handed_on("repository", "pull-request"), "timeout": parts.input_of("run-timeout")}
        clippy = nodes.task(nodes.RUN, "clippy", {**about, "github-app": "clippy", "head": parts.input_of("head")})
        # Nothing to do is a success: QA goes on, on the commit that Clippy found.
        qa = nodes.task(
            nodes.RUN, "qa", {**about, "github-app": "qa", "head": parts.output_of(clippy, "head")},
            after="clippy.Succeeded",
        )  # fmt: skip
        dag.outputs = parts.results_of(qa, GIVES)
    return nodes.reported(made)


def examine(name: str, arguments: dict[str, str], *, after: str | None = None, when: str | None = None) -> Task:
    """A task of another flow that is this flow's template; it gives QA's verdict and the commit that QA left."""
    return Task(
        name=name,
        template_ref=TemplateRef(name=NAME, template=ENTRY),
        arguments=arguments,
        depends=after,
        when=when,
    )
