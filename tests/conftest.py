"""What all tests share: nothing of the person or machine that runs them leaks in."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.sharing import (
    pytest_collection_finish,
    pytest_configure_node,
    pytest_unconfigure,
    pytest_xdist_make_scheduler,
)

__all__ = (
    "pytest_collection_finish", "pytest_configure_node", "pytest_unconfigure", "pytest_xdist_make_scheduler",
)  # fmt: skip
E2E = Path(__file__).parent / "e2e"
SWITCHES = ("CI", "YES", "LOCALKUBE_NAME", "NO_COLOR", "FORCE_COLOR", "PRESSPLAY_DEBUG")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what needs the cluster by where it lies, so that no test can forget to say so."""
    for item in items:
        if E2E in item.path.parents:
            item.add_marker(pytest.mark.cluster)


@pytest.fixture(autouse=True)
def _no_switches_of_the_machine(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Unit tests decide for themselves whether somebody has said yes and what has colours."""
    if E2E not in request.path.parents:
        for name in SWITCHES:
            monkeypatch.delenv(name, raising=False)
        # click and rich ask how wide the terminal is.
        monkeypatch.setenv("COLUMNS", "100")


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty home folder, with nothing pointing elsewhere."""
    folder = tmp_path / "home"
    folder.mkdir()
    for name in [name for name in os.environ if name.startswith("XDG_")] + ["KUBECONFIG"]:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(folder))
    return folder
