"""Personas from files: those that come with the product, and what is said of a wrong one."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from pressplay.personas.loader import PersonaError, UnknownPersona, load
from pressplay.personas.permissions import MAY_HAVE, NEVER
from pressplay.personas.schema import Effect

AGENTS = Path(__file__).parents[2] / "agents"
FOLDERS = sorted(folder.name for folder in AGENTS.iterdir() if folder.is_dir())
SMALLEST = {"name": "ada", "title": "Ada", "role": "implementer", "description": "Adds."}


def persona(folder: Path, prompt: str = "You are Ada.\n", **fields: Any) -> Path:
    """Write a persona; answers the folder of all."""
    told = {**SMALLEST, **fields}
    own = folder / str(told["name"])
    own.mkdir()
    (own / "persona.yaml").write_text(yaml.safe_dump(told))
    (own / "prompt.md").write_text(prompt)
    return folder


def refused(folder: Path) -> str:
    with pytest.raises(PersonaError) as problem:
        load(folder)
    return str(problem.value)


def test_all_that_come_with_the_product_load_under_the_names_of_their_folders() -> None:
    assert sorted(one.name for one in load(AGENTS)) == FOLDERS
    assert "rex" in FOLDERS


@pytest.mark.parametrize("name", FOLDERS)
def test_each_that_comes_with_the_product_can_do_what_it_says(name: str) -> None:
    one = load(AGENTS).find(name)
    assert "finish" in one.tools
    assert len(one.prompt) > 100


def test_a_persona_is_found_by_its_aliases(tmp_path: Path) -> None:
    personas = load(persona(tmp_path, aliases=["ada-agent"]))
    assert personas.find("ada-agent") is personas.find("ada")
    assert load(AGENTS).find("rex-agent").name == "rex"


def test_a_persona_of_the_cluster_s_own_stands_beside_those_that_come_with_the_product(tmp_path: Path) -> None:
    (tmp_path / "..data").mkdir()
    found = load(AGENTS, persona(tmp_path))
    assert sorted(one.name for one in found) == sorted([*FOLDERS, "ada"])


@pytest.mark.parametrize("file", ["persona.yaml", "prompt.md"])
def test_one_file_of_a_persona_may_take_the_place_of_the_product_s(tmp_path: Path, file: str) -> None:
    ours, own = load(AGENTS).find("docs"), tmp_path / "docs"
    own.mkdir()
    told = yaml.safe_load((AGENTS / "docs" / "persona.yaml").read_text())
    texts = {"persona.yaml": yaml.safe_dump({**told, "title": "Writer"}), "prompt.md": "You are Writer."}
    (own / file).write_text(texts[file])
    found = load(AGENTS, tmp_path).find("docs")
    changed = {"persona.yaml": ("Writer", ours.prompt), "prompt.md": (ours.title, "You are Writer.")}
    assert (found.title, found.prompt) == changed[file]


def test_a_persona_of_the_cluster_s_own_that_is_wrong_is_named_with_its_file(tmp_path: Path) -> None:
    with pytest.raises(PersonaError, match=r"ada/persona\.yaml.*no such field; did you mean `budget`"):
        load(AGENTS, persona(tmp_path, bugdet={"steps": 3}))
    (tmp_path / "ada" / "persona.yaml").unlink()
    with pytest.raises(PersonaError, match=r"ada/persona\.yaml is missing"):
        load(AGENTS, tmp_path)


def test_a_name_that_nobody_has_is_answered_with_those_that_there_are(tmp_path: Path) -> None:
    persona(tmp_path)
    with pytest.raises(UnknownPersona, match="there is no persona `bob`; choose one of: ada, eve"):
        load(persona(tmp_path, name="eve")).find("bob")


def test_what_is_left_out_has_the_values_of_an_implementer(tmp_path: Path) -> None:
    one = load(persona(tmp_path)).find("ada")
    assert one.prompt == "You are Ada."
    assert one.permissions == {"contents": "write", "issues": "read", "pull_requests": "write"}
    assert one.effects == (Effect.OPEN_PULL_REQUEST,)
    assert not one.writes.may_weaken_tests


def test_who_only_formats_has_the_fixers_that_it_is_judged_by(tmp_path: Path) -> None:
    told = refused(persona(tmp_path, writes={"formatting": True}))
    assert "writes.formatting: nobody formats without `fixers: true`; add that, or take this out" in told
    assert load(AGENTS).find("clippy").writes.formatting
    (tmp_path / "own").mkdir()
    own = load(persona(tmp_path / "own", writes={"formatting": True, "kinds": ["modify"]}, fixers=True))
    assert own.find("ada").writes.formatting


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"colour": "blue"}, "colour"),
        ({"writes": {"path": ["src/**"]}}, "writes.path"),
        ({"budget": {"hours": 1}}, "budget.hours"),
        ({"writes": {"paths": "src/**"}}, "writes.paths"),
        ({"writes": {"paths": [3]}}, "writes.paths.0"),
        ({"writes": {"kinds": ["rename"]}}, "writes.kinds.0"),
        ({"permissions": {"contents": "admin"}}, "permissions.contents"),
        ({"permissions": {"administration": "write"}}, "permissions.administration"),
        ({"permissions": {"content": "write"}}, "permissions.content"),
        ({"writes": {"paths": ["/etc/**"]}}, "writes.paths.0"),
        ({"writes": {"never": [""]}}, "writes.never.0"),
        ({"writes": {"paths": ["tests/**", "../**"]}}, "writes.paths.1: `../**` leads elsewhere"),
        ({"writes": {"paths": ["src/./a"]}}, "writes.paths.0: `src/./a` leads elsewhere"),
        ({"writes": {"paths": ["src\\**"]}}, "writes.paths.0: `src\\**` has a backslash"),
        ({"writes": {"paths": ["src//a"]}}, "writes.paths.0: `src//a` has an empty part"),
        ({"writes": {"paths": ["***"]}}, "writes.paths.0: `***` has ***"),
        ({"writes": {"paths": ["src/**.py"]}}, "writes.paths.0: `src/**.py` has ** beside"),
        ({"writes": {"paths": ["!src/**"]}}, "writes.paths.0: `!src/**` begins with !; what is never"),
        ({"writes": {"paths": ["*.{js,ts}"]}}, "writes.paths.0: `*.{js,ts}` has brackets"),
        ({"writes": {"paths": ["a\nb"]}}, "writes.paths.0"),
        ({"writes": {"formatting": "yes please"}}, "writes.formatting"),
        ({"effects": ["merge"]}, "effects.0"),
        ({"effects": ["approve"]}, "effects.0"),
        ({"tools": ["browser"]}, "tools.0"),
        ({"role": "king"}, "role"),
        ({"models": {"acme": "m"}}, "models.acme"),
        ({"effort": "huge"}, "effort"),
        ({"budget": {"dollars": "-1"}}, "budget.dollars"),
        ({"budget": {"tokens": 0}}, "budget.tokens"),
        ({"aliases": ["Ada Agent"]}, "aliases.0"),
        ({"title": ""}, "title"),
        ({"description": None}, "description"),
    ],
)
def test_a_wrong_field_is_refused_with_its_file_and_its_name(
    tmp_path: Path, fields: dict[str, Any], field: str
) -> None:
    assert refused(persona(tmp_path, **fields)).startswith(f"{tmp_path}/ada/persona.yaml: {field}")


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"permision": {}}, "permision: there is no such field; did you mean `permissions`?"),
        ({"writes": {"path": []}}, "writes.path: there is no such field; did you mean `paths`?"),
        ({"budget": {"euros": 1}}, "budget.euros: there is no such field; there are: tokens, dollars, steps, seconds"),
        ({"permissions": {"content": "read"}}, "GitHub has no such permission; did you mean `contents`?"),
        ({"permissions": {"secrets": "read"}}, "no persona may have it: they are credentials"),
        ({"permissions": {"actions": "write"}}, "no persona may have more than read: write starts and cancels"),
        ({"permissions": {"organization_hooks": "read"}}, "no persona may have it: it is not of one repository"),
        ({"permissions": {"contents": "admin"}}, "`admin` is no level; write read or write"),
    ],
)
def test_what_is_not_known_or_never_given_is_told_with_the_cure(
    tmp_path: Path, fields: dict[str, Any], words: str
) -> None:
    assert words in refused(persona(tmp_path, **fields))


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        (
            {"permissions": {"contents": "read", "issues": "read", "pull_requests": "write"}},
            "effects: open_pull_request needs contents: write, which permissions does not give",
        ),
        ({"effects": ["open_pull_request", "verdict"]}, "effects: verdict needs checks: write"),
        (
            {"effects": ["comment"], "permissions": {"issues": "read", "pull_requests": "read"}},
            "effects: comment needs pull_requests: write or issues: write",
        ),
        (
            {"effects": ["comment"], "writes": {"kinds": []}},
            "permissions: contents: write is needed by none of its effects (comment); read is enough",
        ),
        (
            {"permissions": {"contents": "write", "pull_requests": "write"}},
            "tools: discussion needs issues: read, which permissions does not give",
        ),
        (
            {"effects": ["comment"], "permissions": {"issues": "read", "pull_requests": "write"}},
            "writes: it may change files, and none of its effects (comment) hands them over",
        ),
        ({"writes": {"kinds": []}}, "writes: kinds is empty, and effects has open_pull_request"),
    ],
)
def test_effects_permissions_tools_and_changes_agree_and_both_sides_are_named(
    tmp_path: Path, fields: dict[str, Any], words: str
) -> None:
    said = refused(persona(tmp_path, **fields))
    assert words in said
    assert "change one side, so that both say the same" in said


def test_a_comment_is_written_with_either_permission(tmp_path: Path) -> None:
    told: dict[str, Any] = {"effects": ["comment"], "writes": {"kinds": []}}
    persona(tmp_path, **told, permissions={"issues": "write", "pull_requests": "read"})
    load(persona(tmp_path, name="eve", **told, permissions={"issues": "read", "pull_requests": "write"}))


@pytest.mark.parametrize(
    ("more", "line", "before"), [("name: eve\n", 5, 4), ("writes:\n  kinds: []\n  paths: []\n  kinds: [add]\n", 8, 6)]
)
def test_a_key_that_is_said_twice_is_refused_with_both_lines(tmp_path: Path, more: str, line: int, before: int) -> None:
    file = persona(tmp_path) / "ada" / "persona.yaml"
    file.write_text("title: Ada\nrole: implementer\ndescription: Adds.\nname: ada\n" + more)
    assert re.search(rf"line {line}: `(name|kinds)` stands in line {before} already; keep one", refused(tmp_path))


def test_what_github_can_give_is_either_allowed_or_refused_with_a_reason() -> None:
    assert not set(MAY_HAVE) & set(NEVER)
    assert all(NEVER.values())
    assert {name for name, (most, why) in MAY_HAVE.items() if most == "write" or not why} == {
        "checks", "contents", "issues", "pull_requests"
    }  # fmt: skip


def test_a_field_that_is_missing_is_named(tmp_path: Path) -> None:
    persona(tmp_path)
    (tmp_path / "ada" / "persona.yaml").write_text("name: ada\ntitle: Ada\nrole: implementer\n")
    said = refused(tmp_path)
    assert said.startswith(f"{tmp_path}/ada/persona.yaml: description: Field required")
    assert "agents/README.md has the fields" in said


@pytest.mark.parametrize("name", ["prompt.md", "persona.yaml"])
def test_a_missing_file_is_named_with_what_a_persona_is_made_of(tmp_path: Path, name: str) -> None:
    (persona(tmp_path) / "ada" / name).unlink()
    assert refused(tmp_path).splitlines() == [
        f"{tmp_path}/ada/{name} is missing",
        "  a persona is a folder with persona.yaml and prompt.md",
    ]


def test_an_empty_prompt_is_no_prompt(tmp_path: Path) -> None:
    assert "prompt" in refused(persona(tmp_path, prompt=" \n"))


def test_a_prompt_among_the_fields_is_refused_with_where_it_belongs(tmp_path: Path) -> None:
    persona(tmp_path)
    (tmp_path / "ada" / "persona.yaml").write_text(yaml.safe_dump({**SMALLEST, "prompt": "You are Ada."}))
    said = refused(tmp_path)
    assert said.startswith(f"{tmp_path}/ada/persona.yaml: prompt: stands in a file of its own")
    assert "ada/prompt.md" in said


@pytest.mark.parametrize("name", ["prompt.md", "persona.yaml"])
def test_a_file_that_is_no_text_is_named(tmp_path: Path, name: str) -> None:
    (persona(tmp_path) / "ada" / name).write_bytes(b"name: \xff\xfe")
    assert refused(tmp_path).startswith(f"{tmp_path}/ada/{name} is not UTF-8: byte 6")


def broken(folder: Path) -> None:
    (folder / "ada" / "persona.yaml").write_text("name: [ada\n")


def listed(folder: Path) -> None:
    (folder / "ada" / "persona.yaml").write_text("- ada\n")


def empty(folder: Path) -> None:
    (folder / "ada" / "persona.yaml").write_text("")


@pytest.mark.parametrize(
    ("done", "words"), [(broken, "cannot be read"), (listed, "must hold fields"), (empty, "must hold fields")]
)
def test_a_file_that_holds_no_fields_is_named(tmp_path: Path, done: Callable[[Path], None], words: str) -> None:
    done(persona(tmp_path))
    assert refused(tmp_path).startswith(f"{tmp_path}/ada/persona.yaml {words}")


def test_a_folder_and_its_persona_have_the_same_name(tmp_path: Path) -> None:
    (persona(tmp_path) / "ada").rename(tmp_path / "eve")
    said = refused(tmp_path)
    assert said == f"{tmp_path}/eve/persona.yaml: name is `ada`, and its folder is called `eve`"


def test_two_of_one_name_are_refused_with_both(tmp_path: Path) -> None:
    persona(tmp_path, aliases=["helper"])
    said = refused(persona(tmp_path, name="eve", aliases=["helper"]))
    assert "eve and ada are both called `helper`" in said


def test_where_there_are_none_it_is_said_how_they_get_there(tmp_path: Path) -> None:
    assert "each is a folder with persona.yaml and prompt.md" in refused(tmp_path)
    assert "set PRESSPLAY_AGENTS" in refused(tmp_path / "nowhere")
