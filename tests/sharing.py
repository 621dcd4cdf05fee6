"""How tests are shared out among processes: those of one `xdist_group` go to one, in their order (`--dist loadgroup`).

xdist 3.8 hands the group on in the test's id, which cannot be changed any more since pytest 9.2: it shares tests out as
if there were no groups, and does not say so. Here the processes write the groups down where their controller looks.
"""

from __future__ import annotations

import json
import os
import tempfile
from functools import cached_property
from pathlib import Path
from typing import Any

import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling
from xdist.workermanage import WorkerController

_INPUT = "groups"
_FILE = pytest.StashKey[Path]()


class GroupScheduling(LoadScopeScheduling):  # type: ignore[misc]
    """Shares out by the groups that the processes have found."""

    @cached_property
    def _groups(self) -> dict[str, str]:
        found: dict[str, str] = json.loads(self.config.stash[_FILE].read_text())
        return found

    def _split_scope(self, nodeid: str) -> str:
        return self._groups.get(nodeid, nodeid)


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: WorkerController) -> None:
    """Tell a process where to write the groups down."""
    if _FILE not in node.config.stash:
        handle, name = tempfile.mkstemp(prefix="groups-")
        os.close(handle)
        node.config.stash[_FILE] = Path(name)
    node.workerinput[_INPUT] = str(node.config.stash[_FILE])


@pytest.hookimpl(tryfirst=True)  # before xdist tells its controller that all is collected
def pytest_collection_finish(session: pytest.Session) -> None:
    """In a process: write the groups down; all processes find the same."""
    told: dict[str, Any] = getattr(session.config, "workerinput", {})
    if _INPUT in told:
        file = Path(told[_INPUT])
        part = file.with_name(f"{file.name}.{told['workerid']}")
        part.write_text(json.dumps(_groups_of(session.items)))
        part.replace(file)


def _groups_of(items: list[pytest.Item]) -> dict[str, str]:
    marks = {item.nodeid: item.get_closest_marker("xdist_group") for item in items}
    return {nodeid: str(mark.args[0]) for nodeid, mark in marks.items() if mark}


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> GroupScheduling | None:
    """Ours in the place of xdist's own."""
    return GroupScheduling(config, log) if config.getvalue("dist") == "loadgroup" else None


def pytest_unconfigure(config: pytest.Config) -> None:
    """Leave nothing behind."""
    if _FILE in config.stash:
        config.stash[_FILE].unlink(missing_ok=True)
