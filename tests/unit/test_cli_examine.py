"""The doctor tells ours from others', and what to do about what is missing."""

from __future__ import annotations

from typing import Any

import pytest

from pressplay.cli.doctor import as_text
from pressplay.cli.examine import Finding, judge_crd, judge_deployment, mounted_secrets
from pressplay.cli.system import variables
from pressplay.resources.coderun import CodeRunSpec


def crd(fields: set[str], version: str = "v1", *, served: bool = True, established: bool = True) -> dict[str, Any]:
    spec: dict[str, Any] = {"properties": {name: {} for name in fields}}
    return {
        "spec": {
            "versions": [
                {
                    "name": version,
                    "served": served,
                    "schema": {"openAPIV3Schema": {"properties": {"spec": spec}}},
                }
            ]
        },
        "status": {"conditions": [{"type": "Established", "status": str(established)}]},
    }


OURS = {field.alias or name for name, field in CodeRunSpec.model_fields.items()}
# What another product's CodeRun of the same group and version asks for.
FOREIGN = {"taskId", "service", "repositoryUrl", "docsRepositoryUrl", "model", "githubApp"}


def test_our_definition_is_known() -> None:
    assert judge_crd("CodeRun", crd(OURS)) == Finding("coderuns.agents.platform", "ok", "ours, agents.platform/v1")


def test_a_field_that_is_newer_than_this_command_line_does_no_harm() -> None:
    assert judge_crd("CodeRun", crd(OURS | {"fromTheFuture"})).state == "ok"


@pytest.mark.parametrize(
    ("definition", "state", "detail"),
    [
        (crd(FOREIGN), "missing", "another product's"),
        (crd(set()), "missing", "another product's"),
        (crd(OURS, "v1alpha1"), "missing", "without version v1"),
        (crd(OURS, served=False), "missing", "without version v1"),
        (crd(OURS - {"budget", "issue"}), "warning", "lacks budget, issue"),
        (crd(OURS, established=False), "missing", "not established"),
    ],
)
def test_other_definitions_are_told_apart_with_a_remedy(definition: dict[str, Any], state: str, detail: str) -> None:
    found = judge_crd("CodeRun", definition)
    assert found.state == state
    assert detail in found.detail
    assert found.remedy


def deployment(ready: int, wanted: int = 1) -> dict[str, Any]:
    return {"metadata": {"namespace": "a"}, "spec": {"replicas": wanted}, "status": {"readyReplicas": ready}}


def test_a_process_is_well_where_one_of_it_is_ready() -> None:
    assert judge_deployment("operator", deployment(1, 2)).state == "ok"
    assert judge_deployment("operator", deployment(0)).state == "missing"
    assert "component=operator" in judge_deployment("operator", deployment(0)).remedy
    assert "scale it" in judge_deployment("operator", deployment(0, 0)).remedy
    assert "helm" in judge_deployment("operator", None).remedy


def test_what_its_pod_waits_for_is_said_and_an_image_that_is_not_there_has_a_remedy_of_its_own() -> None:
    waits = 'ImagePullBackOff: Back-off pulling image "pressplay/platform:0.1.0"'
    found = judge_deployment("operator", deployment(0), waits)
    assert found.detail == f"0 of 1 ready in a: {waits}"
    assert "images.registry" in found.remedy
    assert "describe pods" in judge_deployment("operator", deployment(0), "CreateContainerConfigError").remedy


def test_the_secrets_are_those_that_the_gateway_mounts() -> None:
    volumes = [
        {"name": "apps", "projected": {"sources": [{"secret": {"name": "mine"}}, {"secret": {"name": "clippy"}}]}},
        {"name": "llm", "secret": {"secretName": "keys"}},
        {"name": "tmp", "emptyDir": {}},
    ]
    gateway = {"spec": {"template": {"spec": {"volumes": volumes, "containers": []}}}}
    assert mounted_secrets(gateway) == {"apps": "mine", "llm": "keys"}


def test_variables_that_come_from_elsewhere_are_passed_over() -> None:
    containers = [{"env": [{"name": "A", "value": "1"}, {"name": "B", "valueFrom": {}}]}, {}]
    assert variables({"spec": {"template": {"spec": {"containers": containers}}}}) == {"A": "1"}


def test_what_is_missing_comes_with_its_remedy_on_a_line_of_its_own() -> None:
    text = as_text([Finding("cluster", "ok", "here"), Finding("gateway", "missing", "is away", "bring it")])
    assert text.splitlines() == ["✓ cluster  here", "✗ gateway  is away", "           → bring it"]
