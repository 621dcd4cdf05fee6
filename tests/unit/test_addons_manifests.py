"""What is installed of Argo and NATS: upstream's objects with our changes, safe by the standard `restricted`."""

from __future__ import annotations

import base64
import copy
import json
from typing import Any

import pytest

from localkube.addons import argo, argo_events, nats
from localkube.addons.objects import edited
from localkube.build import argo as argo_build
from localkube.build import argo_events as argo_events_build
from localkube.build import nats_image
from localkube.kubectl import Manifest

CREDENTIALS = nats.Credentials("a certificate", "a key", "a password")


def deployment(name: str, image: str) -> Manifest:
    only = {"name": name, "image": image, "args": [], "imagePullPolicy": "Always"}
    spec = {"replicas": 1, "template": {"spec": {"containers": [only], "securityContext": {"runAsNonRoot": True}}}}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name, "namespace": "n"}, "spec": spec}


@pytest.fixture
def workflows() -> list[Manifest]:
    """As much of upstream's objects as our changes touch."""
    config = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "workflow-controller-configmap"}}
    return [
        config,
        deployment("workflow-controller", "quay.io/argoproj/workflow-controller:latest"),
        deployment("argo-server", "quay.io/argoproj/argocli:latest"),
    ]


@pytest.fixture
def events() -> list[Manifest]:
    return [deployment("controller-manager", "quay.io/argoproj/argo-events:latest")]


def find(objects: list[Manifest], kind: str, name: str) -> Manifest:
    (found,) = [item for item in objects if (item["kind"], item["metadata"]["name"]) == (kind, name)]
    return found


def only_container(workload: Manifest) -> dict[str, Any]:
    (container,) = workload["spec"]["template"]["spec"]["containers"]
    assert isinstance(container, dict)
    return container


def test_upstreams_objects_are_not_touched(workflows: list[Manifest]) -> None:
    before = copy.deepcopy(workflows)
    argo.manifests(workflows)
    assert workflows == before


def test_an_edit_of_what_upstream_no_longer_has_is_an_error(events: list[Manifest]) -> None:
    with pytest.raises(KeyError):
        edited(events, {("Deployment", "renamed"): lambda _: None})


def test_every_workload_keeps_the_standard_restricted(workflows: list[Manifest], events: list[Manifest]) -> None:
    objects = [*argo.manifests(workflows), *argo_events.manifests(events), *nats.manifests(CREDENTIALS)]
    workloads = [item for item in objects if item["kind"] in ("Deployment", "StatefulSet")]
    assert len(workloads) == 4
    for workload in workloads:
        context = only_container(workload)["securityContext"]
        assert context["runAsNonRoot"] is True
        assert context["readOnlyRootFilesystem"] is True
        assert context["allowPrivilegeEscalation"] is False
        assert context["capabilities"] == {"drop": ["ALL"]}
        assert context["seccompProfile"] == {"type": "RuntimeDefault"}


def test_workloads_run_the_images_that_are_brought_and_never_pull_them_anew(
    workflows: list[Manifest], events: list[Manifest]
) -> None:
    objects = [*argo.manifests(workflows), *argo_events.manifests(events), *nats.manifests(CREDENTIALS)]
    containers = [only_container(item) for item in objects if item["kind"] in ("Deployment", "StatefulSet")]
    built = {argo_build.CONTROLLER_IMAGE, argo_build.SERVER_IMAGE, argo_events_build.IMAGE, nats_image.IMAGE}
    assert {container["image"] for container in containers} == built
    assert {container["imagePullPolicy"] for container in containers} == {"IfNotPresent"}


def test_the_server_acts_with_the_callers_own_token(workflows: list[Manifest]) -> None:
    server = only_container(find(argo.manifests(workflows), "Deployment", "argo-server"))
    assert "--auth-mode=client" in server["args"]


def test_the_controller_gives_the_pods_it_makes_the_executor_that_is_brought(workflows: list[Manifest]) -> None:
    controller = only_container(find(argo.manifests(workflows), "Deployment", "workflow-controller"))
    place = controller["args"].index("--executor-image")
    assert controller["args"][place + 1] == argo_build.EXECUTOR_IMAGE


def test_the_executor_is_configured_as_json_which_the_controller_reads(workflows: list[Manifest]) -> None:
    config = find(argo.manifests(workflows), "ConfigMap", "workflow-controller-configmap")
    executor = json.loads(config["data"]["executor"])
    assert executor["imagePullPolicy"] == "IfNotPresent"
    assert "runAsUser" not in executor["securityContext"]


def test_flows_do_not_wait_for_the_controller(workflows: list[Manifest]) -> None:
    """Both by upstream's settings are seconds between two steps; measured in docs/performance.md."""
    config = find(argo.manifests(workflows), "ConfigMap", "workflow-controller-configmap")
    assert json.loads(config["data"]["synchronization"])["semaphoreLimitCacheSeconds"] >= 1
    controller = only_container(find(argo.manifests(workflows), "Deployment", "workflow-controller"))
    assert {"name": "DEFAULT_REQUEUE_TIME", "value": "100ms"} in controller["env"]


def test_the_ui_has_a_port_on_the_node_only_where_one_is_wished(workflows: list[Manifest]) -> None:
    service = find(argo.manifests(workflows, ui_node_port=30123), "Service", "argo-ui")
    assert service["spec"]["ports"][0]["nodePort"] == 30123
    without = argo.manifests(workflows, ui_node_port=None)
    assert not [item for item in without if item["kind"] == "Service"]


def test_the_person_at_the_ui_cannot_read_secrets_nor_run_pods(workflows: list[Manifest]) -> None:
    rules = find(argo.manifests(workflows), "ClusterRole", argo.UI_ACCOUNT)["rules"]
    core = [rule for rule in rules if rule["apiGroups"] == [""]]
    assert all("secrets" not in rule["resources"] for rule in core)
    assert all(set(rule["verbs"]) == {"get", "list", "watch"} for rule in core)


def test_pods_of_workflows_may_report_results_and_nothing_else() -> None:
    role = find(argo.workflow_rbac("team", "runner"), "Role", "workflow-executor-runner")
    assert role["rules"] == [
        {"apiGroups": ["argoproj.io"], "resources": ["workflowtaskresults"], "verbs": ["create", "patch"]}
    ]


def test_the_default_account_of_a_namespace_is_not_made_anew() -> None:
    made = {item["kind"] for item in argo.workflow_rbac("team", "default")}
    assert made == {"Role", "RoleBinding"}
    assert "ServiceAccount" in {item["kind"] for item in argo.workflow_rbac("team", "runner")}


def test_argo_events_hands_its_image_and_pull_policy_on(events: list[Manifest]) -> None:
    controller = only_container(find(argo_events.manifests(events), "Deployment", "controller-manager"))
    told = {variable["name"]: variable.get("value") for variable in controller["env"]}
    assert told["ARGO_EVENTS_IMAGE"] == argo_events_build.IMAGE
    assert told["IMAGE_PULL_POLICY"] == "IfNotPresent"


def test_nats_writes_what_it_took_to_its_volume_at_once_and_takes_githubs_largest() -> None:
    config = nats_config()
    assert config["jetstream"]["sync_interval"] == "always"
    assert config["jetstream"]["store_dir"] == "/data"
    assert config["max_payload"] > 25 * 1024 * 1024 * 4 / 3
    assert config["jetstream"]["max_file_store"] > nats.STREAM_BYTES


def test_nats_lets_in_only_who_knows_the_password() -> None:
    assert nats_config()["authorization"] == {"user": nats.USER_NAME, "password": CREDENTIALS.password}


def test_other_credentials_start_nats_anew() -> None:
    other = nats.Credentials("another certificate", "another key", "another password")
    annotations = [
        find(nats.manifests(credentials), "StatefulSet", "nats")["spec"]["template"]["metadata"]["annotations"]
        for credentials in (CREDENTIALS, other, CREDENTIALS)
    ]
    assert annotations[0] == annotations[2] != annotations[1]


def test_credentials_are_read_back_as_they_were_written() -> None:
    assert nats.credentials_of(find(nats.manifests(CREDENTIALS), "Secret", nats.SERVER_SECRET)) == CREDENTIALS


def test_an_event_bus_trusts_the_servers_certificate_alone() -> None:
    objects = nats.event_bus("team", CREDENTIALS)
    secret, bus = find(objects, "Secret", nats.ACCESS_SECRET), find(objects, "EventBus", "default")
    exotic = bus["spec"]["jetstreamExotic"]
    assert exotic["url"] == "tls://nats.argo-events.svc:4222"
    assert plain(secret, exotic["tls"]["caCertSecret"]["key"]) == CREDENTIALS.certificate
    auth = json.loads(plain(secret, exotic["accessSecret"]["key"]))
    assert auth == {"username": nats.USER_NAME, "password": CREDENTIALS.password}


def test_the_servers_key_stays_in_the_servers_namespace() -> None:
    assert CREDENTIALS.key not in json.dumps([plain_all(item) for item in nats.event_bus("team", CREDENTIALS)])


def nats_config() -> dict[str, Any]:
    found = json.loads(plain(find(nats.manifests(CREDENTIALS), "Secret", nats.SERVER_SECRET), "nats.conf"))
    assert isinstance(found, dict)
    return found


def plain(secret: Manifest, key: str) -> str:
    return base64.b64decode(secret["data"][key]).decode()


def plain_all(item: Manifest) -> Any:
    return {key: plain(item, key) for key in item["data"]} if item["kind"] == "Secret" else item
