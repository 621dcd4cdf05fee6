"""Objects borrowed from a volume that runs only read: what is there is not fetched, and no run changes it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from localdemo.objects import HUB_PORT, STAND_INS
from localdemo.standins import StandIns, archive_of
from tests.e2e.support.kube import Kube, Manifest
from tests.e2e.support.runs import ended, told

REPOSITORY = "acme/mirrored"
CLAIM = "mirrors"
ATTACKS = """
match: attack the mirror
turns:
  - tools:
      - {name: shell, arguments: {command: "cat .git/objects/info/alternates; git log --oneline"}}
      - name: shell
        arguments:
          command: |
            cd /mirror/acme/mirrored.git
            echo x >config; echo x >hooks/post-checkout; echo x >refs/heads/main; echo x >objects/x
            rm -rf objects; chmod 777 .; mkdir /mirror/new; git gc; git update-ref refs/heads/evil HEAD
            mount -o remount,rw /mirror; true
  - expect: Read-only file system
    tools:
      - {name: edit, arguments: {path: sums.py, old: "a - b", new: "a + b"}}
      - {name: finish, arguments: {title: Add, body: ""}}
"""


@pytest.fixture(scope="module")
def hub(platform: StandIns) -> StandIns:
    platform.repository(REPOSITORY, archive_of({"sums.py": "def add(a, b):\n    return a - b\n"}))
    platform.script("mirror.yaml", ATTACKS)
    return platform


@pytest.fixture
def mirror(kube: Kube, place: str, hub: StandIns, workbench: str) -> Iterator[Manifest]:
    """A claim that holds a bare clone, as a platform engineer's own Job would fill it; the pod that can look at it."""
    size = {"requests": {"storage": "64Mi"}}
    spec = {"accessModes": ["ReadWriteOnce"], "resources": size}
    meta = {"name": CLAIM, "namespace": place}
    kube.create({"kind": "PersistentVolumeClaim", "metadata": meta, "spec": spec})
    address = f"http://{STAND_INS}.{STAND_INS}:{HUB_PORT}/{REPOSITORY}.git"
    fill = f"git clone --quiet --bare {address} /mirror/{REPOSITORY}.git && touch /tmp/filled && sleep 600"
    security = {
        "runAsUser": 10001, "runAsNonRoot": True, "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]}, "seccompProfile": {"type": "RuntimeDefault"},
    }  # fmt: skip
    ready = {"exec": {"command": ["test", "-e", "/tmp/filled"]}, "periodSeconds": 1}
    box = {"name": "fill", "image": workbench, "command": ["sh", "-c", fill], "securityContext": security,
           "volumeMounts": [{"name": "mirror", "mountPath": "/mirror"}], "readinessProbe": ready}  # fmt: skip
    volume = {"name": "mirror", "persistentVolumeClaim": {"claimName": CLAIM}}
    pod = {"containers": [box], "volumes": [volume], "securityContext": {"fsGroup": 10001}}
    labels = {"app": "filler"}
    kube.create({"kind": "Pod", "metadata": {"name": "filler", "namespace": place, "labels": labels}, "spec": pod})
    yield kube.await_ready(place, "app=filler")
    kube.delete("Pod", "filler", place, grace=0)


def fingerprint(kube: Kube, place: str) -> str:
    """What the volume holds, with owners and permissions."""
    look = "cd /mirror && find . -printf '%p %m %U %G %s\\n' | sort && find . -type f | sort | xargs sha256sum"
    code, said = kube.execute(place, "filler", "sh", "-c", look, container="fill")
    assert code == 0, said
    return said


def test_a_run_borrows_what_a_volume_holds_and_cannot_change_it(
    kube: Kube, hub: StandIns, place: str, mirror: Manifest
) -> None:
    before = fingerprint(kube, place)
    spec = {"repository": REPOSITORY, "task": "attack the mirror", "workspace": {"mirrorClaim": CLAIM}}
    status = ended(kube, place, "borrows", spec)
    assert status["phase"] == "Succeeded", told(status, "Finished")
    assert "+    return a + b" in hub.page(REPOSITORY, status["pullRequest"])
    heard = str([said for each in hub.conversations() if "attack the mirror" in str(said := each["body"]["messages"])])
    assert "/mirror/acme/mirrored.git/objects" in heard
    assert fingerprint(kube, place) == before


def test_a_claim_that_is_not_there_is_told(kube: Kube, hub: StandIns, place: str) -> None:
    spec = {"repository": REPOSITORY, "task": "attack the mirror", "workspace": {"mirrorClaim": "nothing"},
            "budget": {"seconds": 15}}  # fmt: skip
    status = ended(kube, place, "lost", spec)
    assert status["phase"] == "Failed"
    assert any("nothing" in each["message"] for each in status["conditions"]), status
