"""The Job of an attempt. Pure: the same run, admission and attempt give the same Job, under the same name."""

from __future__ import annotations

from typing import Any

from pressplay.operator.settings import OperatorSettings
from pressplay.protocol.control import Admission
from pressplay.protocol.workbench import container_command
from pressplay.resources import names
from pressplay.resources.base import API_VERSION
from pressplay.resources.coderun import CodeRun
from pressplay.resources.docsrun import DocsRun

Manifest = dict[str, Any]
Run = CodeRun | DocsRun

TOKEN_SECONDS = 3600
STORAGE = "8Gi"
EXCHANGE_STORAGE = "1Gi"


def job_name(run: Run, attempt: int) -> str:
    """The name of an attempt's Job; its pods' names fit behind it."""
    return f"{run.metadata.name[:40].rstrip('-.')}-{run.metadata.uid.replace('-', '')[:6]}-{attempt}"


def build_job(run: Run, admission: Admission, attempt: int, seconds: int, settings: OperatorSettings) -> Manifest:
    """The Job of an attempt.

    Args:
        seconds: of wall clock that are left for the run.
    """
    labels = {
        names.MANAGED_BY: names.MANAGER,
        names.RUN_UID: run.metadata.uid,
        names.RUN_NAME: run.metadata.name[:63],
        names.RUN_KIND: run.kind,
        names.ATTEMPT: str(attempt),
    }
    owner = {
        "apiVersion": API_VERSION, "kind": run.kind, "name": run.metadata.name, "uid": run.metadata.uid,
        "controller": True, "blockOwnerDeletion": False,
    }  # fmt: skip
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {
            "name": job_name(run, attempt),
            "namespace": run.metadata.namespace,
            "labels": labels,
            "ownerReferences": [owner],
        },
        "spec": {
            "backoffLimit": 0,
            "completions": 1,
            "parallelism": 1,
            "activeDeadlineSeconds": max(1, seconds),
            "podReplacementPolicy": "Failed",
            # A disruption is nobody's attempt: the Job makes another pod.
            "podFailurePolicy": {
                "rules": [{"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}]}]
            },
            "suspend": run.spec.suspend,
            "template": {"metadata": {"labels": labels}, "spec": _pod(run, admission, attempt, settings)},
        },
    }


def _pod(run: Run, admission: Admission, attempt: int, settings: OperatorSettings) -> Manifest:
    bench = run.spec.workbench
    pod: Manifest = {
        "restartPolicy": "Never",
        "serviceAccountName": names.RUN_SERVICE_ACCOUNT,
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "shareProcessNamespace": False,
        "terminationGracePeriodSeconds": 30,
        "securityContext": {
            "runAsNonRoot": True,
            "fsGroup": names.SHARED_GID,
            "fsGroupChangePolicy": "OnRootMismatch",
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "initContainers": [_prepare(attempt, settings), _workbench(run, admission, settings)],
        "containers": [_runner(attempt, settings)],
        "volumes": _volumes(bench.resources.storage if bench and bench.resources else None),
    }
    if settings.pull_secrets:
        pod["imagePullSecrets"] = [{"name": name} for name in settings.pull_secrets]
    if settings.priority_class:
        pod["priorityClassName"] = settings.priority_class
    if bench is not None:
        pod |= {
            key: value
            for key, value in (
                ("runtimeClassName", bench.runtime_class_name),
                ("nodeSelector", bench.node_selector),
                ("tolerations", [each.to_manifest() for each in bench.tolerations or []]),
            )
            if value
        }
    return pod


def _volumes(storage: str | None) -> list[Manifest]:
    token = {"path": "token", "audience": names.RUNS_AUDIENCE, "expirationSeconds": TOKEN_SECONDS}
    return [
        {"name": "workspace", "emptyDir": {"sizeLimit": storage or STORAGE}},
        {"name": "exchange", "emptyDir": {"sizeLimit": EXCHANGE_STORAGE}},
        {"name": "runner-tmp", "emptyDir": {"sizeLimit": STORAGE}},
        {"name": "workbench-tmp", "emptyDir": {"sizeLimit": STORAGE}},
        {"name": "token", "projected": {"sources": [{"serviceAccountToken": token}], "defaultMode": 0o440}},
    ]


def _security(user: int) -> Manifest:
    return {
        "runAsUser": user,
        "runAsGroup": names.SHARED_GID,
        "runAsNonRoot": True,
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
        "seccompProfile": {"type": "RuntimeDefault"},
    }


def _ours(name: str, words: list[str], attempt: int, settings: OperatorSettings) -> Manifest:
    return {
        "name": name,
        "image": settings.runner_image,
        "imagePullPolicy": settings.pull_policy,
        "command": ["python3", "-m", "pressplay.runner", *words],
        "env": [
            {"name": names.GATEWAY_VARIABLE, "value": settings.runs},
            {"name": names.ATTEMPT_VARIABLE, "value": str(attempt)},
        ],
        "resources": {"requests": {"cpu": "50m", "memory": "96Mi"}, "limits": {"memory": "512Mi"}},
        "securityContext": _security(names.RUNNER_UID),
        "terminationMessagePolicy": "File",
        "volumeMounts": [
            {"name": "workspace", "mountPath": names.WORKSPACE_PATH},
            {"name": "exchange", "mountPath": names.EXCHANGE_PATH},
            {"name": "runner-tmp", "mountPath": "/tmp"},  # noqa: S108 - a volume of the pod's own
            {"name": "token", "mountPath": names.TOKEN_FOLDER, "readOnly": True},
        ],
    }


def _prepare(attempt: int, settings: OperatorSettings) -> Manifest:
    return _ours(names.PREPARE_CONTAINER, ["prepare"], attempt, settings)


def _runner(attempt: int, settings: OperatorSettings) -> Manifest:
    return _ours(names.RUNNER_CONTAINER, [], attempt, settings)


def _workbench(run: Run, admission: Admission, settings: OperatorSettings) -> Manifest:
    bench = run.spec.workbench
    asked = bench.resources if bench else None
    wanted = {"cpu": asked.cpu if asked else None, "memory": asked.memory if asked else None}
    mounts: list[Manifest] = [
        {"name": "workspace", "mountPath": names.WORKSPACE_PATH},
        {"name": "exchange", "mountPath": names.EXCHANGE_PATH},
        {"name": "workbench-tmp", "mountPath": "/tmp"},  # noqa: S108 - a volume of the pod's own
    ]
    return {
        "name": names.WORKBENCH_CONTAINER,
        "image": admission.image or settings.workbench_image,
        "imagePullPolicy": settings.pull_policy,
        # A native sidecar: it is there before the runner, and ends with it.
        "restartPolicy": "Always",
        "command": container_command(),
        "env": [{"name": each.name, "value": each.value.replace("$", "$$")} for each in run.spec.env or []],
        "resources": {
            "requests": {"cpu": wanted["cpu"] or "100m", "memory": wanted["memory"] or "256Mi"},
            "limits": {"memory": wanted["memory"] or "2Gi"},
        },
        "securityContext": _security(names.WORKBENCH_UID),
        "volumeMounts": mounts,
    }
