"""What `pressplay doctor` looks at, from the cluster outwards. Each check reads, judges and returns findings.

The judging functions are pure. A check that may not look says so instead of failing: doctors run with few rights, too.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Literal

from pressplay.cli import system
from pressplay.cli.failures import INSTALL, Problem
from pressplay.cli.pods import waiting_reason
from pressplay.cli.show import clipped, one_line
from pressplay.kube.access import Access, Refused, Unreachable, objects
from pressplay.protocol.checks import Checks
from pressplay.resources.base import GROUP, PLURALS, VERSION
from pressplay.resources.coderun import CodeRunSpec
from pressplay.resources.docsrun import DocsRunSpec
from pressplay.resources.run import RunSpec

State = Literal["ok", "warning", "missing"]
SPECS: Mapping[str, type[RunSpec]] = {"CodeRun": CodeRunSpec, "DocsRun": DocsRunSpec}
WATCHED = "PRESSPLAY_WATCH_NAMESPACES"
LONGEST_WAIT = 160
# What pods wait for that have no image, as Kubernetes names it.
IMAGES = frozenset({"ImagePullBackOff", "ErrImagePull", "ErrImageNeverPull", "InvalidImageName"})


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at.

    Attributes:
        remedy: what to do; empty where all is well.
    """

    name: str
    state: State
    detail: str
    remedy: str = ""


def examine_cluster(access: Access) -> list[Finding]:
    """Whether the API server answers, and what it is."""
    version = access.get("/version").get("gitVersion", "?")
    return [Finding("cluster", "ok", f"{access.server} ({version}), namespace {access.namespace}")]


def examine_crds(access: Access) -> list[Finding]:
    """Whether both custom resources are there, and are ours."""
    return [_examine_crd(access, kind) for kind in PLURALS]


def _examine_crd(access: Access, kind: str) -> Finding:
    name = f"{PLURALS[kind]}.{GROUP}"
    try:
        crd = access.get(objects("apiextensions.k8s.io/v1", "customresourcedefinitions", None, name))
    except Refused as error:
        if error.status == HTTPStatus.FORBIDDEN:
            return Finding(name, "warning", "this user may not read definitions", "ask an administrator to look")
        if error.status != HTTPStatus.NOT_FOUND:
            raise
        return Finding(name, "missing", "is not defined in this cluster", f"{INSTALL} brings it")
    return judge_crd(kind, crd)


def judge_crd(kind: str, crd: Mapping[str, Any]) -> Finding:
    """Whether a definition is ours and of our age: other products define kinds of these names."""
    name = f"{PLURALS[kind]}.{GROUP}"
    version = next((each for each in crd["spec"]["versions"] if each["name"] == VERSION), None)
    if version is None or not version.get("served"):
        return Finding(name, "missing", f"is defined without version {VERSION}", _foreign_remedy(name))
    schema = version.get("schema", {}).get("openAPIV3Schema", {})
    there = set(schema.get("properties", {}).get("spec", {}).get("properties", {}))
    ours = {field.alias or name for name, field in SPECS[kind].model_fields.items()}
    if "repository" not in there:
        return Finding(
            name, "missing", "is another product's: its spec has no field `repository`", _foreign_remedy(name)
        )
    if lacking := sorted(ours - there):
        detail = f"is older than this command line: it lacks {', '.join(lacking[:5])}"
        return Finding(name, "warning", detail, f"{INSTALL} upgrades it")
    conditions = crd.get("status", {}).get("conditions", [])
    if not any(each["type"] == "Established" and each["status"] == "True" for each in conditions):
        return Finding(name, "missing", "is not established", f"`kubectl describe crd {name}` says why")
    return Finding(name, "ok", f"ours, {GROUP}/{VERSION}")


def _foreign_remedy(name: str) -> str:
    return (
        f"both cannot live in one cluster: remove the other product and its definition {name}, or use another cluster"
    )


def examine_processes(access: Access) -> list[Finding]:
    """Whether operator and gateway run."""
    try:
        found = system.deployments(access)
    except Refused as error:
        if error.status != HTTPStatus.FORBIDDEN:
            raise
        return [Finding("processes", "warning", "this user may not read Deployments", "ask an administrator to look")]
    return [
        judge_deployment(name, found.get(name), _waits(access, found.get(name))) for name in ("operator", "gateway")
    ]


def _waits(access: Access, deployment: Mapping[str, Any] | None) -> str:
    """What a pod of a Deployment waits for; "" where it waits for nothing, or nobody may look."""
    if deployment is None or deployment.get("status", {}).get("readyReplicas"):
        return ""
    labels = deployment["spec"].get("selector", {}).get("matchLabels", {})
    selector = ",".join(f"{name}={value}" for name, value in labels.items())
    try:
        pods = access.get(objects("v1", "pods", deployment["metadata"]["namespace"]), labelSelector=selector)["items"]
    except Refused:
        return ""
    waits = (waiting_reason(pod, each["name"]) for pod in pods for each in pod["spec"]["containers"])
    return next((one_line(each) for each in waits if each), "")


def judge_deployment(name: str, deployment: Mapping[str, Any] | None, waits: str = "") -> Finding:
    """Whether a Deployment is there and ready.

    Args:
        waits: what a pod of it waits for, in Kubernetes' words.
    """
    if deployment is None:
        return Finding(name, "missing", "is not installed", INSTALL)
    meta = deployment["metadata"]
    wanted = deployment["spec"].get("replicas", 1)
    ready = deployment.get("status", {}).get("readyReplicas", 0)
    detail = f"{ready} of {wanted} ready in {meta['namespace']}"
    if wanted and ready:
        return Finding(name, "ok", detail)
    if waits:
        detail = f"{detail}: {clipped(waits, LONGEST_WAIT)}"
    if IMAGES & set(waits.replace(":", " ").split()):
        return Finding(
            name, "missing", detail, "push that image where the nodes pull, or set `images.registry` and tags"
        )
    look = f"`kubectl --namespace {meta['namespace']} describe pods -l app.kubernetes.io/component={name}`"
    return Finding(name, "missing", detail, f"{look} says why" if wanted else "it was scaled to 0: scale it to 1")


def examine_secrets(access: Access) -> list[Finding]:
    """Whether there is an App and a key for a model. Only what is there is looked at, never what it says."""
    try:
        namespace = system.find_namespace(access)
    except (Problem, Refused):
        return []
    gateway = system.deployments(access, namespace).get("gateway")
    names = mounted_secrets(gateway) if gateway else {}
    return [
        _examine_secret(access, namespace, "GitHub App", names.get("apps", "pressplay-github-app"),
                        ("app-id", "private-key.pem"), all, "`pressplay github setup` makes it"),
        _examine_secret(access, namespace, "model key", names.get("llm", "pressplay-llm"),
                        ("ANTHROPIC_API_KEY", "OPENAI_API_KEY"), any,
                        f"`kubectl create secret generic pressplay-llm --namespace {namespace} "
                        "--from-file=ANTHROPIC_API_KEY=/dev/stdin`"),
    ]  # fmt: skip


def mounted_secrets(gateway: Mapping[str, Any]) -> dict[str, str]:
    """Volume → Secret, of those that the gateway's pod mounts."""
    found: dict[str, str] = {}
    for volume in gateway["spec"]["template"]["spec"].get("volumes", []):
        sources = [volume, *volume.get("projected", {}).get("sources", [])]
        for source in sources:
            if secret := source.get("secret"):
                found.setdefault(volume["name"], secret.get("secretName") or secret["name"])
    return found


def _examine_secret(
    access: Access, namespace: str, title: str, name: str, keys: tuple[str, ...], enough: Any, remedy: str
) -> Finding:
    try:
        data = access.get(objects("v1", "secrets", namespace, name)).get("data") or {}
    except Refused as error:
        if error.status == HTTPStatus.NOT_FOUND:
            return Finding(title, "missing", f"there is no Secret {name} in {namespace}", remedy)
        return Finding(title, "warning", f"this user may not read Secret {name}", "ask an administrator to look")
    if not enough(data.get(key) for key in keys):
        wants = " and ".join(keys) if enough is all else " or ".join(keys)
        return Finding(title, "missing", f"Secret {name} in {namespace} lacks {wants}", remedy)
    return Finding(title, "ok", f"Secret {name} in {namespace}")


def examine_outside(access: Access) -> list[Finding]:
    """Whether GitHub and the model's vendor answer the gateway, with the keys that it has: each is really called."""
    try:
        namespace = system.find_namespace(access)
        pod = system.pod_of(access, namespace, "gateway")
    except (Problem, Refused):
        return []
    if pod is None:
        return []
    try:
        said = access.execute(namespace, pod, "gateway", "python3", "-m", "pressplay.gateway.checks")
    except Refused as error:
        if error.status == HTTPStatus.FORBIDDEN:
            told = "this user may not execute commands in the gateway's pod"
            return [Finding("outside", "warning", told, "ask an administrator to call `pressplay doctor`")]
        return [Finding("outside", "warning", f"the gateway could not look: {error.message}", "look again")]
    except Unreachable as error:
        return [Finding("outside", "warning", f"the gateway could not look: {error}", "look again")]
    checks = Checks.model_validate_json(said).checks
    return [Finding(each.name, "ok" if each.ok else "missing", each.detail, each.remedy) for each in checks]


def examine_rights(access: Access) -> list[Finding]:
    """Whether this user may make runs here."""
    review = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectAccessReview",
        "spec": {
            "resourceAttributes": {
                "namespace": access.namespace, "verb": "create", "group": GROUP, "resource": PLURALS["CodeRun"],
            }
        },
    }  # fmt: skip
    allowed = access.create(objects("authorization.k8s.io/v1", "selfsubjectaccessreviews"), review)
    if allowed.get("status", {}).get("allowed"):
        return [Finding("rights", "ok", f"this user may make runs in {access.namespace}")]
    remedy = f"ask for `create` on {PLURALS['CodeRun']}.{GROUP}, or name another namespace with -n"
    return [Finding("rights", "missing", f"this user may not make runs in {access.namespace}", remedy)]


def examine_watched(access: Access) -> list[Finding]:
    """Whether the operator looks at this namespace."""
    try:
        operator = system.deployments(access).get("operator")
    except Refused:
        return []
    watched = [name for name in system.variables(operator).get(WATCHED, "").split(",") if name] if operator else []
    if not watched or access.namespace in watched:
        return []
    detail = f"the operator looks at {', '.join(watched)} only, not at {access.namespace}"
    return [
        Finding("namespace", "warning", detail, "name one of them with -n, or add it to the chart's watchNamespaces")
    ]


CHECKS: tuple[Callable[[Access], list[Finding]], ...] = (
    examine_cluster,
    examine_crds,
    examine_processes,
    examine_secrets,
    examine_outside,
    examine_rights,
    examine_watched,
)
