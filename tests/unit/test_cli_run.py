"""`pressplay run` makes a CodeRun of a sentence, the options and the checkout, and refuses what cannot be."""

from __future__ import annotations

from typing import Any

import click
import pytest
import yaml
from click.testing import CliRunner

from pressplay.cli.budgets import budget_of
from pressplay.cli.checkout import Checkout
from pressplay.cli.main import cli
from pressplay.cli.run import build_manifest, hints, slug

HERE = Checkout("octo/shop", "github.com", "main", "services/billing")


def options(**told: Any) -> dict[str, Any]:
    nothing = dict.fromkeys(
        ("task", "repo", "base", "directory", "issue", "pr", "persona", "model", "attempts", "image", "name")
    )
    return {**nothing, "criteria": (), "budgets": (), **told}


def build(here: Checkout | None = HERE, stdin: str = "", **told: Any) -> dict[str, Any]:
    return build_manifest(options(**told), here, lambda: stdin)


def test_a_sentence_in_a_checkout_is_enough() -> None:
    assert build(task="Mend the rounding of totals") == {
        "apiVersion": "agents.platform/v1",
        "kind": "CodeRun",
        "metadata": {"generateName": "mend-the-rounding-of-totals-"},
        "spec": {
            "repository": "octo/shop",
            "task": "Mend the rounding of totals",
            "base": "main",
            "workingDirectory": "services/billing",
        },
    }


def test_what_is_said_goes_before_what_is_found() -> None:
    spec = build(task="x", base="release", directory="web")["spec"]
    assert (spec["base"], spec["workingDirectory"]) == ("release", "web")


def test_a_checkout_tells_nothing_of_another_repository() -> None:
    assert build(task="x", repo="octo/other")["spec"] == {"repository": "octo/other", "task": "x"}


def test_the_base_of_a_pull_requests_comments_is_left_to_the_pull_request() -> None:
    manifest = build(pr=7)
    assert "base" not in manifest["spec"]
    assert manifest["spec"]["pullRequest"] == 7
    assert manifest["metadata"] == {"generateName": "pull-7-"}


def test_an_issue_names_the_run() -> None:
    assert build(issue=12)["metadata"] == {"generateName": "issue-12-"}


def test_a_task_can_come_from_standard_input() -> None:
    assert build(task="-", stdin="Do this\n\nand that\n")["spec"]["task"] == "Do this\n\nand that"


def test_a_name_is_taken_as_it_is() -> None:
    assert build(task="x", name="mine")["metadata"] == {"name": "mine"}


@pytest.mark.parametrize(
    ("told", "message"),
    [
        ({}, "there is no task"),
        ({"task": "x", "issue": 1}, "the task is said in 2 ways"),
        ({"issue": 1, "pr": 2}, "the task is said in 2 ways"),
        ({"task": "x", "repo": "no-owner"}, "--repo 'no-owner' is wrong: it is not owner/name, as in acme/sums"),
        ({"task": "x", "persona": "Rex!"}, "--persona 'Rex!' is wrong"),
        ({"task": "x", "budgets": ("much",)}, "--budget 'much' is no amount"),
        ({"task": "x", "budgets": ("99999h",)}, "--budget '99999h' is more than a run may have"),
        ({"task": "x", "budgets": ("1000000steps",)}, "--budget '1000000steps' is more than a run may have"),
        ({"task": "x", "budgets": ("1s",)}, "--budget is wrong"),
    ],
)
def test_wrong_calls_name_the_option_and_say_what_to_do(told: dict[str, Any], message: str) -> None:
    with pytest.raises(click.ClickException) as refused:
        build(**told)
    problem, _, remedy = refused.value.message.partition("\n")
    assert message in problem
    assert remedy.strip()
    assert refused.value.exit_code == 2


def test_outside_of_a_checkout_the_repository_must_be_named() -> None:
    with pytest.raises(click.ClickException, match="this folder is no checkout") as refused:
        build(here=None, task="x")
    assert "--repo owner/name" in refused.value.message


@pytest.mark.parametrize(
    ("amounts", "found"),
    [
        (("$2.50",), {"dollars": "2.50"}),
        (("200k",), {"tokens": 200_000}),
        (("1M", "40steps", "30m"), {"tokens": 1_000_000, "steps": 40, "seconds": 1800}),
        (("512tokens", "90s"), {"tokens": 512, "seconds": 90}),
        ((), {}),
    ],
)
def test_budgets_are_read_as_people_write_them(amounts: tuple[str, ...], found: dict[str, Any]) -> None:
    assert budget_of(amounts) == found


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Fix the login", "fix-the-login"),
        ("Ärger mit Öl", "rger-mit-l"),
        ("日本語", "run"),
        ("x" * 100, "x" * 40),
        ("a b " * 40, "a-b-a-b-a-b-a-b-a-b-a-b-a-b-a-b-a-b-a"),
    ],
)
def test_names_are_made_of_the_first_words(text: str, name: str) -> None:
    assert slug(text)[:37] == name[:37]
    assert len(slug(text)) <= 40


def test_work_that_only_this_machine_has_is_pointed_out() -> None:
    here = Checkout("octo/shop", "github.com", "main", "", unpushed=2, changed=True)
    lines = hints(build(here, task="x"), here)
    assert "2 commits of yours are not pushed" in lines[0]
    assert "not committed" in lines[1]
    assert hints(build(here, task="x", repo="octo/other"), here) == []


def test_a_dry_run_prints_the_manifest_and_asks_no_cluster() -> None:
    called = CliRunner().invoke(
        cli, ["run", "Fix it", "--repo", "octo/shop", "--dry-run"], env={"KUBECONFIG": "/nonexistent/kubeconfig"}
    )
    assert called.exit_code == 0, called.output
    assert yaml.safe_load(called.stdout)["spec"] == {"repository": "octo/shop", "task": "Fix it"}


def test_without_a_cluster_one_line_says_so_and_one_what_to_do() -> None:
    called = CliRunner().invoke(
        cli, ["run", "Fix it", "--repo", "octo/shop"], env={"KUBECONFIG": "/nonexistent/kubeconfig"}
    )
    assert called.exit_code == 1
    assert "there is no kubeconfig at /nonexistent/kubeconfig" in called.stderr
    assert "KUBECONFIG" in called.stderr.splitlines()[1]
    assert 'eval "$(pressplay cluster env)"' in called.stderr.splitlines()[1]
