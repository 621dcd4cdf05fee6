"""Conflicts that branches would have, foretold by real git in a checkout with a remote."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from pressplay.cli.main import cli
from tests.unit.a_gateway import git

Commit = Callable[..., None]


@pytest.fixture
def commit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Commit:
    """A checkout that one stands in; answers what pushes a file to a branch that begins on another."""
    hub, here = tmp_path / "hub.git", tmp_path / "here"
    git(tmp_path, "init", "--quiet", "--bare", "-b", "main", str(hub))
    git(tmp_path, "clone", "--quiet", str(hub), str(here))
    monkeypatch.chdir(here)

    def push(branch: str, content: str, path: str = "file", *, onto: str = "main") -> None:
        if onto:
            git(here, "switch", "--quiet", "--detach", f"origin/{onto}")
        (here / path).write_text(content)
        git(here, "add", ".")
        git(here, "commit", "--quiet", "-m", f"{branch}: {path}")
        git(here, "push", "--quiet", "origin", f"HEAD:refs/heads/{branch}")
        git(here, "fetch", "--quiet")

    git(here, "switch", "--quiet", "--orphan", "main")
    push("main", "one\n", onto="")
    return push


def check(*words: str) -> Result:
    return CliRunner().invoke(cli, ["repo", "check-conflicts", "--base", "main", *words])


def told(*words: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(check("-o", "json", *words).stdout)
    return found


def test_branches_that_go_together_are_well(commit: Commit) -> None:
    commit("a", "a\n", "a.txt")
    commit("b", "b\n", "b.txt")
    done = check()
    assert done.exit_code == 0, done.output
    assert "0 conflicts between 2 active branches and main" in done.output
    assert [each["name"] for each in told()["branches"]] == ["a", "b"]


def test_two_that_change_one_file_are_named_with_what_to_do_and_the_exit_code_is_1(commit: Commit) -> None:
    commit("small", "small\n")
    commit("large", "large\n")
    commit("large", "more\n", "other", onto="large")
    done = check()
    assert done.exit_code == 1
    assert "merge small first, then rebase large" in done.output
    [conflict] = told()["conflicts"]
    assert (conflict["one"], conflict["other"], conflict["files"]) == ("small", "large", ["file"])


def test_a_branch_that_the_base_has_left_behind_is_to_be_rebased(commit: Commit) -> None:
    commit("work", "work\n")
    commit("main", "two\n")
    [branch] = told()["branches"]
    assert (branch["ahead"], branch["behind"]) == (1, 1)
    [conflict] = told()["conflicts"]
    assert conflict["suggestion"] == "rebase work onto main"


def test_what_is_merged_or_untouched_for_long_is_passed_over(commit: Commit, monkeypatch: pytest.MonkeyPatch) -> None:
    commit("work", "work\n")
    commit("same", "one\n", "kept")
    commit("main", "more\n", "besides", onto="same")
    assert [each["name"] for each in told()["branches"]] == ["work"]
    monkeypatch.setattr("pressplay.cli.repo.time.time", lambda: 4_000_000_000.0)
    assert told()["branches"] == []


def test_file_names_of_any_kind_are_told(commit: Commit) -> None:
    name = "ä b\n.txt"
    commit("a", "a\n", name)
    commit("b", "b\n", name)
    assert told()["conflicts"][0]["files"] == [name]
    assert "\n.txt" not in check().output


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--base", "none"), "there is no branch none"),
        (("--remote", "far"), "there is no branch main in refs/remotes/far"),
        (("--remote", "far", "--fetch"), "far cannot be fetched"),
    ],
)  # fmt: skip
def test_what_is_not_there_is_said(commit: Commit, words: tuple[str, ...], said: str) -> None:
    commit("a", "a\n")
    done = check(*words)
    assert done.exit_code == 1
    assert said in done.output


def test_outside_of_a_checkout_it_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert "this is no git checkout" in check().output


def test_branches_that_have_nothing_in_common_do_not_break_it(commit: Commit, tmp_path: Path) -> None:
    here = tmp_path / "here"
    git(here, "switch", "--quiet", "--orphan", "alone")
    commit("alone", "alone\n", onto="")
    done = check()
    assert done.exit_code == 1
    assert "alone" in done.output
