"""`pressplay agents`: personas found by what they can do, what each is at, and runs by persona."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner, Result

from pressplay.cli.agents import at_work, budget, row
from pressplay.cli.main import cli
from pressplay.personas.find import having
from pressplay.personas.loader import load

AGENTS = Path(__file__).parents[2] / "agents"
ALL = list(load(AGENTS))


def called(*words: str) -> Result:
    return CliRunner().invoke(cli, ["agents", *words])


def names(*words: str) -> list[str]:
    return called("list", "--folder", str(AGENTS), "-o", "name", *words).stdout.split()


def run(name: str, phase: str = "Running", kind: str = "CodeRun", **spec: Any) -> dict[str, Any]:
    return {"kind": kind, "metadata": {"name": name}, "spec": spec, "status": {"phase": phase}}


def test_personas_are_found_by_capability_and_tag() -> None:
    assert names("--capability", "implement") == ["coder", "issue", "rex"]
    assert names("--capability", "security", "--tag", "code") == ["security"]
    assert names("--capability", "implement", "--tag", "judge") == []
    assert [one.name for one in having(ALL, tag="judge")] == ["acceptance", "researcher", "reviewer"]
    assert len(having(ALL)) == len(ALL)


def test_every_persona_that_comes_with_the_product_can_be_found() -> None:
    assert [one.name for one in ALL if not one.capabilities or not one.tags] == []


def test_programs_are_told_all_but_the_prompt() -> None:
    told = json.loads(called("list", "--folder", str(AGENTS), "--capability", "test", "-o", "json").stdout)
    (qa,) = told
    assert qa["name"] == "qa"
    assert qa["effects"] == ["open_pull_request", "comment", "verdict"]
    assert qa["permissions"]["checks"] == "write"
    assert qa["atWork"] == []
    assert "prompt" not in qa


def test_people_are_shown_a_line_each() -> None:
    lines = called("list", "--folder", str(AGENTS)).stdout.splitlines()
    assert lines[0].split() == ["NAME", "ROLE", "CAPABILITIES", "TAGS", "EFFECTS", "BUDGET", "AT", "WORK"]
    assert len(lines) == 1 + len(ALL)


def test_a_persona_is_at_what_has_not_ended_also_under_its_other_names() -> None:
    found = [
        run("a", persona="qa"), run("b", persona="qa-agent"), run("c", "Succeeded", persona="qa"), run("d"),
        run("e", kind="DocsRun"), run("f", persona="of-another-cluster"),
    ]  # fmt: skip
    busy = at_work(ALL, found)
    assert (busy["qa"], busy["rex"], busy["docs"], busy["clippy"]) == (["a", "b"], ["d"], ["e"], [])
    assert row(next(one for one in ALL if one.name == "qa"), busy["qa"])[-1] == "2"


def test_a_budget_is_told_as_people_write_it() -> None:
    one = ALL[0].model_copy(update={"budget": ALL[0].budget.model_copy(update={"dollars": "2.50", "steps": 40})})
    assert budget(one) == "$2.50, 40 steps"
    assert budget(ALL[0].model_copy(update={"budget": type(ALL[0].budget)()})) == "usual"


def test_a_folder_that_cannot_be_used_is_told_with_the_cure(tmp_path: Path) -> None:
    result = called("list", "--folder", str(tmp_path))
    assert result.exit_code == 1
    assert "has no personas in it" in result.stderr
    assert "each is a folder with persona.yaml" in result.stderr


def test_run_takes_the_persona_first_and_every_option_of_pressplay_run(monkeypatch: pytest.MonkeyPatch) -> None:
    result = called("run", "qa", "Test the sums.", "--repo", "octo/shop", "--budget", "$1", "--dry-run")
    spec = yaml.safe_load(result.stdout)["spec"]
    assert spec["persona"] == "qa"
    assert spec["task"] == "Test the sums."
    assert spec["budget"] == {"dollars": "1"}


def test_spawn_waits_for_nothing_and_terminate_is_cancel() -> None:
    assert "--watch" in called("run", "--help").output
    assert "--watch" not in called("spawn", "--help").output
    assert "End runs for good" in called("terminate", "--help").output


def test_the_gateway_tells_its_personas_as_the_list_reads_them(tmp_path: Path) -> None:
    program = [sys.executable, "-m", "pressplay.personas"]
    said = subprocess.run(program, env={**os.environ, "PRESSPLAY_AGENTS": str(AGENTS)}, capture_output=True, check=True)
    assert [each["name"] for each in json.loads(said.stdout)] == [one.name for one in ALL]
    wrong = subprocess.run([*program, str(tmp_path)], capture_output=True, check=False)
    assert wrong.returncode == 1
    assert b"has no personas" in wrong.stderr
