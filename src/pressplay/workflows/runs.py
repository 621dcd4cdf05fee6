"""Templates of single runs: one CodeRun or DocsRun, to submit by hand or to use in Workflows of one's own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from hera.workflows import DAG, Parameter, Resource, WorkflowTemplate
from hera.workflows.models import PodSecurityContext, SeccompProfile, ValueFrom

from pressplay.resources.base import API_VERSION, USUAL_PERSONAS
from pressplay.resources.reasons import Phase
from pressplay.workflows import nodes, parts

FLOW_ACCOUNT: Final = "pressplay-flow"
"""The service account of the only pods that Workflows of ours have."""

USER: Final = 10030
"""Argo's image of the executor may name root."""

ABOUT: Final[Mapping[str, str]] = {
    "repository": "owner/name",
    "github-app": "the persona: rex, clippy, qa, security …",
    "task": "the task in words",
    "issue": "number of the issue that is the task",
    "pull-request": "number of the pull request that is worked on",
    "branch": "branch for the work; named after the run where it is empty",
    "base": "branch that the pull request is for; the default branch where it is empty",
    "model": "model; the persona's where it is empty",
    "timeout": "seconds after which it is ended",
}
SUBMITTED: Final = "submitted"
"""The entrypoint where a task is typed; other Workflows refer to the template that is named like the kind."""
OF_CODE: Final = tuple(ABOUT)
OF_DOCUMENTS: Final = ("repository", "github-app", "branch", "base", "model", "timeout")


def coderun() -> WorkflowTemplate:
    """One CodeRun; its results are the Workflow's."""
    return _single(
        "coderun-template",
        "run that changes code",
        "Creates a CodeRun, waits for its end without a pod, and returns its results.",
        "CodeRun",
        OF_CODE,
    )


def docsrun() -> WorkflowTemplate:
    """One DocsRun; its results are the Workflow's."""
    return _single(
        "docsrun-template",
        "run that writes documents",
        "Creates a DocsRun, waits for its end without a pod, and returns its results.",
        "DocsRun",
        OF_DOCUMENTS,
    )


def _single(name: str, title: str, about: str, kind: str, takes: Sequence[str]) -> WorkflowTemplate:
    whole = kind.lower()
    entry = SUBMITTED if parts.TASK in takes else whole
    with parts.template(name, title, about, entry, _parameters(takes, kind), about=parts.REPOSITORY_SHOWN) as made:
        _run(whole, kind, takes, {})
        if entry == SUBMITTED:
            _run(entry, kind, [each for each in takes if each != parts.TASK], {parts.WORDS: parts.TASK})
    return nodes.reported(made)


def _run(name: str, kind: str, takes: Sequence[str], more: Mapping[str, str]) -> None:
    with DAG(name=name, inputs=parts.taken(*takes)) as dag:
        run = nodes.task(nodes.RUN, "run", {"kind": kind, **parts.handed_on(*takes), **more})
        dag.outputs = parts.results_of(run, nodes.RUN.outputs)


def _parameters(takes: Sequence[str], kind: str) -> list[Parameter]:
    values = {"github-app": USUAL_PERSONAS[kind], "timeout": parts.RUN_SECONDS}
    return [
        parts.required(name, ABOUT[name])
        if name == "repository"
        else parts.optional(name, ABOUT[name], values.get(name, ""))
        for name in takes
    ]


def coderun_resource() -> WorkflowTemplate:
    """One CodeRun, created and watched by a pod: where the operator may not touch Workflows."""
    takes = tuple(name for name in OF_CODE if name != "timeout")
    with parts.template(
        "coderun-resource-template",
        "run that changes code, watched by a pod",
        "As coderun-template, for clusters where the operator may not touch Workflows. Stopping the Workflow does not "
        "stop the run: set spec.cancel of the CodeRun.",
        "coderun",
        _parameters(takes, "CodeRun"),
        about=parts.REPOSITORY_SHOWN,
    ) as made:
        Resource(
            name="coderun",
            inputs=parts.taken(*takes),
            action="create",
            set_owner_reference=True,
            manifest=_manifest(),
            success_condition=f"status.phase == {Phase.SUCCEEDED}",
            failure_condition=f"status.phase in ({Phase.FAILED},{Phase.CANCELLED})",
            outputs=[_read(name, path) for name, path in _PATHS.items()],
            synchronization=parts.at_once(parts.RUNS_AT_ONCE),
            service_account_name=FLOW_ACCOUNT,
            # As the pod security profile `restricted` asks; the container itself is Argo's, and keeps to it.
            pod_security_context=PodSecurityContext(
                run_as_non_root=True,
                run_as_user=USER,
                run_as_group=USER,
                seccomp_profile=SeccompProfile(type="RuntimeDefault"),
            ),
        )
    return made


# A field that is not there gives nothing, and Argo takes the default then.
_PATHS: Final = {
    "phase": "{.status.phase}",
    "reason": '{.status.conditions[?(@.type=="Finished")].reason}',
    "verdict": "{.status.verdict}",
    "run": "{.metadata.name}",
    "head": "{.status.headSHA}",
    "pull-request": "{.status.pullRequest}",
    "branch": "{.status.branch}",
}


def _read(name: str, path: str) -> Parameter:
    return Parameter(name=name, value_from=ValueFrom(json_path=path, default=""))


# Fields of the spec by the parameters that they come from. What is empty is left out, and numbers become numbers.
_FIELDS: Final = {
    "repository": "repository",
    "persona": "github-app",
    "task": "task",
    "issue": "issue",
    "pullRequest": "pull-request",
    "branch": "branch",
    "base": "base",
    "model": "model",
}
_NUMBERS: Final = ("issue", "pull-request")


def _manifest() -> str:
    """The CodeRun as JSON, its values by expressions that encode them: a text stays a text, whatever stands in it."""
    fields = ", ".join(f"['{field}', {_value(parameter)}]" for field, parameter in _FIELDS.items())
    spec = f"join(map(filter([{fields}], #[1] != ''), toJson(#[0]) + ':' + toJson(#[1])), ',')"
    # By the node: the pod that is made again creates no second run.
    name = "'coderun-' + sprig.substr(0, 10, sprig.sha256sum(workflow.uid + ' ' + node.name))"
    return (
        f'{{"apiVersion": "{API_VERSION}", "kind": "CodeRun", '
        f'"metadata": {{"name": "{{{{={name}}}}}"}}, "spec": {{ {{{{={spec}}}}} }}}}'
    )


def _value(parameter: str) -> str:
    told = f"inputs.parameters['{parameter}']"
    return f"({told} == '' ? '' : asInt({told}))" if parameter in _NUMBERS else told
