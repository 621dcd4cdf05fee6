"""The Job of an attempt. Pure: the same run, admission and attempt give the same Job, under the same name."""

from __future__ import annotations

from typing import Any

from pressplay.operator.settings import OperatorSettings
from pressplay.protocol.control import Admission
from pressplay.protocol.workbench import MOST_OUTPUT, ONCE, container_command
from pressplay.resources import names
from pressplay.resources.base import API_VERSION
from pressplay.resources.coderun import CodeRun
from pressplay.resources.docsrun import DocsRun

Manifest = dict[str, Any]
Run = CodeRun | DocsRun

TOKEN_SECONDS = 3600
STORAGE = "8Gi"
EXCHANGE_STORAGE = "1Gi"
# All that its commands print stays in its exchange until it has ended.
REFEREE_OUTPUT = 16 * 1024 * 1024


def job_name(run: Run, attempt: int) -> str:
    """The name of an attempt's Job; its pods' names fit behind it."""
    return f"{run.metadata.name[:40].rstrip('-.')}-{run.metadata.uid.replace('-', '')[:6]}-{attempt}"


def build_job(run: Run, admission: Admission, attempt: int, seconds: int, settings: OperatorSettings) -> Manifest:
    """The Job of an attempt.

    Args:
        seconds: of wall clock that are left for the run.
    """
    meta = _metadata(run, attempt)
    owner = {
        "apiVersion": API_VERSION, "kind": run.kind, "name": run.metadata.name, "uid": run.metadata.uid,
        "controller": True, "blockOwnerDeletion": False,
    }  # fmt: skip
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {
            **meta,
            "name": job_name(run, attempt),
            "namespace": run.metadata.namespace,
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
            "template": {"metadata": meta, "spec": _pod(run, admission, attempt, settings)},
        },
    }


def _metadata(run: Run, attempt: int) -> Manifest:
    """What Job and pod are found by."""
    # A label has 63 characters at most, so the run's whole name is in an annotation.
    annotations = {names.RUN_NAME: run.metadata.name}
    labels = {
        names.MANAGED_BY: names.MANAGER,
        names.RUN_UID: run.metadata.uid,
        names.RUN_NAME: run.metadata.name[:63].rstrip("-."),
        names.RUN_KIND: run.kind,
        names.ATTEMPT: str(attempt),
    }
    return {"labels": labels, "annotations": annotations}


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
        "initContainers": [
            _prepare(run, admission, attempt, settings),
            *([_referee(run, admission, settings)] if admission.fixers else []),
            _workbench(run, admission, settings),
        ],
        "containers": [_runner(admission, attempt, settings)],
        "volumes": _volumes(run, admission),
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


def _volumes(run: Run, admission: Admission) -> list[Manifest]:
    asked = run.spec.workbench.resources if run.spec.workbench else None
    storage = (asked.storage if asked else None) or STORAGE
    referee = {"referee-work": storage, "referee-exchange": EXCHANGE_STORAGE, "referee-tmp": STORAGE}
    token = {"path": "token", "audience": names.RUNS_AUDIENCE, "expirationSeconds": TOKEN_SECONDS}
    return [
        {"name": "workspace", "emptyDir": {"sizeLimit": storage}},
        {"name": "exchange", "emptyDir": {"sizeLimit": EXCHANGE_STORAGE}},
        {"name": "runner-tmp", "emptyDir": {"sizeLimit": STORAGE}},
        {"name": "workbench-tmp", "emptyDir": {"sizeLimit": STORAGE}},
        *({"name": name, "emptyDir": {"sizeLimit": size}} for name, size in referee.items() if admission.fixers),
        {"name": "token", "projected": {"sources": [{"serviceAccountToken": token}], "defaultMode": 0o440}},
        *_mirror_volume(run),
    ]


def _mirror(run: Run) -> str | None:
    return run.spec.workspace.mirror_claim if run.spec.workspace else None


def _mirror_volume(run: Run) -> list[Manifest]:
    claim = _mirror(run)
    # Read-only twice: so the kubelet does not give its files to the pod's group either.
    return [{"name": "mirror", "persistentVolumeClaim": {"claimName": claim, "readOnly": True}}] if claim else []


def _mirror_mount(run: Run) -> list[Manifest]:
    return [{"name": "mirror", "mountPath": names.MIRROR_PATH, "readOnly": True}] if _mirror(run) else []


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


def _referee_mounts(admission: Admission) -> list[Manifest]:
    """What our own containers see of the referee's folders."""
    seen = (each for each in ("work", "exchange") if admission.fixers)
    return [{"name": f"referee-{each}", "mountPath": f"{names.REFEREE_PATH}/{each}"} for each in seen]


def _ours(name: str, words: list[str], admission: Admission, attempt: int, settings: OperatorSettings) -> Manifest:
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
            *_referee_mounts(admission),
        ],
    }


def _prepare(run: Run, admission: Admission, attempt: int, settings: OperatorSettings) -> Manifest:
    made = _ours(names.PREPARE_CONTAINER, ["prepare"], admission, attempt, settings)
    return {**made, "volumeMounts": [*made["volumeMounts"], *_mirror_mount(run)]}


def _runner(admission: Admission, attempt: int, settings: OperatorSettings) -> Manifest:
    return _ours(names.RUNNER_CONTAINER, [], admission, attempt, settings)


def _referee(run: Run, admission: Admission, settings: OperatorSettings) -> Manifest:
    """A workbench that ends before the agent's begins, and has folders of its own at the same places."""
    made = _workbench(run, admission, settings)
    # The last of a name counts: what the run asks for cannot have it wait, or print without end.
    env = [{"name": ONCE, "value": "1"}, {"name": MOST_OUTPUT, "value": str(REFEREE_OUTPUT)}]
    own = {"workspace": "referee-work", "exchange": "referee-exchange", "workbench-tmp": "referee-tmp"}
    mounts = [{**each, "name": own.get(each["name"], each["name"])} for each in made["volumeMounts"]]
    del made["restartPolicy"]
    return {**made, "name": names.REFEREE_CONTAINER, "env": [*made["env"], *env], "volumeMounts": mounts}


def _workbench(run: Run, admission: Admission, settings: OperatorSettings) -> Manifest:
    bench = run.spec.workbench
    asked = bench.resources if bench else None
    wanted = {"cpu": asked.cpu if asked else None, "memory": asked.memory if asked else None}
    mounts: list[Manifest] = [
        {"name": "workspace", "mountPath": names.WORKSPACE_PATH},
        {"name": "exchange", "mountPath": names.EXCHANGE_PATH},
        {"name": "workbench-tmp", "mountPath": "/tmp"},  # noqa: S108 - a volume of the pod's own
        # git needs what the workspace has borrowed.
        *_mirror_mount(run),
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
