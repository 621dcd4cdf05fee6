"""A cluster that kind makes on a container engine: one node, a network of its own, a kubeconfig of its own.

Owns everything between "there is an engine and a node image" and "the API server answers". Of Argo it
knows one thing: the port of the node at which the UI answers.
"""

from __future__ import annotations

import datetime as dt
import json
import socket
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from localkube import engines, tools
from localkube.addons.argo import UI_NODE_PORT
from localkube.build import node_image
from localkube.build.image import references
from localkube.build.thin import can_be_thinned, thin
from localkube.engine.freezer import thaw
from localkube.engine.model import Engine
from localkube.errors import CommandFailed, LocalKubeError
from localkube.kubectl import Kubectl
from localkube.progress import Progress
from localkube.shell import run
from localkube.state import ClusterRecord
from localkube.wait import until

CREATE_TIMEOUT_SECONDS = 300
NODE_STARTS_WITHIN_SECONDS = 120


@dataclass(frozen=True)
class KindCluster:
    """The cluster `name` on an engine, whether it is there or not.

    Attributes:
        name: the cluster's name, which is kind's name for it too.
        engine: the container engine that carries it.
        kubeconfig: the file that kind writes.
    """

    name: str
    engine: Engine
    kubeconfig: Path

    @classmethod
    def of(cls, record: ClusterRecord) -> KindCluster:
        """The cluster of a record. Raises LocalKubeError where its engine does not answer."""
        return cls.on(engines.answering(record), record)

    @classmethod
    def on(cls, engine: Engine, record: ClusterRecord) -> KindCluster:
        """The cluster of a record on an engine."""
        return cls(record.name, engine, record.kubeconfig)

    @property
    def node(self) -> str:
        """The name of its one node and of the container that is the node."""
        return f"{self.name}-control-plane"

    @property
    def network(self) -> str:
        """The engine's network that carries it; ours alone, so that it can go when the cluster goes."""
        return f"localkube-{self.name}"

    def node_state(self) -> str:
        """What the engine says of the node: running, exited, …; empty where there is no such container."""
        return self.engine.container_state(self.node)

    def create(self, kind: Path, image: str, ui_port: int, say: Callable[[str], None]) -> None:
        """Make the cluster with the program `kind`."""
        say("create the node")
        config = json.dumps(kind_config(image, ui_port, built=not _is_stock(image)))
        try:
            run(
                [kind, "create", "cluster", "--name", self.name, "--image", image, "--config", "-", "--retain"],
                env=self._kind_env(), stdin=config, timeout=CREATE_TIMEOUT_SECONDS,
            )  # fmt: skip
        except CommandFailed as failed:
            raise self._explained(failed) from None

    def start(self, say: Callable[[str], None]) -> None:
        """Start the node's container where it stands still; one that runs and can be reached is left alone."""
        if self.node_state() != "running":
            say("start the node again")
            self.engine.run("start", self.node, timeout=60)
        elif not self._can_be_reached():
            # The programs that lead its ports in were killed, and only a start brings them back.
            say("start the node anew: its ports lead nowhere")
            self.engine.run("restart", self.node, timeout=120)

    def await_ready(self, kubectl: Kubectl, say: Callable[[str], None]) -> None:
        """Wait until the API server is ready, the node is, and what it says of its pods is true of this start."""
        say("wait for the API server")
        until(
            f"the API server of cluster {self.name} to be ready",
            lambda: _answers(kubectl, "get", "--raw", "/readyz"),
            seconds=NODE_STARTS_WITHIN_SECONDS,
        )
        say("wait for the node")
        until(
            f"the node {self.node} to be Ready",
            lambda: _answers(kubectl, "wait", "--for=condition=Ready", f"node/{self.node}", "--timeout=1s"),
            seconds=NODE_STARTS_WITHIN_SECONDS,
        )
        # After a restart the API server goes on to tell what was, until the kubelet has looked.
        began = self.engine.container_started(self.node)
        patient = replace(kubectl, patience=NODE_STARTS_WITHIN_SECONDS)
        until(
            "the kubelet to look after the pods again",
            lambda: not older_containers(patient.get_json("pods", "--all-namespaces")["items"], began),
            seconds=NODE_STARTS_WITHIN_SECONDS,
        )

    def delete(self) -> None:
        """Remove node, volume and network; nothing to remove is fine.

        As `kind delete` does, but for the kubeconfig, which is ours: so no program is needed that may be gone.
        """
        if self.node_state():
            self._remove_node()
        networks = self.engine.run("network", "ls", "--format", "{{.Name}}").split()
        if self.network in networks:
            self.engine.run("network", "rm", self.network)

    def _remove_node(self) -> None:
        words = ("rm", "--force", "--volumes", self.node)
        try:
            self.engine.run(*words, timeout=120)
        except CommandFailed:
            if not thaw(self.engine.run("inspect", "--format", "{{.Id}}", self.node).strip()):
                raise
            self.engine.run(*words, timeout=120)

    def images(self) -> set[str]:
        """The full names of the images that the node has."""
        return set(self.engine.run("exec", self.node, "ctr", "--namespace=k8s.io", "images", "list", "--quiet").split())

    def load_image(self, image: str) -> None:
        """Bring an image of the engine into the node.

        Raises:
            LocalKubeError: the engine has no image of that name.
        """
        if not self.engine.has_image(image):
            raise LocalKubeError(
                f"the container engine has no image {image!r}",
                f"`pressplay cluster build DIR -t {image}` builds it; `{self.engine.cli} images` lists those there are",
            )
        # Not `kind load docker-image`, which asks Docker also where Podman is the engine.
        with tempfile.TemporaryDirectory() as folder:
            archive = Path(folder) / "image.tar"
            self.engine.save_archive(image, archive)
            if can_be_thinned(archive):
                thinned = Path(folder) / "thinned.tar"
                thin(archive, self._blobs(), thinned)
                archive = thinned
            self.load_archives([archive])

    def _blobs(self) -> set[str]:
        """The digests of what the node's content store has."""
        return set(self.engine.run("exec", self.node, "ctr", "--namespace=k8s.io", "content", "ls", "--quiet").split())

    def load_archives(self, archives: list[Path]) -> None:
        """Bring image archives into the node."""
        for archive in archives:
            load = ("load", "image-archive", archive, "--name", self.name)
            run([tools.path_of("kind"), *load], env=self._kind_env())

    def in_node(self, *words: str) -> list[str]:
        """The command that runs `words` in the node."""
        host = ["--host", self.engine.host] if self.engine.host else []
        return [self.engine.cli, *host, "exec", self.node, *words]

    def _kind_env(self) -> dict[str, str]:
        network = f"KIND_EXPERIMENTAL_{self.engine.kind.upper()}_NETWORK"
        return {**self.engine.env(), "KUBECONFIG": str(self.kubeconfig), network: self.network}

    def _can_be_reached(self) -> bool:
        """Whether somebody listens at the port of this machine that leads to the API server."""
        address, port = self.engine.run("port", self.node, "6443/tcp").split()[0].rsplit(":", 1)
        try:
            socket.create_connection((address, int(port)), timeout=5).close()
        except OSError:
            return False
        return True

    def _explained(self, failed: CommandFailed) -> LocalKubeError:
        if "address already in use" in failed.output or "port is already allocated" in failed.output:
            return LocalKubeError(
                f"a port that cluster {self.name} needs was taken while it was made",
                "try again, or choose a port with --ui-port (0 takes a free one)",
            )
        return failed


def _answers(kubectl: Kubectl, *words: str) -> bool:
    try:
        kubectl.run(*words, timeout=15)
    except CommandFailed:
        return False
    return True


def older_containers(pods: Iterable[dict[str, Any]], began: dt.datetime) -> list[str]:
    """The pods that are said to run a container since before the moment `began`."""
    running = [
        (pod["metadata"], container["state"]["running"]["startedAt"])
        for pod in pods
        for container in pod["status"].get("containerStatuses", [])
        if "running" in container["state"]
    ]
    # Seconds are as fine as Kubernetes tells.
    whole = began.replace(microsecond=0)
    return [f"{meta['namespace']}/{meta['name']}" for meta, at in running if dt.datetime.fromisoformat(at) < whole]


def kind_config(image: str, ui_port: int, *, built: bool) -> dict[str, Any]:
    """The configuration for kind (kind.x-k8s.io/v1alpha4) of a one-node cluster.

    Args:
        image: the node's image.
        ui_port: the port on 127.0.0.1 that leads to the Argo UI.
        built: the image is one that we built, with a network plugin and versions of its own.
    """
    node = {
        "role": "control-plane",
        "image": image,
        "extraPortMappings": [
            {"containerPort": UI_NODE_PORT, "hostPort": ui_port, "listenAddress": "127.0.0.1", "protocol": "TCP"}
        ],
    }
    return {
        "kind": "Cluster",
        "apiVersion": "kind.x-k8s.io/v1alpha4",
        "networking": {"kubeProxyMode": "nftables", "disableDefaultCNI": built},
        "kubeadmConfigPatches": [json.dumps(patch) for patch in _patches(built)],
        "nodes": [node],
    }


def _patches(built: bool) -> list[dict[str, object]]:
    kubelet: dict[str, object] = {"kind": "KubeletConfiguration", "failSwapOn": False}
    if not built:
        return [kubelet]
    # The image has newer ones than this Kubernetes names by itself.
    dns, etcd = (image.rsplit(":", 1)[1] for image in (node_image.COREDNS_IMAGE, node_image.ETCD_IMAGE))
    cluster: dict[str, object] = {
        "kind": "ClusterConfiguration",
        "dns": {"imageTag": dns},
        "etcd": {"local": {"imageTag": etcd}},
    }
    return [kubelet, cluster]


def _is_stock(image: str) -> bool:
    return "kindest/node" in image


def load_missing(cluster: KindCluster, archives: Iterable[Path], progress: Progress) -> None:
    """Bring those image archives into the node whose images it lacks."""
    there = cluster.images()
    missing = [archive for archive in archives if not set(references(archive)) <= there]
    if missing:
        progress.step("images", f"load {', '.join(archive.stem for archive in missing)}")
        cluster.load_archives(missing)
        progress.done("images")
