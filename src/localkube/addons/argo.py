"""The manifests of Argo Workflows as this cluster has it: upstream's cluster-install with our changes. Pure functions.

The server speaks plain HTTP. Its port leaves the machine nowhere (the node's port is mapped to 127.0.0.1), browsers
take `http://localhost` for a secure place, and a certificate that nobody signed would only teach people to click
warnings away.
"""

from __future__ import annotations

import json
from collections.abc import Iterable

from localkube.addons.objects import (
    MANAGED_BY,
    MANAGER,
    container,
    edited,
    http_probe,
    namespace,
    resources,
    restricted_container,
    role_with_binding,
)
from localkube.build.argo import CONTROLLER_IMAGE, EXECUTOR_IMAGE, SERVER_IMAGE
from localkube.kubectl import Manifest

NAMESPACE = "argo"
SERVER_PORT = 2746
CONTROLLER_HEALTH_PORT = 6060
UI_NODE_PORT = 30746
UI_ACCOUNT = "argo-ui"
UI_TOKEN_SECRET = "argo-ui-token"  # noqa: S105 the name of one

# Where `argo submit` and the UI put a workflow when nobody names a namespace or an account.
SANDBOX = ("default", "default")


def manifests(upstream: Iterable[Manifest], *, ui_node_port: int | None = UI_NODE_PORT) -> list[Manifest]:
    """All objects of Argo Workflows, custom resource definitions included.

    Args:
        upstream: the objects of the module's cluster-install.
        ui_node_port: the node's port for the UI; None where only the cluster itself is to reach the server.
    """
    objects = edited(
        upstream,
        {
            ("ConfigMap", "workflow-controller-configmap"): _configure,
            ("Deployment", "workflow-controller"): _change_controller,
            ("Deployment", "argo-server"): _change_server,
        },
    )
    node_port = [] if ui_node_port is None else [_node_port_service(ui_node_port)]
    return [namespace(NAMESPACE), *objects, *node_port, *_ui_account(), *workflow_rbac(*SANDBOX)]


def workflow_rbac(namespace: str, service_account: str) -> list[Manifest]:
    """What pods of workflows must be allowed: to report their results. The account is made unless it is `default`."""
    rules = [{"apiGroups": ["argoproj.io"], "resources": ["workflowtaskresults"], "verbs": ["create", "patch"]}]
    account: Manifest = {
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": {"name": service_account, "namespace": namespace},
    }
    made = [] if service_account == "default" else [account]
    return [*made, *role_with_binding(f"workflow-executor-{service_account}", namespace, rules, service_account)]


def _configure(config: Manifest) -> None:
    executor = {
        "imagePullPolicy": "IfNotPresent",
        "resources": {"requests": {"cpu": "10m", "memory": "32Mi"}},
        # No user: it takes the one that a workflow gives its pods, which is what lets it read what they write.
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
            "seccompProfile": {"type": "RuntimeDefault"},
        },
    }
    # By default a semaphore's limit is read from the API server whenever a workflow or a node asks for its turn.
    synchronization = {"semaphoreLimitCacheSeconds": 10}
    config["data"] = {"executor": json.dumps(executor), "synchronization": json.dumps(synchronization)}


def _change_controller(deployment: Manifest) -> None:
    _run_one_at_a_time(deployment)
    workload = container(deployment)
    workload["image"] = CONTROLLER_IMAGE
    workload["imagePullPolicy"] = "IfNotPresent"
    workload["args"] = [
        "--executor-image", EXECUTOR_IMAGE,
        "--executor-image-pull-policy", "IfNotPresent",
        "--qps", "100",
        "--burst", "200",
    ]  # fmt: skip
    # With one replica that is stopped before the next starts there is nobody to elect, and a lease costs up to 15 s.
    workload["env"] = [
        {"name": "LEADER_ELECTION_DISABLE", "value": "true"},
        # How long a workflow of which something was heard rests before it is looked at; by default 10 s, which small
        # ones mostly consist of, and flows whose steps end outside altogether.
        {"name": "DEFAULT_REQUEUE_TIME", "value": "100ms"},
        {"name": "GOMEMLIMIT", "value": "400MiB"},
    ]
    workload["securityContext"] = restricted_container()
    workload["resources"] = resources("64Mi", "512Mi")
    # Not a readiness probe: each call of /healthz compares with the one before, so it must not be called often.
    workload["startupProbe"] = http_probe("/healthz", CONTROLLER_HEALTH_PORT, period=1, failures=120)
    workload["livenessProbe"] = http_probe("/healthz", CONTROLLER_HEALTH_PORT, period=60)


def _change_server(deployment: Manifest) -> None:
    workload = container(deployment)
    workload["image"] = SERVER_IMAGE
    workload["imagePullPolicy"] = "IfNotPresent"
    # client: whoever calls acts with his own token. In mode `server` any pod could complete somebody else's gate.
    workload["args"] = [
        "server", "--auth-mode=client", "--secure=false", "--kube-api-qps=100", "--kube-api-burst=200",
    ]  # fmt: skip
    modals = ("FIRST_TIME_USER_MODAL", "FEEDBACK_MODAL", "NEW_VERSION_MODAL")
    workload["env"] = [
        *({"name": name, "value": "false"} for name in modals),
        {"name": "GOMEMLIMIT", "value": "400MiB"},
    ]
    workload["securityContext"] = restricted_container()
    workload["resources"] = resources("64Mi", "512Mi")
    workload["startupProbe"] = http_probe("/", SERVER_PORT, period=1, failures=120)
    workload["readinessProbe"] = http_probe("/", SERVER_PORT, period=10)


def _run_one_at_a_time(deployment: Manifest) -> None:
    deployment["spec"]["replicas"] = 1
    deployment["spec"]["strategy"] = {"type": "Recreate"}


def _node_port_service(port: int) -> Manifest:
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "argo-ui", "namespace": NAMESPACE, "labels": {MANAGED_BY: MANAGER}},
        "spec": {
            "type": "NodePort",
            "selector": {"app": "argo-server"},
            "ports": [{"name": "web", "port": SERVER_PORT, "targetPort": SERVER_PORT, "nodePort": port}],
        },
    }


def _ui_account() -> list[Manifest]:
    """The account of the person at the UI: may do everything with Argo's own objects and see pods, logs and events."""
    meta = {"name": UI_ACCOUNT, "labels": {MANAGED_BY: MANAGER}}
    inside = {**meta, "namespace": NAMESPACE}
    look = ["get", "list", "watch"]
    rules = [
        {"apiGroups": ["argoproj.io"], "resources": ["*"], "verbs": ["*"]},
        {"apiGroups": [""], "resources": ["pods", "pods/log", "events"], "verbs": look},
    ]
    binding = {
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": UI_ACCOUNT},
        "subjects": [{"kind": "ServiceAccount", "name": UI_ACCOUNT, "namespace": NAMESPACE}],
    }
    token_for = {"kubernetes.io/service-account.name": UI_ACCOUNT}
    return [
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": inside},
        {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": meta, "rules": rules},
        {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding", "metadata": meta, **binding},
        {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {**inside, "name": UI_TOKEN_SECRET, "annotations": token_for},
            "type": "kubernetes.io/service-account-token",
        },
    ]
