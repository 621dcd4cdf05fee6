"""What all templates have in common: how they are named, kept and limited; how a node's outputs decide on another.

Conditions are Argo's expressions (`{{=…}}`) and not texts that outputs are pasted into: an empty or strange output
makes them false, and never something else. https://argo-workflows.readthedocs.io/en/latest/variables/#expression
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from hera.workflows import Parameter, Task, WorkflowTemplate
from hera.workflows.models import (
    ConfigMapKeySelector,
    PodGC,
    SemaphoreRef,
    Synchronization,
    TTLStrategy,
    ValueFrom,
    WorkflowMetadata,
)

from pressplay.resources import names

TITLE: Final = "workflows.argoproj.io/title"
DESCRIPTION: Final = "workflows.argoproj.io/description"
LIMITS: Final = "pressplay-limits"
"""The ConfigMap with how many there may be at once."""
RUNS_AT_ONCE: Final = "runs"
TASK: Final = "task"
"""The parameter that people type. It is handed on by its name alone: what Argo hands on it expands."""
WORDS: Final = "words"
DAY: Final = 24 * 3600

# Seconds after which a node ends by itself, as text: parameters are.
RUN_SECONDS: Final = str(4 * 3600)
CHECKS_SECONDS: Final = str(6 * 3600)
TRIAGE_SECONDS: Final = str(3 * 3600)
REPORT_SECONDS: Final = "60"
REVIEW_SECONDS: Final = str(14 * DAY)
MERGE_SECONDS: Final = str(14 * DAY)
APPROVE_SECONDS: Final = str(7 * DAY)


def template(
    name: str, title: str, description: str, entrypoint: str, parameters: Iterable[Parameter] = (), *,
    about: str | None = None, limit: str | None = None,
) -> WorkflowTemplate:  # fmt: skip
    """A WorkflowTemplate of ours, still without templates.

    Args:
        title, description: as Argo's UI shows them in its lists.
        about: what a Workflow of it is about, as that is shown; None where it is not to be submitted. Such Workflows
            bear the label that the operator looks for, too.
        limit: key in `pressplay-limits` of how many Workflows of it there may be at once.
    """
    shown = {TITLE: title, DESCRIPTION: description}
    # The title stands in the place of the name in lists, so it says which one it is.
    one = {**shown, TITLE: f"{about}: {title}"}
    return WorkflowTemplate(
        name=name,
        labels={"app.kubernetes.io/name": "pressplay", "app.kubernetes.io/component": "flows"},
        annotations=shown,
        entrypoint=entrypoint,
        arguments=list(parameters),
        workflow_metadata=WorkflowMetadata(labels={names.FLOW: name}, annotations=one) if about else None,
        synchronization=at_once(limit) if limit else None,
        ttl_strategy=TTLStrategy(seconds_after_success=7 * DAY, seconds_after_failure=30 * DAY),
        pod_gc=PodGC(strategy="OnPodCompletion"),
    )


def at_once(key: str) -> Synchronization:
    """No more at once than `pressplay-limits` says under this key."""
    return Synchronization(semaphores=[SemaphoreRef(config_map_key_ref=ConfigMapKeySelector(name=LIMITS, key=key))])


def required(name: str, description: str) -> Parameter:
    """A parameter of a Workflow that must be given."""
    return Parameter(name=name, description=description)


def optional(name: str, description: str, default: str = "") -> Parameter:
    """A parameter of a Workflow that has a value where nothing is given."""
    return Parameter(name=name, description=description, value=default)


def taken(*parameters: str) -> list[Parameter]:
    """Inputs of a template that are named like parameters of its Workflow; so the template can be an entrypoint."""
    return [Parameter(name=name) for name in parameters]


def worded() -> Parameter:
    """The input that says which of the Workflow's parameters is the task in words: `task`, where nothing is said."""
    return Parameter(name=WORDS, default=TASK)


def handed_on(*parameters: str) -> dict[str, str]:
    """Arguments that hand a template's own inputs on under the same names."""
    return {name: input_of(name) for name in parameters}


def of_workflow(*parameters: str) -> dict[str, str]:
    """Arguments that are the Workflow's own."""
    return {name: f"{{{{workflow.parameters.{name}}}}}" for name in parameters}


REPOSITORY_SHOWN: Final = "{{workflow.parameters.repository}}"


def numbered(parameter: str) -> str:
    """What a Workflow is about, where that is a pull request or an issue."""
    return f"{REPOSITORY_SHOWN}#{{{{workflow.parameters.{parameter}}}}}"


def input_of(name: str) -> str:
    """A template's input."""
    return f"{{{{inputs.parameters.{name}}}}}"


def output_of(task: Task, name: str) -> str:
    """What a task that has ended supplied. Only for tasks that cannot have been skipped: they supply nothing."""
    return f"{{{{tasks.{task.name}.outputs.parameters.{name}}}}}"


def results_of(task: Task, outputs: Iterable[str]) -> list[Parameter]:
    """Outputs of a template that are those of one of its tasks."""
    return [Parameter(name=name, value_from=ValueFrom(parameter=output_of(task, name))) for name in outputs]


def when(condition: str) -> str:
    """A condition as a task has it."""
    return f"{{{{={condition}}}}}"


def said(task: Task, output: str, word: str) -> str:
    """The condition that a task supplied this word."""
    return f"tasks['{task.name}'].outputs.parameters['{output}'] == '{word}'"


def has(task: Task, output: str) -> str:
    """The condition that a task supplied something."""
    return f"tasks['{task.name}'].outputs.parameters['{output}'] != ''"


def given(parameter: str) -> str:
    """The condition that a template's input has a value."""
    return f"inputs.parameters['{parameter}'] != ''"


ROUND_LEFT: Final = "asInt(inputs.parameters['round']) < asInt(inputs.parameters['rounds'])"
"""The condition that there may be another round."""
NEXT_ROUND: Final = "{{=asInt(inputs.parameters['round']) + 1}}"


def first_round(name: str, template: str, made: Task, times: Iterable[str]) -> Task:
    """The first of the rounds in which a task's pull request is looked at; to be called within the DAG.

    Args:
        template: of a round; `times` are the inputs that it takes besides.
        made: the task that has made the pull request. One that asks for nothing has made none, and it ends there.
    """
    about = {each: output_of(made, each) for each in ("pull-request", "head")}
    return Task(
        name=name, template=template, depends=f"{made.name}.Succeeded", when=when(has(made, "pull-request")),
        arguments={**handed_on("repository", *times), **about, "round": "1"},
    )  # fmt: skip


def no(condition: str) -> str:
    """The opposite of a condition."""
    return f"!({condition})"


def limits(of_flows: Mapping[str, int]) -> dict[str, object]:
    """The ConfigMap of limits."""
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": LIMITS, "labels": {"app.kubernetes.io/name": "pressplay"}},
        "data": {key: str(number) for key, number in of_flows.items()},
    }
