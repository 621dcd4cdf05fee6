"""The Job of an attempt: who may see the token, what is limited, what a run may ask for."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from pressplay.operator.build import build_job
from pressplay.operator.settings import from_environment
from pressplay.policy.cluster import ClusterPolicy, PolicyError, allowed_models, capped, load, refusal
from pressplay.protocol.control import Admission
from pressplay.resources.coderun import CodeRun, CodeRunSpec
from pressplay.resources.reasons import Reason
from pressplay.resources.run import Budget

VARIABLES = {
    "PRESSPLAY_GATEWAY_CONTROL": "http://gateway:8081",
    "PRESSPLAY_GATEWAY_RUNS": "http://gateway:8080",
    "PRESSPLAY_RUNNER_IMAGE": "pressplay/runner:1",
    "PRESSPLAY_WORKBENCH_IMAGE": "pressplay/workbench:1",
}
SETTINGS = from_environment(VARIABLES)
ADMISSION = Admission(
    uid="0f0e", repository_id=1, repository="acme/sums", base="main", base_sha="0" * 40, branch="pressplay/add",
    persona="rex", model="m", seconds=600,
)  # fmt: skip


def coderun(name: str = "add", **spec: Any) -> CodeRun:
    told = {"repository": "acme/sums", "task": "add", **spec}
    meta = {"name": name, "namespace": "team", "uid": "0f0e0d0c-0000"}
    return CodeRun.model_validate({"metadata": meta, "spec": told})


def job(attempt: int = 1, **spec: Any) -> dict[str, Any]:
    return build_job(coderun(**spec), ADMISSION, attempt, 600, SETTINGS)


def refereed(**spec: Any) -> dict[str, Any]:
    """The Job of a run whose persona has the project's fixers run first."""
    return build_job(coderun(**spec), ADMISSION.model_copy(update={"fixers": True}), 1, 600, SETTINGS)


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


def test_a_job_and_its_pod_are_found_by_run_and_attempt() -> None:
    made = job(2)
    wanted = {
        "app.kubernetes.io/managed-by": "pressplay", "agents.platform/run": "add", "agents.platform/attempt": "2",
        "agents.platform/run-uid": "0f0e0d0c-0000", "agents.platform/run-kind": "CodeRun",
    }  # fmt: skip
    assert made["metadata"]["labels"] == wanted
    assert made["spec"]["template"]["metadata"]["labels"] == wanted


def test_the_job_goes_with_its_run_and_with_no_later_one_of_the_same_name() -> None:
    made = job()
    assert made["metadata"]["namespace"] == "team"
    assert made["metadata"]["ownerReferences"] == [
        {
            "apiVersion": "agents.platform/v1",
            "kind": "CodeRun",
            "name": "add",
            "uid": "0f0e0d0c-0000",
            "controller": True,
            "blockOwnerDeletion": False,
        }
    ]


@pytest.mark.parametrize("name", ["a", "x" * 63, "a-" * 31 + "b", "fix." * 10 + "it", "y" * 253])
def test_a_run_of_any_name_has_a_job_whose_pods_can_be_named(name: str) -> None:
    made = build_job(coderun(name), ADMISSION, 10, 600, SETTINGS)
    # The Job's name becomes a label of its pods, and an ending of six characters is put behind it.
    assert len(made["metadata"]["name"]) <= 57
    assert re.fullmatch(r"[a-z0-9]([-a-z0-9.]*[a-z0-9])?", made["metadata"]["name"])
    assert ".-" not in made["metadata"]["name"]
    assert all(len(value) <= 63 for value in made["metadata"]["labels"].values())


def test_the_workbench_is_there_before_the_runner_and_ends_with_it() -> None:
    pod = job()["spec"]["template"]["spec"]
    prepare, bench = pod["initContainers"]
    (runner,) = pod["containers"]
    assert (prepare["name"], bench["name"], runner["name"]) == ("workspace", "workbench", "runner")
    # A native sidecar; the others run once.
    assert bench["restartPolicy"] == "Always"
    assert "restartPolicy" not in prepare
    assert pod["restartPolicy"] == "Never"


def test_the_workbench_gets_nothing_but_the_two_folders_and_what_the_run_asks() -> None:
    bench = containers(job())["workbench"]
    assert set(mounts(bench)) == {"workspace", "exchange", "workbench-tmp"}
    assert bench["env"] == []
    assert "envFrom" not in bench


def test_a_referee_ends_before_the_workbench_begins_and_only_where_there_is_something_for_it() -> None:
    made = refereed()
    prepare, referee, bench = made["spec"]["template"]["spec"]["initContainers"]
    assert (prepare["name"], referee["name"], bench["name"]) == ("workspace", "referee", "workbench")
    # One that is no sidecar ends, and all that it began with it, before the next container is made.
    assert "restartPolicy" not in referee
    assert "referee" not in str(job())


def test_what_the_referee_and_the_workbench_see_is_not_the_same_but_for_the_mirror() -> None:
    found = containers(refereed(workspace={"mirrorClaim": "mirrors"}))
    assert set(mounts(found["referee"])) & set(mounts(found["workbench"])) == {"mirror"}
    assert mounts(found["referee"])["mirror"]["readOnly"]
    places = [{each["mountPath"] for each in found[name]["volumeMounts"]} for name in ("referee", "workbench")]
    assert places[0] == places[1]
    for ours in ("workspace", "runner"):
        seen = mounts(found[ours])
        assert (seen["referee-work"]["mountPath"], seen["referee-exchange"]["mountPath"]) == (
            "/referee/work", "/referee/exchange",
        )  # fmt: skip


def test_the_referee_is_held_to_what_the_workbench_is_and_has_no_token() -> None:
    env = [{"name": "PRESSPLAY_ONCE", "value": ""}, {"name": "CI", "value": "1"}]
    found = containers(refereed(env=env, workbench={"image": "acme/bench:2"}))
    referee, bench = found["referee"], found["workbench"]
    for fact in ("image", "command", "securityContext", "resources"):
        assert referee[fact] == bench[fact]
    assert {name for name, each in found.items() if "token" in mounts(each)} == {"workspace", "runner"}
    # What the run asks for cannot have it wait for ever: the last of a name counts.
    assert {each["name"]: each["value"] for each in referee["env"]} == {
        "PRESSPLAY_ONCE": "1", "CI": "1", "PRESSPLAY_MOST_OUTPUT": "16777216",
    }  # fmt: skip
    volumes = refereed()["spec"]["template"]["spec"]["volumes"]
    assert all(each["emptyDir"]["sizeLimit"] for each in volumes if each["name"] != "token")


def test_the_task_s_words_stand_in_no_pod() -> None:
    assert "open sesame" not in str(job(task="open sesame", acceptanceCriteria=["open sesame"]))


def test_every_volume_has_a_limit_so_that_no_run_fills_its_node() -> None:
    volumes = job()["spec"]["template"]["spec"]["volumes"]
    assert all(each["emptyDir"]["sizeLimit"] for each in volumes if each["name"] != "token")
    assert {next(iter(set(each) - {"name"})) for each in volumes} == {"emptyDir", "projected"}


@pytest.mark.parametrize("left", [0, -30])
def test_a_run_without_time_has_a_deadline_all_the_same(left: int) -> None:
    assert build_job(coderun(), ADMISSION, 1, left, SETTINGS)["spec"]["activeDeadlineSeconds"] == 1


def test_images_are_the_admission_s_and_the_cluster_s() -> None:
    admission = ADMISSION.model_copy(update={"image": "acme/bench:2"})
    found = containers(build_job(coderun(), admission, 1, 600, SETTINGS))
    assert {name: each["image"] for name, each in found.items()} == {
        "workspace": "pressplay/runner:1",
        "workbench": "acme/bench:2",
        "runner": "pressplay/runner:1",
    }
    assert containers(job())["workbench"]["image"] == "pressplay/workbench:1"


def test_what_the_cluster_s_owner_sets_holds_for_every_pod() -> None:
    more = {"PRESSPLAY_PULL_SECRETS": "one, two", "PRESSPLAY_PRIORITY_CLASS": "low", "PRESSPLAY_PULL_POLICY": "Never"}
    made = build_job(coderun(), ADMISSION, 1, 600, from_environment(VARIABLES | more))
    pod = made["spec"]["template"]["spec"]
    assert pod["imagePullSecrets"] == [{"name": "one"}, {"name": "two"}]
    assert pod["priorityClassName"] == "low"
    assert {each["imagePullPolicy"] for each in containers(made).values()} == {"Never"}
    plain = job()["spec"]["template"]["spec"]
    assert not {"imagePullSecrets", "priorityClassName", "runtimeClassName", "nodeSelector", "tolerations"} & set(plain)


WISHES = {
    "image": "acme/bench:2",
    "runtimeClassName": "gvisor",
    "nodeSelector": {"disk": "fast"},
    "tolerations": [{"key": "agents", "operator": "Exists", "effect": "NoSchedule"}],
}


def policy(tmp_path: Path, text: str) -> ClusterPolicy:
    (tmp_path / "policy.yaml").write_text(text)
    return load(tmp_path / "policy.yaml")


def spec(**more: Any) -> CodeRunSpec:
    return CodeRunSpec.model_validate({"repository": "acme/sums", "task": "add", **more})


ALLOWED = """
tenants:
  - namespaces: ["team*"]
    repositories: ["Acme/*"]
    images: ["acme/*"]
    runtimeClasses: [gvisor]
    nodeSelectors: [disk]
    maxDollars: 5
    maxTokens: 1000
    maxSeconds: 600
"""


def test_what_the_policy_allows_is_asked_of_the_cluster_as_it_was_told(tmp_path: Path) -> None:
    wished = spec(workbench=WISHES, budget={"dollars": "5", "tokens": 1000, "seconds": 600})
    assert refusal(policy(tmp_path, ALLOWED), "team-a", wished, "rex") is None
    pod = job(workbench=WISHES)["spec"]["template"]["spec"]
    assert (pod["runtimeClassName"], pod["nodeSelector"]) == ("gvisor", {"disk": "fast"})
    assert pod["tolerations"] == WISHES["tolerations"]


@pytest.mark.parametrize(
    ("namespace", "asked", "reason", "named"),
    [
        ("team-a", {"repository": "other/sums"}, Reason.REPOSITORY_NOT_ALLOWED, "other/sums"),
        ("elsewhere", {}, Reason.REPOSITORY_NOT_ALLOWED, "elsewhere"),
        ("team-a", {"workbench": {"image": "evil/bench:1"}}, Reason.IMAGE_NOT_ALLOWED, "evil/bench:1"),
        ("team-a", {"workbench": {"runtimeClassName": "runc"}}, Reason.INVALID_RUN, "`runc`"),
        ("team-a", {"workbench": {"nodeSelector": {"disk": "x", "zone": "a"}}}, Reason.INVALID_RUN, "`zone`"),
        ("team-a", {"budget": {"dollars": "5.01"}}, Reason.INVALID_RUN, "budget.dollars"),
        ("team-a", {"budget": {"tokens": 1001}}, Reason.INVALID_RUN, "budget.tokens"),
        ("team-a", {"budget": {"seconds": 601}}, Reason.INVALID_RUN, "budget.seconds"),
    ],
)
def test_what_the_policy_does_not_allow_is_refused_by_its_name(
    tmp_path: Path, namespace: str, asked: dict[str, Any], reason: Reason, named: str
) -> None:
    refused = refusal(policy(tmp_path, ALLOWED), namespace, spec(**asked), "rex")
    assert refused is not None
    assert refused.reason is reason
    assert named in refused.message
    assert "ask who runs the cluster" in refused.message


@pytest.mark.parametrize(
    ("line", "asked", "reason", "named"),
    [
        ("tolerations: false", {"workbench": {"tolerations": [{"operator": "Exists"}]}}, Reason.INVALID_RUN,
         "tolerations"),
        ("personas: [docs]", {}, Reason.PERSONA_NOT_PERMITTED, "`rex`"),
        ("models: [small-*]", {"model": "large-1"}, Reason.UNKNOWN_MODEL, "`large-1`"),
        ("images: []", {"workbench": {"image": "acme/bench:2"}}, Reason.IMAGE_NOT_ALLOWED, "acme/bench:2"),
    ],
)  # fmt: skip
def test_a_single_line_of_policy_is_enough(
    tmp_path: Path, line: str, asked: dict[str, Any], reason: Reason, named: str
) -> None:
    held = policy(tmp_path, f"tenants: [{{{line}}}]")
    refused = refusal(held, "team", spec(**asked), "rex")
    assert refused is not None
    assert (refused.reason, named in refused.message) == (reason, True)
    assert refusal(ClusterPolicy(), "team", spec(**asked), "rex") is None


@pytest.mark.parametrize(
    "text", ["tenants: 2026-99-99", "[" * 5_000, "tenants: !!int '1_x'", "tenants: [{maxDollars: .inf}]"]
)
def test_a_policy_that_is_no_yaml_is_told_as_that(tmp_path: Path, text: str) -> None:
    with pytest.raises(PolicyError, match=r"policy\.yaml"):
        policy(tmp_path, text)


def test_what_nobody_asked_for_is_bound_by_the_policy_too(tmp_path: Path) -> None:
    held = policy(tmp_path, ALLOWED)
    given = Budget(tokens=9_000_000, dollars="20.00", steps=50, seconds=7200)
    assert capped(held, "team-a", given) == Budget(tokens=1000, dollars="5.000000", steps=50, seconds=600)
    assert capped(held, "team-a", Budget(dollars="0.5")) == Budget(tokens=1000, dollars="0.5", seconds=600)
    assert capped(ClusterPolicy(), "team-a", given) == given
    small = policy(tmp_path, "tenants: [{models: [small-*]}]")
    assert allowed_models(small, "team", ("large-1", "small-2")) == ("small-2",)


def test_a_pod_field_that_a_run_cannot_ask_for_does_not_reach_the_pod() -> None:
    sneaked = {"hostNetwork": True, "privileged": True, "securityContext": {"runAsUser": 0}, "volumes": [{"name": "x"}]}
    assert job(workbench=sneaked, serviceAccountName="admin", hostPID=True) == job()


@pytest.mark.parametrize("name", ["a" * 62 + "-b", "a" * 62 + ".b", "a" * 63, "add"])
def test_the_label_with_the_run_s_name_is_one_that_kubernetes_takes(name: str) -> None:
    made = build_job(coderun(name), ADMISSION, 1, 600, SETTINGS)
    label = made["metadata"]["labels"]["agents.platform/run"]
    assert re.fullmatch(r"[a-z0-9]([-a-z0-9.]{0,61}[a-z0-9])?", label)
    assert name.startswith(label)
