"""Whether NetworkPolicies are enforced in a cluster, judged by what runs in it."""

from __future__ import annotations

from localkube.kubectl import Kubectl

# DaemonSet → the enforcer that it is. kindnet enforces through netfilter queues, which not every kernel has.
ENFORCERS = {
    "calico-node": "Calico",
    "cilium": "Cilium",
    "antrea-agent": "Antrea",
    "kube-router": "kube-router",
    "kindnet": "kindnet, where the host's kernel has netfilter queues",
}
NOT_ENFORCED = "written, not enforced: no enforcer runs in this cluster (docs/network-policies.md)"


def enforcement(kubectl: Kubectl) -> str:
    """A sentence that says whether, and by what."""
    found = kubectl.get_json("daemonsets", "--all-namespaces")["items"]
    names = [ENFORCERS[item["metadata"]["name"]] for item in found if item["metadata"]["name"] in ENFORCERS]
    return f"enforced by {', '.join(names)}" if names else NOT_ENFORCED
