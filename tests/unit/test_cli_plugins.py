"""The command line finds what packages bring, and stands when one of them does not work."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from importlib.metadata import EntryPoint
from types import ModuleType

import click
import pytest
from click.testing import CliRunner, Result

from pressplay.cli.plugins import GROUP, PluginGroup, installed


@click.command()
def hello() -> None:
    """Greet."""
    click.echo("hello")


@pytest.fixture(autouse=True)
def greetings(monkeypatch: pytest.MonkeyPatch) -> None:
    """A package that brings a command, and something that is none."""
    module = ModuleType("greetings")
    vars(module).update(hello=hello, seven=7)
    monkeypatch.setitem(sys.modules, "greetings", module)


def entry(name: str, value: str) -> EntryPoint:
    return EntryPoint(name, value, GROUP)


GREETING = entry("hello", "greetings:hello")
BROKEN = entry("broken", "there_is_no_such_package:command")


def call(found: Iterable[EntryPoint], *words: str) -> Result:
    group = PluginGroup("pressplay", find=lambda: found)
    return CliRunner().invoke(group, list(words), prog_name="pressplay")


def test_a_command_of_another_package_is_called() -> None:
    answer = call([GREETING], "hello")
    assert (answer.exit_code, answer.output) == (0, "hello\n")


def test_listing_the_names_imports_nothing() -> None:
    group = PluginGroup("pressplay", find=lambda: [entry("later", "import_me_not:command"), GREETING])
    assert group.list_commands(click.Context(group)) == ["hello", "later"]
    assert "import_me_not" not in sys.modules


def test_our_own_command_wins_over_one_of_the_same_name() -> None:
    group = PluginGroup("pressplay", find=lambda: [entry("hello", "there_is_no_such_package:command")])
    group.add_command(hello)
    assert CliRunner().invoke(group, ["hello"]).output == "hello\n"


def test_a_broken_command_leaves_the_others_working_and_shows_in_the_help() -> None:
    assert call([BROKEN, GREETING], "hello").output == "hello\n"
    shown = call([BROKEN, GREETING], "--help")
    assert shown.exit_code == 0
    assert "Greet." in shown.output
    assert "(cannot be loaded: ModuleNotFoundError" in shown.output


@pytest.mark.parametrize("words", [[], ["up"], ["--help"], ["--name", "x", "up"]])
def test_calling_a_broken_command_says_in_one_line_why_and_what_to_do(words: list[str]) -> None:
    answer = call([BROKEN], "broken", *words)
    assert answer.exit_code == 1
    why, remedy = answer.output.splitlines()
    assert why.startswith("Error: the command 'broken' of the package 'there_is_no_such_package' cannot be loaded: ")
    assert "PRESSPLAY_DEBUG=1" in remedy


def test_with_debugging_on_the_failure_is_shown_in_full(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PRESSPLAY_DEBUG", "1")
    assert isinstance(call([BROKEN], "broken").exception, ModuleNotFoundError)


def test_what_is_no_command_is_refused() -> None:
    answer = call([entry("seven", "greetings:seven")], "seven")
    assert answer.exit_code == 1
    assert "greetings:seven is a int, not a click command" in answer.output


@pytest.mark.parametrize(("wrong", "meant"), [("helo", "'hello'"), ("brokn", "'broken'")])
def test_a_misspelt_command_is_met_with_what_was_perhaps_meant(wrong: str, meant: str) -> None:
    answer = call([GREETING, BROKEN], wrong)
    assert answer.exit_code == 2
    assert f"Error: No such command '{wrong}'. Did you mean {meant}?" in answer.output


def test_a_word_that_resembles_nothing_is_refused_without_a_guess() -> None:
    answer = call([GREETING], "xyzzy")
    assert answer.exit_code == 2
    assert "Did you mean" not in answer.output


def test_the_installed_project_brings_the_cluster_commands() -> None:
    assert {found.name: found.value for found in installed()}["cluster"] == "localkube.cli:cluster"
