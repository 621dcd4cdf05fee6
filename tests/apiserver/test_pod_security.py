"""A run's pod in a namespace that enforces the profile `restricted`: it is let in, and nothing weaker than it is."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest

from pressplay.kube.access import Access, Refused, objects
from pressplay.operator.build import build_job
from pressplay.operator.settings import from_environment
from pressplay.protocol.control import Admission
from pressplay.resources.coderun import CodeRun

Pod = dict[str, Any]
SETTINGS = from_environment(
    {
        "PRESSPLAY_GATEWAY_CONTROL": "http://gateway:8081",
        "PRESSPLAY_GATEWAY_RUNS": "http://gateway:8080",
        "PRESSPLAY_RUNNER_IMAGE": "pressplay/runner:1",
        "PRESSPLAY_WORKBENCH_IMAGE": "pressplay/workbench:1",
    }
)


@pytest.fixture
def restricted(access: Access) -> Access:
    labels = {"pod-security.kubernetes.io/enforce": "restricted"}
    access.patch(objects("v1", "namespaces", None, access.namespace), {"metadata": {"labels": labels}})
    account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "pressplay-run"}}
    access.create(objects("v1", "serviceaccounts", access.namespace), account)
    return access


def pod(namespace: str, **spec: Any) -> Pod:
    """The pod that the Job of a run makes, with all that a run may ask for."""
    meta = {"name": "add", "namespace": namespace, "uid": "0f0e0d0c-0000"}
    told = {"repository": "acme/sums", "task": "add", **spec}
    run = CodeRun.model_validate({"metadata": meta, "spec": told})
    admission = Admission(
        uid="0f0e", repository_id=1, repository="acme/sums", base="main", base_sha="0" * 40, branch="pressplay/add",
        persona="rex", model="m", seconds=600, fixers=True,
    )  # fmt: skip
    template = build_job(run, admission, 1, 600, SETTINGS)["spec"]["template"]
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"generateName": "add-"}, "spec": template["spec"]}


def create(access: Access, made: Pod) -> None:
    access.create(objects("v1", "pods", access.namespace), made, dryRun="All")


def test_the_pod_of_a_run_is_let_in(restricted: Access) -> None:
    bench = {"resources": {"cpu": "2", "memory": "4Gi", "storage": "1Gi"}, "nodeSelector": {"disk": "fast"},
             "tolerations": [{"key": "agents", "operator": "Exists"}]}  # fmt: skip
    env = [{"name": "CI", "value": "$(HOME) {{x}}"}]
    create(restricted, pod(restricted.namespace))
    create(restricted, pod(restricted.namespace, workbench=bench, env=env))


def _pod(**changes: Any) -> Callable[[Pod], None]:
    return lambda made: made["spec"].update(changes)


def _every(**changes: Any) -> Callable[[Pod], None]:
    def weaken(made: Pod) -> None:
        for container in [*made["spec"]["initContainers"], *made["spec"]["containers"]]:
            container["securityContext"].update(changes)

    return weaken


def _workbench(**changes: Any) -> Callable[[Pod], None]:
    def weaken(made: Pod) -> None:
        made["spec"]["initContainers"][-1]["securityContext"].update(changes)

    return weaken


def _volume(**source: Any) -> Callable[[Pod], None]:
    return lambda made: made["spec"]["volumes"].append({"name": "more", **source})


def _unconfined(made: Pod) -> None:
    made["spec"]["securityContext"]["seccompProfile"] = {"type": "Unconfined"}
    _every(seccompProfile={"type": "Unconfined"})(made)


WEAKER: dict[str, tuple[Callable[[Pod], None], str]] = {
    "the host's network": (_pod(hostNetwork=True), "host namespaces"),
    "the host's processes": (_pod(hostPID=True), "host namespaces"),
    "the host's IPC": (_pod(hostIPC=True), "host namespaces"),
    "privileged": (_workbench(privileged=True, allowPrivilegeEscalation=True), "privileged"),
    "more rights by setuid": (_workbench(allowPrivilegeEscalation=True), "allowPrivilegeEscalation"),
    "root": (_workbench(runAsUser=0), "runAsUser=0"),
    "perhaps root": (_workbench(runAsNonRoot=False), "runAsNonRoot"),
    "a capability": (_workbench(capabilities={"drop": ["ALL"], "add": ["SYS_PTRACE"]}), "capabilities"),
    "capabilities kept": (_workbench(capabilities={}), "capabilities"),
    "no seccomp": (_unconfined, "seccompProfile"),
    "the host's files": (_volume(hostPath={"path": "/"}), "hostPath"),
    "a disk that nobody claimed": (_volume(nfs={"server": "x", "path": "/"}), "restricted volume types"),
    "unmasked /proc": (_workbench(procMount="Unmasked"), "procMount"),
    "a port of the host": (
        lambda made: made["spec"]["containers"][0].update(ports=[{"containerPort": 1, "hostPort": 1}]), "hostPort"
    ),
}  # fmt: skip


@pytest.mark.parametrize("title", WEAKER)
def test_whatever_is_weaker_is_refused(restricted: Access, title: str) -> None:
    weaken, words = WEAKER[title]
    made = copy.deepcopy(pod(restricted.namespace))
    weaken(made)
    with pytest.raises(Refused) as refused:
        create(restricted, made)
    assert refused.value.status in (403, 422)
    assert words.lower() in refused.value.message.lower(), refused.value.message
