"""The API server of the local cluster with this checkout's definitions, and no operator at work on it."""

from __future__ import annotations

import os
import secrets
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest
import yaml

from localdemo.objects import SYSTEM
from localkube import state
from localkube.errors import LocalKubeError
from pressplay.kube.access import Access, Refused, connect, objects

HERE = Path(__file__).parent
ROOT = Path(__file__).resolve().parents[2]
NAME = os.environ.get("LOCALKUBE_NAME") or "pressplay"
CRDS = objects("apiextensions.k8s.io/v1", "customresourcedefinitions")
OPERATOR = objects("apps/v1", "deployments", SYSTEM, "pressplay-operator")
SECONDS = 60


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """All of these in one process: an operator that is installed rests from the first of them to the last."""
    for item in items:
        if item.path.parent == HERE:
            item.add_marker(pytest.mark.xdist_group("apiserver"))


@pytest.fixture(scope="session")
def kubeconfig() -> Path:
    try:
        return state.require(NAME).kubeconfig
    except LocalKubeError as error:
        pytest.fail(f"{error}: these tests need the local cluster", pytrace=False)


@pytest.fixture(scope="session")
def no_operator(kubeconfig: Path) -> Iterator[None]:
    """One that is installed, as by `make demo`, rests meanwhile: the tests write what it would."""
    access = connect(str(kubeconfig))
    replicas = scaled(access, 0)
    yield
    if replicas:
        scaled(access, replicas)


def scaled(access: Access, replicas: int) -> int:
    """Have so many operators, where one is installed; answers how many there were."""
    try:
        # None at all is told by leaving the number out.
        before = int(access.get(f"{OPERATOR}/scale")["spec"].get("replicas", 0))
    except Refused as error:
        if error.reason != "NotFound":
            raise
        return 0
    access.patch(f"{OPERATOR}/scale", {"spec": {"replicas": replicas}})
    until("the operators", lambda: int(access.get(OPERATOR)["status"].get("replicas", 0)) == replicas)
    return before


@pytest.fixture(scope="session")
def definitions(kubeconfig: Path, no_operator: None) -> None:
    """The custom resources as this checkout has them."""
    access = connect(str(kubeconfig))
    for file in sorted((ROOT / "crds").glob("*.yaml")):
        crd = yaml.safe_load(file.read_text())
        name = crd["metadata"]["name"]
        try:
            access.create(CRDS, crd)
        except Refused as error:
            if error.reason != "AlreadyExists":
                raise
            access.patch(f"{CRDS}/{name}", {"spec": crd["spec"]})
        plural = crd["spec"]["names"]["plural"]
        until(f"{plural} to be served", partial(answers, access, f"/apis/agents.platform/v1/{plural}"))


@pytest.fixture
def access(kubeconfig: Path, definitions: None) -> Iterator[Access]:
    """The cluster, and a namespace of the test's own."""
    name = f"api-{secrets.token_hex(4)}"
    found = connect(str(kubeconfig), namespace=name)
    found.create(objects("v1", "namespaces"), {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
    yield found
    found.delete(objects("v1", "namespaces", None, name))


def answers(access: Access, path: str) -> bool:
    try:
        access.get(path)
    except Refused:
        return False
    return True


def until(what: str, holds: Callable[[], bool]) -> None:
    ends = time.monotonic() + SECONDS
    while not holds():
        assert time.monotonic() < ends, f"waited {SECONDS} s for {what}"
        time.sleep(0.1)
