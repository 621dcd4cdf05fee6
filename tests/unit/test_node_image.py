"""The node image: what is changed of kind's files, and what it is told about its network and volumes."""

from __future__ import annotations

import datetime as dt
import json
import subprocess
from pathlib import Path

import pytest

from localkube import versions
from localkube.build import node_image, storage
from localkube.build.kit import NODE_PROGRAMS
from localkube.providers.kind import kind_config, older_containers


def test_units_keep_all_but_what_takes_a_capability() -> None:
    unit = "[Service]\nLimitNOFILE=infinity\nOOMScoreAdjust=-999\nRestart=always\n"
    assert node_image._without_limits(unit) == "[Service]\nRestart=always\n"


def test_containerd_is_told_our_pause_image() -> None:
    settings = 'sandbox_image = "registry.k8s.io/pause:3.10"\nrestrict_oom_score_adj = false\n'
    changed = node_image._containerd_settings(settings)
    assert f'sandbox_image = "{node_image.PAUSE_IMAGE}"' in changed
    assert "restrict_oom_score_adj = true" in changed


def test_the_name_of_the_node_image_changes_with_its_files() -> None:
    one, other = (node_image.reference(Path(f"/cache/node-files-{digest}")) for digest in ("aa", "bb"))
    assert one != other
    assert versions.KUBERNETES in one


def test_a_built_node_brings_its_network_and_names_its_versions() -> None:
    config = kind_config("localkube.local/node:1", 2746, built=True)
    patches = [json.loads(patch) for patch in config["kubeadmConfigPatches"]]
    assert config["networking"] == {"kubeProxyMode": "nftables", "disableDefaultCNI": True}
    assert {"imageTag": versions.COREDNS} in [patch.get("dns") for patch in patches]


def test_a_stock_node_is_left_to_kind_and_its_port_stays_on_this_machine() -> None:
    config = kind_config("docker.io/kindest/node:v1", 2746, built=False)
    (node,) = config["nodes"]
    assert config["networking"]["disableDefaultCNI"] is False
    assert [json.loads(patch)["kind"] for patch in config["kubeadmConfigPatches"]] == ["KubeletConfiguration"]
    assert node["extraPortMappings"][0]["listenAddress"] == "127.0.0.1"


def test_a_pod_that_claims_to_run_since_before_its_node_is_told_from_the_others() -> None:
    def pod(name: str, state: dict[str, dict[str, str]]) -> dict[str, object]:
        return {"metadata": {"namespace": "space", "name": name}, "status": {"containerStatuses": [{"state": state}]}}

    pods = [
        pod("old", {"running": {"startedAt": "2026-11-21T05:00:00Z"}}),
        pod("new", {"running": {"startedAt": "2026-11-21T05:10:00Z"}}),
        pod("crashing", {"waiting": {"reason": "CrashLoopBackOff"}}),
    ]
    assert older_containers(pods, dt.datetime(2026, 11, 21, 5, 10, 0, 900_000, dt.UTC)) == ["space/old"]


def test_the_provisioner_runs_from_the_binary_that_knows_its_name() -> None:
    deployment = next(item for item in storage.manifests() if item["kind"] == "Deployment")
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    assert container["command"][0] in NODE_PROGRAMS


def test_the_default_class_waits_for_the_first_pod() -> None:
    (made,) = [item for item in storage.manifests() if item["kind"] == "StorageClass"]
    assert made["volumeBindingMode"] == "WaitForFirstConsumer"
    assert made["metadata"]["annotations"] == {"storageclass.kubernetes.io/is-default-class": "true"}


def test_the_preparation_is_a_shell_script_without_mistakes_of_syntax() -> None:
    subprocess.run(["sh", "-n", node_image.PREPARE], check=True)


@pytest.mark.parametrize("name", NODE_PROGRAMS)
def test_every_program_of_a_node_is_one_that_the_binary_knows(name: str) -> None:
    source = (Path(node_image.__file__).parent / "modules/kit/cmd/kubernetes/main.go").read_text()
    assert f'"{name}"' in source or name == "kubectl"
