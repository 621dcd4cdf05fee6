"""What an agent's work may contain."""

from __future__ import annotations

import base64

import pytest

from pressplay.personas.schema import Writes
from pressplay.policy.contracts import violations
from pressplay.policy.redaction import CUT, Redactor
from pressplay.protocol.quarantine import TreeChange

TOKEN = "ghs_" + "a1B2" * 9


def change(path: str, **facts: object) -> TreeChange:
    told = {"status": "M", "path": path, "old_mode": "100644", "new_mode": "100644", "size": 10, **facts}
    return TreeChange.model_validate(told)


@pytest.mark.parametrize(
    ("told", "rule"),
    [
        (change(".github/workflows/ci.yml"), "protected-path"),
        (change(".GitHub/workflows/ci.yml"), "protected-path"),
        (change("docs/CODEOWNERS"), "protected-path"),
        (change("sub/.mcp.json"), "protected-path"),
        (change("module", new_mode="160000"), "mode"),
        (change("a.py", added=(f"token = '{TOKEN}'",)), "secret"),
        (change("tests/test_a.py", status="D", new_mode="000000"), "test-deleted"),
        (change("tests/test_a.py", added=("@pytest.mark.skip",)), "test-skipped"),
        (change("tests/test_a.py", removed=("    assert x == 1",)), "test-loosened"),
    ],
)
def test_a_broken_rule_is_named(told: TreeChange, rule: str) -> None:
    assert rule in [violation.rule for violation in violations([told], Writes())]


def test_ordinary_work_breaks_nothing() -> None:
    told = [change("src/a.py", added=("x = 1",)), change("tests/test_a.py", added=("    assert x == 1",))]
    assert violations(told, Writes()) == []


def test_a_persona_s_own_paths_hold() -> None:
    (found,) = violations([change("src/a.py")], Writes(paths=("tests/**",)))
    assert found.rule == "contract-path"


def test_a_secret_is_cut_out_as_it_is_and_in_base64() -> None:
    redactor = Redactor(["hunter2-hunter2"])
    hidden = base64.b64encode(b"xyhunter2-hunter2zz").decode()
    assert redactor.redact(f"a {TOKEN} b hunter2-hunter2") == f"a {CUT} b {CUT}"
    assert CUT in redactor.redact(hidden)
