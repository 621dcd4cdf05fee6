"""Installing into a cluster: in phases, nothing that is not ours, a clear word where something does not get ready."""

from __future__ import annotations

import json
import stat
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest

from localkube.addons import bus, install, nats
from localkube.addons.apply import Health, apply_in_phases, wait_ready
from localkube.components import Component
from localkube.errors import LocalKubeError
from localkube.kubectl import Kubectl, Manifest

# Stands in for kubectl: notes each call with what it read, and answers by how the arguments begin.
FAKE = """
    import json, pathlib, sys
    here = pathlib.Path(__file__).parent
    words = [word for word in sys.argv[1:] if not word.startswith(("--kubeconfig", "--context"))]
    with (here / "calls").open("a") as calls:
        calls.write(json.dumps({"words": words, "stdin": sys.stdin.read()}) + "\\n")
    line = " ".join(words)
    for beginning, answer in json.loads((here / "answers").read_text()):
        if line.startswith(beginning):
            print(answer if isinstance(answer, str) else json.dumps(answer))
            break
    refused = (here / "refused").read_text()
    sys.exit(1 if refused and line.startswith(refused) else 0)
"""


class FakeCluster:
    """A kubectl without a cluster."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        program = folder / "kubectl"
        program.write_text(f"#!{sys.executable}\n{textwrap.dedent(FAKE)}")
        program.chmod(program.stat().st_mode | stat.S_IXUSR)
        self.answer([])
        self.kubectl = Kubectl(program, folder / "kubeconfig", "a-context")

    def answer(self, answers: list[tuple[str, Any]], refuse: str = "") -> None:
        (self._folder / "answers").write_text(json.dumps(answers))
        (self._folder / "refused").write_text(refuse)

    @property
    def calls(self) -> list[list[str]]:
        return [call["words"] for call in self._calls()]

    def applied(self) -> list[list[Manifest]]:
        """The objects of every `apply`, call by call."""
        return [json.loads(call["stdin"])["items"] for call in self._calls() if call["words"][0] == "apply"]

    def _calls(self) -> list[dict[str, Any]]:
        path = self._folder / "calls"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


@pytest.fixture
def cluster(tmp_path: Path) -> FakeCluster:
    return FakeCluster(tmp_path)


def item(kind: str, name: str, **more: Any) -> Manifest:
    return {"kind": kind, "metadata": {"name": name}, **more}


def ignore(title: str) -> None:
    """For what nobody listens to."""


def test_definitions_are_served_before_what_uses_them_is_applied(cluster: FakeCluster) -> None:
    objects = [item("EventBus", "default"), item("CustomResourceDefinition", "eventbus"), item("Namespace", "n")]
    apply_in_phases(cluster.kubectl, objects, ignore)
    assert [words[0] for words in cluster.calls] == ["apply", "wait", "apply"]
    assert "crd/eventbus" in cluster.calls[1]
    assert [[one["kind"] for one in call] for call in cluster.applied()] == [
        ["CustomResourceDefinition", "Namespace"],
        ["EventBus"],
    ]


def test_apply_is_server_side_under_our_name(cluster: FakeCluster) -> None:
    cluster.kubectl.apply([item("Secret", "s")])
    assert {"--server-side", "--force-conflicts", "--field-manager=localkube"} <= set(cluster.calls[0])


def test_applying_nothing_calls_nobody(cluster: FakeCluster) -> None:
    cluster.kubectl.apply([])
    assert cluster.calls == []


def test_an_object_that_is_not_there_is_none(cluster: FakeCluster) -> None:
    assert cluster.kubectl.find("secret", "s", "n") is None


def test_a_namespace_that_somebody_else_made_stays_without_our_label(cluster: FakeCluster, tmp_path: Path) -> None:
    write_upstream(tmp_path)
    cluster.answer([("get --output=json --ignore-not-found namespace", item("Namespace", "argo-events"))])
    objects = install.objects(cluster.kubectl, ("argo",), tmp_path)
    assert not [one for one in objects if one["kind"] == "Namespace"]


def test_a_namespace_that_is_not_there_is_made_with_our_label(cluster: FakeCluster, tmp_path: Path) -> None:
    write_upstream(tmp_path)
    objects = install.objects(cluster.kubectl, ("argo",), tmp_path)
    (namespace,) = [one for one in objects if one["kind"] == "Namespace"]
    assert namespace["metadata"]["labels"][install.PART] == "argo-events"


def test_a_namespace_that_is_going_is_awaited(cluster: FakeCluster, tmp_path: Path) -> None:
    write_upstream(tmp_path)
    going = {"kind": "Namespace", "metadata": {"name": "argo-events", "deletionTimestamp": "2026-11-21T00:00:00Z"}}
    cluster.answer([("get --output=json --ignore-not-found namespace", going)])
    objects = install.objects(cluster.kubectl, ("argo",), tmp_path)
    assert [words for words in cluster.calls if words[:2] == ["wait", "--for=delete"]]
    assert [one for one in objects if one["kind"] == "Namespace"]


def test_the_credentials_that_the_cluster_has_are_kept(cluster: FakeCluster, tmp_path: Path) -> None:
    write_upstream(tmp_path)
    kept = nats.Credentials("a certificate", "a key", "a password")
    secret = nats.manifests(kept)[0]
    cluster.answer([("get --output=json --ignore-not-found secret", secret)])
    objects = install.objects(cluster.kubectl, ("argo",), tmp_path)
    (server,) = [one for one in objects if one["metadata"]["name"] == nats.SERVER_SECRET]
    assert nats.credentials_of(server) == kept


def test_every_object_says_to_which_part_it_belongs_claims_included(cluster: FakeCluster, tmp_path: Path) -> None:
    write_upstream(tmp_path)
    objects = install.objects(cluster.kubectl, ("argo",), tmp_path)
    assert {one["metadata"]["labels"][install.PART] for one in objects} == {"argo-events"}
    (workload,) = [one for one in objects if one["kind"] == "StatefulSet"]
    (claim,) = workload["spec"]["volumeClaimTemplates"]
    assert claim["metadata"]["labels"] == {install.PART: "argo-events"}


def test_what_does_not_get_ready_is_named_with_its_reason(cluster: FakeCluster) -> None:
    waiting = {"state": {"waiting": {"reason": "ImagePullBackOff", "message": "no such image"}}}
    pod = item("Pod", "web-1", status={"containerStatuses": [waiting]})
    pod["metadata"]["namespace"] = "n"
    cluster.answer([("get --output=json deployments", {"items": []}), ("get --output=json pods", {"items": [pod]})])
    with pytest.raises(LocalKubeError, match=r"no deployment in n.*web-1: ImagePullBackOff no such image"):
        wait_ready(cluster.kubectl, [Component("web", "n", "deployment", "web")], {}, 0, ignore)


def test_waiting_ends_when_all_is_ready(cluster: FakeCluster) -> None:
    cluster.answer([("get --output=json deployments", {"items": [ready("web"), pod_of("web")]}), ("get --raw", "ok")])
    told: list[str] = []
    wait_ready(cluster.kubectl, [WEB], {"web": Health("web", 80, "/ready")}, 5, told.append)
    assert told == []
    assert cluster.calls[-1] == ["get", "--raw", "/api/v1/namespaces/n/pods/web-1:80/proxy/ready"]


def test_what_says_that_it_is_ready_and_does_not_answer_is_waited_for(cluster: FakeCluster) -> None:
    """After a node went down its objects say for a while what they said before."""
    listed = {"items": [ready("web"), pod_of("web")]}
    answers = [("get --output=json deployments", listed), ("get --output=json pods", {"items": []})]
    cluster.answer(answers, refuse="get --raw")
    with pytest.raises(LocalKubeError, match="web does not answer"):
        wait_ready(cluster.kubectl, [WEB], {"web": Health("web", 80, "/ready")}, 0, ignore)


def test_a_bus_for_a_namespace_needs_a_server(cluster: FakeCluster) -> None:
    with pytest.raises(LocalKubeError, match="no event bus"):
        bus.add(cluster.kubectl, "team")


def test_clients_whose_stream_is_there_are_left_alone(cluster: FakeCluster) -> None:
    streams = {"account_details": [{"stream_detail": [{"name": "default"}]}]}
    cluster.answer([("get --output=json deployments", clients("sensor")), ("get --raw", streams)])
    assert bus.mend(cluster.kubectl, ignore) == []


def test_clients_whose_stream_is_gone_are_started_anew(cluster: FakeCluster) -> None:
    cluster.answer([("get --output=json deployments", clients("sensor")), ("get --raw", {"account_details": []})])
    assert "team/sensor" in bus.mend(cluster.kubectl, ignore)
    assert ["rollout", "restart", "deployment/sensor", "--namespace=team"] in cluster.calls


def test_where_nobody_uses_the_bus_nats_is_not_asked(cluster: FakeCluster) -> None:
    cluster.answer([("get --output=json deployments", {"items": []})])
    assert bus.mend(cluster.kubectl, ignore) == []
    assert not [words for words in cluster.calls if "--raw" in words]


WEB = Component("web", "n", "deployment", "web")


def ready(name: str) -> Manifest:
    status = {"observedGeneration": 1, "readyReplicas": 1, "updatedReplicas": 1}
    meta = {"name": name, "namespace": "n", "generation": 1}
    return {"kind": "Deployment", "metadata": meta, "spec": {"replicas": 1}, "status": status}


def pod_of(name: str) -> Manifest:
    return {"kind": "Pod", "metadata": {"name": f"{name}-1", "namespace": "n", "labels": {"app": name}}}


def clients(name: str) -> Manifest:
    return {"items": [{"kind": "Deployment", "metadata": {"name": name, "namespace": "team"}}]}


def write_upstream(folder: Path) -> None:
    """As much of upstream's objects as our changes touch."""
    only = {"name": "controller-manager", "image": "i"}
    controller = item("Deployment", "controller-manager", spec={"template": {"spec": {"containers": [only]}}})
    (folder / "argo-events.json").write_text(json.dumps([controller]))
