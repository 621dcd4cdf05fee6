"""What a project says of itself: what is taken, and what is said of what cannot be."""

from __future__ import annotations

import pytest

from pressplay.policy.project import MOST_SERVERS, ProjectError, parse
from pressplay.protocol.run import McpServer


def test_tool_servers_are_told_to_the_runner_as_they_stand() -> None:
    told = b"mcp:\n  docs:\n    command: [python3, tools/docs.py]\n    tools: [find]\n  db: {command: [./db]}\n"
    assert parse(told).servers() == (
        McpServer(name="docs", command=("python3", "tools/docs.py"), allow=("find",)),
        McpServer(name="db", command=("./db",), allow=None),
    )


@pytest.mark.parametrize("told", [None, b"", b"# nothing yet\n", b"{}\n", b"mcp: {}\n"])
def test_a_project_that_says_nothing_has_no_servers(told: bytes | None) -> None:
    assert parse(told).servers() == ()


@pytest.mark.parametrize(
    ("told", "words"),
    [
        (b"mcp: [", "is no YAML"),
        (b"\xff\xfe", "is no YAML"),
        (b"- a list", "the whole: Input should be"),
        (b"mpc: {}", "mpc: Extra inputs are not permitted"),
        (b"mcp: {docs: {}}", "mcp.docs.command: Field required"),
        (b"mcp: {docs: {command: []}}", "mcp.docs.command: Tuple should have at least 1 item"),
        (b"mcp: {docs: {command: run it}}", "mcp.docs.command: Input should be a valid tuple"),
        (b"mcp: {docs: {command: [x], env: {TOKEN: y}}}", "mcp.docs.env: Extra inputs"),
        (b"mcp: {'a/b': {command: [x]}}", "mcp.a/b"),
        (b"mcp: {" + b", ".join(b"s%d: {command: [x]}" % n for n in range(MOST_SERVERS + 1)) + b"}", "at most 8 items"),
        (b"mcp: 2026-99-99", "is no YAML"),
        (b"[" * 5_000, "is no YAML"),
        (b"!!python/object/apply:os.system ['true']", "is no YAML"),
    ],
)
def test_what_cannot_be_used_is_named_with_its_place(told: bytes, words: str) -> None:
    with pytest.raises(ProjectError) as error:
        parse(told)
    assert words in str(error.value)
    assert str(error.value).startswith(".pressplay/requirements.yaml")


def test_a_language_s_own_commands_take_the_place_of_the_usual_ones_and_none_switch_it_off() -> None:
    told = parse(b"format:\n  python: [[tox, -e, fix]]\n  go: []\n  sql: [[sqlfluff, fix, .]]\n").fixers()
    names = [one.name for one in told]
    assert names[-2:] == ["python", "sql"]
    assert {"ruff", "black", "gofmt"} & set(names) == set()
    assert "prettier" in names
    assert next(one for one in told if one.name == "python").commands == (("tox", "-e", "fix"),)


def test_a_project_that_says_nothing_has_the_usual_formatters_where_it_uses_them() -> None:
    usual = {one.name: one for one in parse(None).fixers()}
    assert {"ruff", "black", "eslint", "prettier", "gofmt", "cargo"} <= set(usual)
    assert all(one.marks for one in usual.values())


def test_a_command_without_words_is_named_with_its_place() -> None:
    with pytest.raises(ProjectError, match=r"format.python.0"):
        parse(b"format: {python: [[]]}")
