"""The cluster as the tests use it: objects are dicts as in a manifest, every wait has a deadline and says for what.

The only module of the end-to-end tests that knows the Kubernetes client.
"""

from __future__ import annotations

import re
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeAlias
from uuid import uuid4

import yaml
from kubernetes import client, config
from kubernetes.client.exceptions import ApiException
from kubernetes.dynamic import DynamicClient
from kubernetes.dynamic.exceptions import NotFoundError
from urllib3.exceptions import HTTPError

from localkube import tools
from localkube.state import ClusterRecord
from tests.e2e.support.waiting import until

Manifest: TypeAlias = dict[str, Any]

OURS = {"app.kubernetes.io/managed-by": "localkube-tests"}
RESTRICTED = {"pod-security.kubernetes.io/enforce": "restricted"}
POD_SECONDS = 90.0

# What is not in the core group, so that tests need to say a kind only.
API_VERSIONS = {
    "Job": "batch/v1",
    "Deployment": "apps/v1",
    "StatefulSet": "apps/v1",
    "Role": "rbac.authorization.k8s.io/v1",
    "RoleBinding": "rbac.authorization.k8s.io/v1",
    "TokenReview": "authentication.k8s.io/v1",
    "StorageClass": "storage.k8s.io/v1",
    "PriorityClass": "scheduling.k8s.io/v1",
    "CustomResourceDefinition": "apiextensions.k8s.io/v1",
    "ClusterRole": "rbac.authorization.k8s.io/v1",
    "ClusterRoleBinding": "rbac.authorization.k8s.io/v1",
    "CodeRun": "agents.platform/v1",
    "DocsRun": "agents.platform/v1",
    "Lease": "coordination.k8s.io/v1",
    "Workflow": "argoproj.io/v1alpha1",
    "WorkflowTemplate": "argoproj.io/v1alpha1",
    "EventBus": "argoproj.io/v1alpha1",
    "EventSource": "argoproj.io/v1alpha1",
    "Sensor": "argoproj.io/v1alpha1",
}


class Refused(Exception):
    """The API server said no."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(f"{status}: {message}")
        self.status = status
        self.message = message


class Kube:
    """One cluster, reached with the kubeconfig that belongs to it."""

    def __init__(self, record: ClusterRecord) -> None:
        self.record = record
        self._api = config.new_client_from_config(str(record.kubeconfig), record.context)  # type: ignore[no-untyped-call]
        self._core = client.CoreV1Api(self._api)
        self._cache = tempfile.TemporaryDirectory()
        # By default all clusters share a cache of kinds that outlives them, named by the address alone.
        kinds = str(Path(self._cache.name) / "kinds.json")
        self._dynamic = DynamicClient(self._api, cache_file=kinds)  # type: ignore[no-untyped-call]

    def close(self) -> None:
        """Let go of connections and files."""
        self._api.close()
        self._cache.cleanup()

    # Objects

    def create(self, manifest: Manifest) -> Manifest:
        """Create an object. Raises Refused."""
        told = {"apiVersion": API_VERSIONS.get(manifest["kind"], "v1"), **manifest}
        resource = self._resource(manifest["kind"])
        try:
            return _plain(resource.create(body=told, namespace=manifest["metadata"].get("namespace")))
        except ApiException as error:
            raise Refused(error.status, str(error.body)) from None

    def find(self, kind: str, name: str, namespace: str | None = None) -> Manifest | None:
        """The object, if it is there."""
        try:
            return _plain(self._resource(kind).get(name=name, namespace=namespace))
        except NotFoundError:
            return None

    def get(self, kind: str, name: str, namespace: str | None = None) -> Manifest:
        """The object, which must be there."""
        found = self.find(kind, name, namespace)
        assert found is not None, f"there is no {kind} {name} in {namespace}"
        return found

    def list(self, kind: str, namespace: str | None = None, selector: str = "") -> list[Manifest]:
        """All objects of a kind."""
        listed = self._resource(kind).get(namespace=namespace, label_selector=selector)
        return list(_plain(listed)["items"])

    def delete(self, kind: str, name: str, namespace: str | None = None, grace: int | None = None) -> None:
        """Delete an object; one that is gone already is fine. Does not wait for the end of it."""
        told = {"propagationPolicy": "Background", **({} if grace is None else {"gracePeriodSeconds": grace})}
        try:
            self._resource(kind).delete(name=name, namespace=namespace, body=told)
        except NotFoundError:
            return

    def patch(self, kind: str, name: str, namespace: str, change: Manifest) -> None:
        """Change an object by a merge patch. Raises Refused."""
        merge = "application/merge-patch+json"
        try:
            self._resource(kind).patch(body=change, name=name, namespace=namespace, content_type=merge)
        except ApiException as error:
            raise Refused(error.status, str(error.body)) from None

    def patch_status(self, kind: str, name: str, namespace: str, status: Manifest) -> None:
        """Change an object's status, as its controller would."""
        merge = "application/merge-patch+json"
        self._resource(kind).subresources["status"].patch(
            body={"status": status}, name=name, namespace=namespace, content_type=merge
        )

    @contextmanager
    def scaled(self, kind: str, name: str, namespace: str, replicas: int) -> Iterator[None]:
        """Have a workload run with another number of pods for a while, and as before afterwards."""
        before = self.get(kind, name, namespace)["spec"]["replicas"]
        self._scale(kind, name, namespace, replicas)
        try:
            yield
        finally:
            self._scale(kind, name, namespace, before)

    def _scale(self, kind: str, name: str, namespace: str, replicas: int) -> None:
        change = {"spec": {"replicas": replicas}}
        merge = "application/merge-patch+json"
        self._resource(kind).patch(body=change, name=name, namespace=namespace, content_type=merge)

        def reached() -> bool:
            return bool(self.get(kind, name, namespace)["status"].get("readyReplicas", 0) == replicas)

        until(f"{replicas} ready of {kind} {name}", reached, seconds=POD_SECONDS)

    def _resource(self, kind: str) -> Any:
        return self._dynamic.resources.get(api_version=API_VERSIONS.get(kind, "v1"), kind=kind)

    # Namespaces

    @contextmanager
    def namespace(self, title: str, labels: dict[str, str] | None = None) -> Iterator[str]:
        """A namespace of one's own, gone when it is left."""
        name = f"test-{title}-{uuid4().hex[:6]}"
        self.create({"kind": "Namespace", "metadata": {"name": name, "labels": {**OURS, **(labels or {})}}})
        try:
            # Pods are refused until the service account `default` is there.
            until(f"the service account of {name}", lambda: self.find("ServiceAccount", "default", name), seconds=30)
            yield name
        finally:
            until(f"namespace {name} to be deleted", lambda: self._deleted(name), seconds=60)

    def _deleted(self, namespace: str) -> bool:
        """Whether the API server took the wish; one that is being started anew is asked again."""
        try:
            self.delete("Namespace", namespace)
        except HTTPError:
            return False
        return True

    def sweep(self) -> None:
        """Delete what an interrupted run left behind."""
        selector = ",".join(f"{key}={value}" for key, value in OURS.items())
        for left in self.list("Namespace", selector=selector):
            self.delete("Namespace", left["metadata"]["name"])

    def new_token(self, namespace: str, account: str, audience: str | None = None) -> str:
        """A token of a service account, for ten minutes."""
        spec = {"expirationSeconds": 600, **({"audiences": [audience]} if audience else {})}
        request = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": spec}
        resource = self._resource("ServiceAccount").subresources["token"]
        return str(_plain(resource.create(body=request, name=account, namespace=namespace))["status"]["token"])

    # Pods

    def logs(self, namespace: str, pod: str, container: str | None = None) -> str:
        """What a container wrote."""
        return str(self._core.read_namespaced_pod_log(name=pod, namespace=namespace, container=container))

    def execute(self, namespace: str, pod: str, *words: str, container: str = "") -> tuple[int, str]:
        """`kubectl exec POD -- WORDS…`; answers the exit code and what was written."""
        where = ("--container", container) if container else ()
        command = tools.kubectl(self.record).command("exec", "--namespace", namespace, pod, *where, "--", *words)
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, check=False
        )
        return done.returncode, done.stdout

    @contextmanager
    def forward(self, namespace: str, target: str, port: int) -> Iterator[int]:
        """`kubectl port-forward TARGET :PORT`; answers the port on 127.0.0.1 that leads there."""
        kubectl = tools.kubectl(self.record)
        command = kubectl.command("port-forward", "--namespace", namespace, target, f":{port}")
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            try:
                assert process.stdout is not None
                line = process.stdout.readline()
                found = re.search(r"127\.0\.0\.1:(\d+)", line)
                assert found, f"kubectl port-forward to {target} said {line!r}"
                yield int(found.group(1))
            finally:
                process.terminate()

    def await_phase(self, namespace: str, pod: str, *phases: str, seconds: float = POD_SECONDS) -> Manifest:
        """Wait until a pod is in one of `phases`, and answer it."""

        def look() -> Manifest | None:
            found = self.find("Pod", pod, namespace)
            return found if found and found.get("status", {}).get("phase") in phases else None

        wanted = " or ".join(phases)
        return until(f"pod {pod} to be {wanted}", look, seconds=seconds, seen=lambda: self.story(namespace, pod))

    def await_ready(self, namespace: str, selector: str, seconds: float = POD_SECONDS) -> Manifest:
        """Wait until there is a pod with these labels that is ready and not about to go, and answer it."""

        def look() -> Manifest | None:
            pods = [pod for pod in self.list("Pod", namespace, selector) if "deletionTimestamp" not in pod["metadata"]]
            return next((pod for pod in pods if is_ready(pod)), None)

        def seen() -> list[str]:
            return [self.story(namespace, pod["metadata"]["name"]) for pod in self.list("Pod", namespace, selector)]

        return until(f"a ready pod {selector}", look, seconds=seconds, seen=seen)

    def run_to_end(self, manifest: Manifest, seconds: float = POD_SECONDS) -> Manifest:
        """Create a pod and wait until it has ended, well or not."""
        made = self.create(manifest)["metadata"]
        return self.await_phase(made["namespace"], made["name"], "Succeeded", "Failed", seconds=seconds)

    def output_of(self, manifest: Manifest, seconds: float = POD_SECONDS) -> str:
        """Create a pod, wait until it has succeeded, and answer what it wrote."""
        pod = self.run_to_end(manifest, seconds)
        name, namespace = pod["metadata"]["name"], pod["metadata"]["namespace"]
        assert pod["status"]["phase"] == "Succeeded", self.story(namespace, name)
        return self.logs(namespace, name)

    def story(self, namespace: str, pod: str) -> str:
        """Status and events of a pod, for the message of a test that failed."""
        found = self.find("Pod", pod, namespace)
        if found is None:
            return f"no pod {pod} in {namespace}"
        events = [
            f"{event.get('reason')}: {event.get('message')}"
            for event in self.list("Event", namespace)
            if event["involvedObject"].get("name") == pod
        ]
        return yaml.safe_dump({"pod": pod, "status": found.get("status", {}), "events": events})


def is_ready(pod: Manifest) -> bool:
    """Whether a pod's condition Ready holds."""
    conditions = pod.get("status", {}).get("conditions") or []
    return any(one["type"] == "Ready" and one["status"] == "True" for one in conditions)


def _plain(instance: Any) -> Manifest:
    found: Manifest = instance.to_dict()
    return found
