"""What `pressplay doctor` looks at where flows are enabled: Argo Workflows, and whether it answers the operator."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final

from pressplay.cli import system
from pressplay.cli.examine import Finding
from pressplay.cli.failures import Problem
from pressplay.kube.access import Access, Refused, Unreachable, objects
from pressplay.protocol.checks import Checks

FLOWS: Final = "PRESSPLAY_FLOWS_NAMESPACE"
DEFINITION: Final = "workflows.argoproj.io"
CONTROLLER: Final = "workflow-controller"
# As upstream's manifests and as Argo's own chart mark its pods; their Deployments have no mark in common.
MARKS: Final = (f"app={CONTROLLER}", f"app.kubernetes.io/component={CONTROLLER}")
INSTALL_ARGO: Final = (
    "install Argo Workflows (https://argo-workflows.readthedocs.io/en/latest/installation/), or set flows.enabled=false"
)
ASK: Final = "ask an administrator to look"


def examine_flows(access: Access) -> list[Finding]:
    """Whether flows can be worked, where they are enabled."""
    try:
        operator = system.deployments(access).get("operator")
    except Refused:
        return []
    if operator is None:
        return []
    namespace = system.variables(operator).get(FLOWS, "")
    if not namespace:
        return [Finding("flows", "ok", "none: runs only (flows.enabled is false)")]
    definition = examine_definition(access, DEFINITION, INSTALL_ARGO)
    if definition.state == "missing":
        return [definition]
    return [definition, _examine_controller(access), *_examine_server(access)]


def examine_definition(access: Access, name: str, remedy: str) -> Finding:
    """Whether a kind of Argo's is there."""
    try:
        access.get(objects("apiextensions.k8s.io/v1", "customresourcedefinitions", None, name))
    except Refused as error:
        if error.status == HTTPStatus.FORBIDDEN:
            return Finding(name, "warning", "this user may not read definitions", ASK)
        if error.status != HTTPStatus.NOT_FOUND:
            raise
        return Finding(name, "missing", "is not defined in this cluster", remedy)
    return Finding(name, "ok", "defined")


def _examine_controller(access: Access) -> Finding:
    found: list[Mapping[str, Any]] = []
    try:
        for mark in MARKS:
            found = found or access.get(objects("v1", "pods"), labelSelector=mark)["items"]
    except Refused as error:
        if error.status != HTTPStatus.FORBIDDEN:
            raise
        return Finding("Argo controller", "warning", "this user may not read pods of all namespaces", ASK)
    return judge_controller(found)


def judge_controller(found: list[Mapping[str, Any]]) -> Finding:
    """Whether one of Argo's controllers is ready; which namespaces it looks at nobody can tell from outside."""
    if not found:
        return Finding("Argo controller", "missing", "none runs, so Workflows stand still", INSTALL_ARGO)
    ready = [each for each in found if is_ready(each)]
    if ready:
        return Finding("Argo controller", "ok", f"ready in {ready[0]['metadata']['namespace']}")
    meta = found[0]["metadata"]
    look = f"`kubectl --namespace {meta['namespace']} describe pod {meta['name']}` says why"
    return Finding("Argo controller", "missing", f"is not ready in {meta['namespace']}", look)


def is_ready(pod: Mapping[str, Any]) -> bool:
    """Whether a pod says so of itself."""
    conditions = (pod.get("status") or {}).get("conditions") or []
    return any(each.get("type") == "Ready" and each.get("status") == "True" for each in conditions)


def _examine_server(access: Access) -> list[Finding]:
    """Asked from the operator's own pod: with its token, its name for the server and its authorities."""
    try:
        namespace = system.find_namespace(access)
        pod = system.pod_of(access, namespace, "operator")
        if pod is None:
            return []
        said = access.execute(namespace, pod, "operator", "python3", "-m", "pressplay.operator.checks")
        checks = Checks.model_validate_json(said).checks
    except Problem:
        return []
    except Refused as error:
        if error.status == HTTPStatus.FORBIDDEN:
            told = "this user may not execute commands in the operator's pod"
            return [Finding("Argo server", "warning", told, "ask an administrator to call `pressplay doctor`")]
        return [Finding("Argo server", "warning", f"the operator could not look: {error.message}", "look again")]
    except Unreachable as error:
        return [Finding("Argo server", "warning", f"the operator could not look: {error}", "look again")]
    except ValueError:
        told = "the operator's answer cannot be read: it is of another version than this command line"
        return [Finding("Argo server", "warning", told, "upgrade the older of the two")]
    return [Finding(each.name, "ok" if each.ok else "missing", each.detail, each.remedy) for each in checks]
