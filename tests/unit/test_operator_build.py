"""The Job of an attempt: who may see the token, what is limited, and that the same run gives the same Job."""

from __future__ import annotations

from typing import Any

import pytest

from pressplay.operator.build import build_job
from pressplay.operator.settings import from_environment
from pressplay.protocol.control import Admission
from pressplay.resources.coderun import CodeRun

SETTINGS = from_environment(
    {
        "PRESSPLAY_GATEWAY_CONTROL": "http://gateway:8081",
        "PRESSPLAY_GATEWAY_RUNS": "http://gateway:8080",
        "PRESSPLAY_RUNNER_IMAGE": "pressplay/runner:1",
        "PRESSPLAY_WORKBENCH_IMAGE": "pressplay/workbench:1",
    }
)
ADMISSION = Admission(
    uid="0f0e", repository_id=1, repository="acme/sums", base="main", base_sha="0" * 40, branch="pressplay/add",
    persona="rex", model="m", seconds=600,
)  # fmt: skip


def job(attempt: int = 1, **spec: Any) -> dict[str, Any]:
    told = {"repository": "acme/sums", "task": "add", **spec}
    meta = {"name": "add", "namespace": "team", "uid": "0f0e0d0c-0000"}
    run = CodeRun.model_validate({"metadata": meta, "spec": told})
    return build_job(run, ADMISSION, attempt, 600, SETTINGS)


def containers(made: dict[str, Any]) -> dict[str, dict[str, Any]]:
    pod = made["spec"]["template"]["spec"]
    return {each["name"]: each for each in [*pod["initContainers"], *pod["containers"]]}


def mounts(container: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {each["name"]: each for each in container["volumeMounts"]}


def test_where_the_repository_s_code_runs_there_is_no_token() -> None:
    made = job()
    assert made["spec"]["template"]["spec"]["automountServiceAccountToken"] is False
    assert made["spec"]["template"]["spec"]["shareProcessNamespace"] is False
    holders = {name for name, each in containers(made).items() if "token" in mounts(each)}
    assert holders == {"workspace", "runner"}
    assert all(mounts(containers(made)[name])["token"]["readOnly"] for name in holders)


def test_the_token_is_for_the_gateway_alone_and_ends() -> None:
    volumes = {each["name"]: each for each in job()["spec"]["template"]["spec"]["volumes"]}
    (source,) = volumes["token"]["projected"]["sources"]
    assert source["serviceAccountToken"]["audience"] == "pressplay-runs"
    assert source["serviceAccountToken"]["expirationSeconds"] <= 3600
    assert not [each for each in volumes.values() if "secret" in each or "hostPath" in each]


@pytest.mark.parametrize("name", ["workspace", "workbench", "runner"])
def test_every_container_keeps_to_the_profile_restricted(name: str) -> None:
    container = containers(job())[name]
    security = container["securityContext"]
    assert security["runAsNonRoot"] is True
    assert security["allowPrivilegeEscalation"] is False
    assert security["readOnlyRootFilesystem"] is True
    assert security["capabilities"] == {"drop": ["ALL"]}
    assert security["seccompProfile"] == {"type": "RuntimeDefault"}
    assert container["resources"]["limits"]["memory"]


def test_runner_and_workbench_are_different_users_so_that_neither_reads_the_other_s_memory() -> None:
    found = containers(job())
    assert found["runner"]["securityContext"]["runAsUser"] != found["workbench"]["securityContext"]["runAsUser"]


def test_the_job_belongs_to_its_run_and_ends_with_its_time() -> None:
    made = job()
    (owner,) = made["metadata"]["ownerReferences"]
    assert (owner["kind"], owner["name"], owner["controller"]) == ("CodeRun", "add", True)
    assert made["spec"]["activeDeadlineSeconds"] == 600
    assert made["spec"]["backoffLimit"] == 0


def test_a_disruption_costs_no_attempt() -> None:
    (rule,) = job()["spec"]["podFailurePolicy"]["rules"]
    assert rule == {"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}]}


def test_the_same_attempt_has_the_same_job_and_another_one_another_name() -> None:
    assert job() == job()
    assert job(2)["metadata"]["name"] != job()["metadata"]["name"]


def test_what_a_run_says_of_its_workbench_reaches_the_workbench_alone() -> None:
    bench = {"resources": {"cpu": "2", "memory": "4Gi", "storage": "20Gi"}, "nodeSelector": {"disk": "fast"}}
    made = job(env=[{"name": "A", "value": "$(PRICE)"}], workbench=bench)
    found = containers(made)
    # As it is: the kubelet would expand $(…).
    assert {"name": "A", "value": "$$(PRICE)"} in found["workbench"]["env"]
    assert not [each for each in found["runner"]["env"] if each["name"] == "A"]
    assert found["workbench"]["resources"]["limits"]["memory"] == "4Gi"
    assert found["runner"]["resources"]["limits"]["memory"] == "512Mi"
    assert made["spec"]["template"]["spec"]["nodeSelector"] == {"disk": "fast"}
    volumes = {each["name"]: each for each in made["spec"]["template"]["spec"]["volumes"]}
    assert volumes["workspace"]["emptyDir"]["sizeLimit"] == "20Gi"
