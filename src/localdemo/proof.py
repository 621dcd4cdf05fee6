"""The later release's test for the bug, run in a pod: on the commit that a pull request starts from and on its head."""

from __future__ import annotations

import time
from typing import Any

from localdemo import example
from localdemo.objects import HUB_PORT, STAND_INS
from localkube.errors import LocalKubeError
from localkube.kubectl import Kubectl

SECONDS = 120
POLL_SECONDS = 0.5
# Exit code 0: it fails before and passes after. The test's file is the later release's, whatever the branch has there.
SCRIPT = """
set -eu
git clone --quiet "$REPOSITORY_URL" /tmp/work && cd /tmp/work
try() { git checkout --quiet --force "$1" && cp /proof/test_more.py tests/test_more.py && python3 -m unittest "$TEST"; }
if try "$BASE" >/tmp/before 2>&1; then echo "passes before"; exit 1; fi
grep -q FAILED /tmp/before || { cat /tmp/before; exit 1; }
echo "before: $(tail -n 1 /tmp/before)"
try "$HEAD" >/tmp/after 2>&1 || { cat /tmp/after; exit 1; }
echo "after: $(tail -n 1 /tmp/after)"
"""


def prove(kubectl: Kubectl, namespace: str, name: str, image: str, pull: dict[str, Any]) -> list[str]:
    """Run the later release's test on both sides of a pull request; answers what each said.

    Raises:
        LocalKubeError: it does not fail before, or does not pass after; says what it printed.
    """
    kubectl.apply([_tests(namespace, name), _pod(namespace, name, image, pull)])
    phase = _await(kubectl, namespace, name)
    said = kubectl.run("logs", name, f"--namespace={namespace}").strip()
    if phase != "Succeeded":
        raise LocalKubeError(f"the later release's test does not tell before from after:\n{said}")
    return said.splitlines()


def _await(kubectl: Kubectl, namespace: str, name: str) -> str:
    deadline = time.monotonic() + SECONDS
    while time.monotonic() < deadline:
        found = kubectl.get_json("pod", name, f"--namespace={namespace}")
        phase = str(found.get("status", {}).get("phase", ""))
        if phase in ("Succeeded", "Failed"):
            return phase
        time.sleep(POLL_SECONDS)
    raise LocalKubeError(f"pod {name} did not end within {SECONDS} s", f"`kubectl --namespace {namespace} get pods`")


def _tests(namespace: str, name: str) -> dict[str, Any]:
    meta = {"name": name, "namespace": namespace}
    data = {"test_more.py": example.later_tests()}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta, "data": data}


def _pod(namespace: str, name: str, image: str, pull: dict[str, Any]) -> dict[str, Any]:
    env = {
        "REPOSITORY_URL": f"http://{STAND_INS}.{STAND_INS}:{HUB_PORT}/{example.REPOSITORY}.git",
        "BASE": pull["base"]["sha"],
        "HEAD": pull["head"]["sha"],
        "TEST": example.PROOF,
        "HOME": "/tmp",  # noqa: S108 - the container's
    }
    container = {
        "name": "proof",
        "image": image,
        "command": ["sh", "-c", SCRIPT],
        "env": [{"name": key, "value": value} for key, value in env.items()],
        "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
        "volumeMounts": [{"name": "tests", "mountPath": "/proof"}],
    }
    spec = {
        "restartPolicy": "Never",
        "automountServiceAccountToken": False,
        "securityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
        "containers": [container],
        "volumes": [{"name": "tests", "configMap": {"name": name}}],
    }
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "namespace": namespace}, "spec": spec}
