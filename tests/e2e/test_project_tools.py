"""Tools that a project brings for its agents: from the default branch's settings to the pull request."""

from __future__ import annotations

import pytest

from localdemo.standins import StandIns, archive_of
from tests.e2e.support.kube import Kube
from tests.e2e.support.runs import ended, told

REPOSITORY = "acme/tools"
# The workbench has Python and no package of the protocol's: what is needed of it is a page.
SERVER = """
import json, os, sys
seen = [name for name in os.environ if "TOKEN" in name or "KEY" in name and not name.startswith("GIT_CONFIG_")]
for line in sys.stdin:
    told = json.loads(line)
    answer = None
    if told.get("method") == "initialize":
        me = {"name": "signs", "version": "1"}
        answer = {"protocolVersion": "2024-11-05", "capabilities": {"tools": {}}, "serverInfo": me}
    elif told.get("method") == "tools/list":
        answer = {"tools": [{"name": name, "inputSchema": {"type": "object"}} for name in ("which", "hidden")]}
    elif told.get("method") == "tools/call":
        answer = {"content": [{"type": "text", "text": f"the sign is + in {os.getcwd()} with secrets {seen}"}]}
    if "id" in told:
        said = {"result": answer} if answer else {"error": {"code": -32601, "message": "Method not found"}}
        print(json.dumps({"jsonrpc": "2.0", "id": told["id"], **said}), flush=True)
"""
SETTINGS = "mcp:\n  signs:\n    command: [python3, tools/signs.py]\n    tools: [which]\n"
SCRIPT = """
match: ask the project which sign
turns:
  - tools:
      - {name: signs__which, arguments: {}}
      - {name: signs__hidden, arguments: {}}
  - expect: "the sign is + in /workspace with secrets []"
    tools:
      - {name: edit, arguments: {path: sums.py, old: "a - b", new: "a + b"}}
      - {name: finish, arguments: {title: Add, body: "As the project says."}}
"""


@pytest.fixture(scope="module")
def hub(platform: StandIns) -> StandIns:
    files = {"sums.py": "def add(a, b):\n    return a - b\n", "tools/signs.py": SERVER}
    platform.repository(REPOSITORY, archive_of({**files, ".pressplay/requirements.yaml": SETTINGS}))
    platform.repository("acme/wrong", archive_of({**files, ".pressplay/requirements.yaml": "mcp: {signs: {}}\n"}))
    platform.script("project-tools.yaml", SCRIPT)
    return platform


def test_an_agent_uses_the_tools_that_the_project_brings(kube: Kube, hub: StandIns, place: str) -> None:
    status = ended(kube, place, "asks", {"repository": REPOSITORY, "task": "ask the project which sign"})
    assert status["phase"] == "Succeeded", status
    assert "+    return a + b" in hub.page(REPOSITORY, status["pullRequest"])


def test_settings_that_cannot_be_read_are_named_before_anything_runs(kube: Kube, hub: StandIns, place: str) -> None:
    status = ended(kube, place, "wrong", {"repository": "acme/wrong", "task": "ask the project which sign"})
    reason, message = told(status, "Finished")
    assert (status["phase"], reason) == ("Failed", "ProjectSettingsWrong"), status
    assert "mcp.signs.command" in message
    assert "branch main" in message
    assert status.get("attempts", 0) == 0
