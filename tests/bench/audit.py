"""Who writes to the API server: its audit log, switched on for a while in the node of a local cluster.

The API server is a static pod: its manifest gets the log's flags and a folder to write to, and is put back at the end.
https://kubernetes.io/docs/tasks/debug/debug-cluster/audit/
"""

from __future__ import annotations

import json
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

import yaml

from localkube.errors import CommandFailed
from localkube.kubectl import Kubectl
from localkube.providers.kind import KindCluster

MANIFEST = "/etc/kubernetes/manifests/kube-apiserver.yaml"
FOLDER = "/var/log/kubernetes-audit"
POLICY = f"{FOLDER}/policy.yaml"
LOG = f"{FOLDER}/audit.log"
WRITES = ("create", "update", "patch", "delete", "deletecollection")
RULES = {
    "apiVersion": "audit.k8s.io/v1",
    "kind": "Policy",
    "omitStages": ["RequestReceived", "ResponseStarted"],
    "rules": [{"level": "Metadata", "verbs": [*WRITES]}, {"level": "None"}],
}
SECONDS = 180
# Names for readers, by how the API server knows who writes.
CLIENTS = (
    ("pressplay-operator", "operator"), ("pressplay-gateway", "gateway"), ("system:node:", "kubelet"),
    ("job-controller", "Job controller"), ("system:kube-scheduler", "scheduler"), ("kubernetes-admin", "user"),
)  # fmt: skip


@dataclass(frozen=True)
class Write:
    """One write that the API server carried out."""

    client: str
    verb: str
    resource: str
    namespace: str


@contextmanager
def audited(cluster: KindCluster, kubectl: Kubectl) -> Iterator[Callable[[], list[Write]]]:
    """Have the log while the block lasts; gives what reads all writes so far."""
    before = _in_node(cluster, "cat", MANIFEST)
    _in_node(cluster, "mkdir", "-p", FOLDER)
    _in_node(cluster, "tee", POLICY, stdin=yaml.safe_dump(RULES))
    _in_node(cluster, "truncate", "--size=0", LOG)
    try:
        _restarted(cluster, kubectl, yaml.safe_dump(with_audit(yaml.safe_load(before))))
        yield lambda: [write for line in _in_node(cluster, "cat", LOG).splitlines() if (write := _write(line))]
    finally:
        _restarted(cluster, kubectl, before)


def with_audit(manifest: dict[str, Any]) -> dict[str, Any]:
    """The API server's manifest with an audit log."""
    spec = manifest["spec"]
    server = spec["containers"][0]
    flags = [f"--audit-policy-file={POLICY}", f"--audit-log-path={LOG}", "--audit-log-maxsize=100"]
    folder = {"name": "audit", "hostPath": {"path": FOLDER, "type": "DirectoryOrCreate"}}
    mount = {"name": "audit", "mountPath": FOLDER}
    container = {**server, "command": [*server["command"], *flags], "volumeMounts": [*server["volumeMounts"], mount]}
    return {**manifest, "spec": {**spec, "containers": [container], "volumes": [*spec["volumes"], folder]}}


def by_client(writes: list[Write], namespace: str, number: int) -> str:
    """Writes in a namespace divided by a number, a client after the other; events, tokens and leases apart."""
    counted: Counter[str] = Counter()
    apart: Counter[str] = Counter()
    for write in writes:
        if write.namespace != namespace or write.resource in ("namespaces", "leases"):
            continue
        if write.resource in ("events", "serviceaccounts/token"):
            apart[write.resource] += 1
        else:
            counted[write.client] += 1
    told = [f"{client} {count / number:.1f}" for client, count in counted.most_common()]
    told.append(f"all {sum(counted.values()) / number:.1f}")
    return ", ".join([*told, *(f"{name} {count / number:.1f}" for name, count in sorted(apart.items()))])


def _write(line: str) -> Write | None:
    try:
        told = json.loads(line)
    except ValueError:
        return None  # the last line, while it is being written
    about = told.get("objectRef") or {}
    if told["verb"] not in WRITES or not 200 <= (told.get("responseStatus") or {}).get("code", 0) < 300:
        return None
    part = f"/{about['subresource']}" if about.get("subresource") else ""
    who = told["user"]["username"]
    client = next((name for sign, name in CLIENTS if sign in who), who.rpartition(":")[2])
    return Write(client, told["verb"], f"{about.get('resource', '')}{part}", about.get("namespace", ""))


def _restarted(cluster: KindCluster, kubectl: Kubectl, manifest: str) -> None:
    """Give the API server another manifest and wait until that one answers."""
    before = _started(kubectl)
    _in_node(cluster, "tee", MANIFEST, stdin=manifest)
    ends = time.monotonic() + SECONDS
    while (now := _started(kubectl)) is None or now == before:
        if time.monotonic() > ends:
            raise TimeoutError(f"waited {SECONDS} s for the API server to start anew")
        time.sleep(0.5)


def _started(kubectl: Kubectl) -> str | None:
    """When the API server's process began; None where it does not answer."""
    with suppress(CommandFailed, subprocess.TimeoutExpired):
        kubectl.run("get", "--raw", "/readyz", timeout=10)
        for line in kubectl.run("get", "--raw", "/metrics", timeout=20).splitlines():
            if line.startswith("process_start_time_seconds "):
                return line
    return None


def _in_node(cluster: KindCluster, *words: str, stdin: str | None = None) -> str:
    interactive = cluster.in_node(*words)
    if stdin is not None:
        interactive.insert(interactive.index("exec") + 1, "--interactive")
    done = subprocess.run(interactive, input=stdin, capture_output=True, text=True, check=True, timeout=60)
    return done.stdout
