"""What personas may bring about: changes, verdicts, and the permissions that bound their tokens."""

from __future__ import annotations

from pathlib import Path

import pytest

from pressplay.personas import loader
from pressplay.personas.agreement import lacking
from pressplay.personas.schema import Persona
from pressplay.policy.effects import BACKUP, PUBLISHING, violations
from pressplay.protocol.changeset import ChangedFile, Changeset
from pressplay.protocol.run import Output

AGENTS = loader.load(Path(__file__).parents[2] / "agents")
NOTHING = Changeset(base="0" * 40)
SOMETHING = Changeset(base="0" * 40, files=(ChangedFile(path="a.py", mode="100644", content="eA=="),))


def output(changes: Changeset = SOMETHING, verdict: str | None = None) -> Output:
    return Output.model_validate({"changes": changes, "title": "t", "verdict": verdict})


def persona(**more: object) -> Persona:
    told = {"name": "p", "title": "Pat", "role": "implementer", "description": "d", "prompt": "p", **more}
    return Persona.model_validate(told)


def test_an_implementer_hands_changes_over() -> None:
    assert violations(AGENTS.find("rex"), output()) == []


@pytest.mark.parametrize("name", ["reviewer", "researcher", "acceptance"])
def test_who_judges_changes_nothing_and_is_told_which_files(name: str) -> None:
    assert violations(AGENTS.find(name), output(NOTHING, "pass")) == []
    broken = violations(AGENTS.find(name), output(SOMETHING, "pass"))
    assert "leave the working tree as it was" in broken[0].message
    assert broken[0].paths == ("a.py",)
    # Not even where the contract of effects had a hole: its tokens cannot push.
    assert lacking(AGENTS.find(name), BACKUP) == ["contents: write"]


def test_who_may_not_judge_gives_no_verdict() -> None:
    (broken,) = violations(AGENTS.find("rex"), output(verdict="pass"))
    assert "Rex gives no verdict" in broken.message


@pytest.mark.parametrize(
    ("permissions", "missing"),
    [
        ({"contents": "write", "pull_requests": "write", "issues": "read"}, []),
        ({"contents": "read", "pull_requests": "write"}, ["contents: write"]),
        ({}, ["contents: write", "pull_requests: write"]),
    ],
)
def test_a_persona_s_permissions_bound_what_its_tokens_may(permissions: dict[str, str], missing: list[str]) -> None:
    pat = persona(permissions=permissions)
    assert lacking(pat, PUBLISHING) == missing
    assert [each.rule for each in violations(pat, output())] == (["permission"] if missing else [])
    assert violations(pat, output(NOTHING)) == []
