"""What the documents name is there: files, tests, reasons, pages with their headings; tables say what the code says."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from pressplay.cli.app_manifest import PERMISSIONS, PURPOSES
from pressplay.gateway.gates import ACCESS
from pressplay.personas import loader
from pressplay.resources.reasons import ConditionType, Reason

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), ROOT / "agents" / "README.md"])
THREATS = ROOT / "docs" / "explanation" / "threat-model.md"
APP = ROOT / "docs" / "how-to" / "github-app.md"
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
CODE = re.compile(r"`([^`\n]+)`")
FENCED = re.compile(r"^ *```.*?^ *```", re.MULTILINE | re.DOTALL)
HERE = re.compile(r"^(?:src|tests|tools|docs|agents|charts|crds|images|requirements)/[\w./-]+$")
CAMEL = re.compile(r"^[A-Z][a-z]+(?:[A-Z][a-zA-Z]+)+$")
# Names of Kubernetes and of ours that are no reasons.
KINDS = frozenset({"CodeRun", "DocsRun", "ConfigMap", "NetworkPolicies", "NetworkPolicy", "ServiceAccount"})


def prose(page: Path) -> str:
    """A page without its blocks of code."""
    return FENCED.sub("", page.read_text())


def name_of(page: Path) -> str:
    return str(page.relative_to(ROOT))


def anchors(page: Path) -> set[str]:
    """The headings of a page, as GitHub makes links of them."""
    headings = re.findall(r"^#+ (.+)$", prose(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_link_to_another_page_leads_somewhere(page: Path) -> None:
    for link in LINK.findall(prose(page)):
        if re.match(r"[a-z]+:", link):
            continue
        place, _, heading = link.partition("#")
        target = (page.parent / place).resolve() if place else page
        assert target.exists(), f"{link} leads nowhere"
        if heading and target.suffix == ".md":
            assert heading in anchors(target), f"{link}: there is no such heading"


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_file_of_the_repository_that_is_named_is_there(page: Path) -> None:
    named = [word for word in CODE.findall(prose(page)) if HERE.match(word) and "NAME" not in word]
    assert [word for word in named if not (ROOT / word).exists()] == []


def rows(page: Path) -> Iterator[list[str]]:
    """The rows of a page's tables, each as its cells."""
    for line in prose(page).splitlines():
        if line.startswith("|") and not line.startswith("| ---"):
            yield [cell.strip() for cell in line.strip("|").split("|")]


def controls() -> list[list[str]]:
    return [row for row in rows(THREATS) if re.match(r"S\d+$", row[0])]


@pytest.mark.parametrize("row", controls(), ids=lambda row: row[0])
def test_every_control_names_code_and_a_test_that_are_there(row: list[str]) -> None:
    _, _, where, shown = row
    code, tests = CODE.findall(where), CODE.findall(shown)
    assert code, "no code is named"
    assert tests, "no test is named"
    assert [name for name in code if not (ROOT / "src" / "pressplay" / name).exists()] == []
    assert [name for name in tests if not (ROOT / "tests" / name).exists()] == []


@pytest.mark.parametrize("page", [THREATS, *(ROOT / "docs" / "how-to").glob("*.md")], ids=name_of)
def test_every_reason_that_is_named_is_one(page: Path) -> None:
    named = {word for word in CODE.findall(prose(page)) if CAMEL.match(word)} - KINDS
    assert named - {*map(str, Reason), *map(str, ConditionType)} == set()


def test_the_page_of_the_app_has_its_permissions_and_what_each_is_for() -> None:
    told = {row[0].strip("`"): (row[1], row[2]) for row in rows(APP) if row[0].strip("`") in PERMISSIONS}
    assert told == {name: (level, PURPOSES[name]) for name, level in PERMISSIONS.items()}


def test_the_app_has_what_personas_and_gates_need_together_and_no_more() -> None:
    union: dict[str, str] = {"metadata": "read"}
    for needed in (*(one.permissions for one in loader.load(ROOT / "agents")), *ACCESS.values()):
        for name, level in needed.items():
            union[name] = max(union.get(name, "read"), level)
    assert union == dict(PERMISSIONS)


def test_the_personas_that_a_page_gives_as_values_are_such_as_the_gateway_takes(tmp_path: Path) -> None:
    page = (ROOT / "docs" / "how-to" / "extend.md").read_text()
    (values,) = [yaml.safe_load(block) for block in re.findall(r"```yaml\n(personas:.*?)```", page, re.DOTALL)]
    for name, told in values["personas"].items():
        (tmp_path / name).mkdir()
        (tmp_path / name / "prompt.md").write_text(told["prompt"])
        if "settings" in told:
            (tmp_path / name / "persona.yaml").write_text(yaml.safe_dump({"name": name, **told["settings"]}))
    personas = loader.load(ROOT / "agents", tmp_path)
    assert {personas.find(name).prompt for name in values["personas"]} == {
        told["prompt"].strip() for told in values["personas"].values()
    }
