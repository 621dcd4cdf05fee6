"""What `pressplay` answers before any command: version, help, colours, both ways to start it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from pressplay import __version__
from pressplay.cli.main import cli

ROOT = Path(__file__).parents[2]


@pytest.fixture
def told_colour(monkeypatch: pytest.MonkeyPatch) -> str:
    """The name of a command that prints whether colours are on."""

    @click.command()
    @click.pass_context
    def colour(ctx: click.Context) -> None:
        click.echo(f"{ctx.color} {os.environ.get('NO_COLOR')}")

    monkeypatch.setitem(cli.commands, "colour", colour)
    # What --no-color sets is undone after the test.
    monkeypatch.setenv("NO_COLOR", "")
    return "colour"


def test_the_version_is_the_packages() -> None:
    assert CliRunner().invoke(cli, ["--version"], prog_name="pressplay").output == f"pressplay {__version__}\n"


@pytest.mark.parametrize("flag", ["-h", "--help"])
def test_the_help_names_the_commands_and_how_to_learn_more(flag: str) -> None:
    answer = CliRunner().invoke(cli, [flag], prog_name="pressplay")
    assert answer.exit_code == 0
    assert "  cluster " in answer.output
    assert "pressplay COMMAND --help" in answer.output


def test_colours_are_left_to_the_terminal_by_default(told_colour: str) -> None:
    assert CliRunner().invoke(cli, [told_colour]).output == "None \n"


def test_no_color_turns_colours_off_here_and_in_the_programs_that_we_start(told_colour: str) -> None:
    assert CliRunner().invoke(cli, ["--no-color", told_colour]).output == "False 1\n"


def test_the_variable_no_color_does_the_same(told_colour: str) -> None:
    assert CliRunner().invoke(cli, [told_colour], env={"NO_COLOR": "yes"}).output == "False 1\n"


def test_python_m_pressplay_is_the_same_command_and_its_exit_code_is_kept() -> None:
    good = subprocess.run([sys.executable, "-m", "pressplay", "--version"], capture_output=True, text=True, check=False)
    assert (good.returncode, good.stdout) == (0, f"pressplay {__version__}\n")
    bad = subprocess.run([sys.executable, "-m", "pressplay", "nothing"], capture_output=True, text=True, check=False)
    assert bad.returncode == 2
    assert "Traceback" not in bad.stderr


@pytest.mark.parametrize("namespace", ["a/b", "a\nb", "../x", "Team", "é", "x" * 64])
def test_what_is_no_name_of_a_namespace_is_refused_by_name_before_anybody_is_asked(namespace: str) -> None:
    told = CliRunner().invoke(cli, ["get", "-n", namespace], env={"KUBECONFIG": "/nonexistent/kubeconfig"})
    assert told.exit_code == 2
    assert "'-n' / '--namespace'" in told.output
    assert "no name of a namespace" in told.output


@pytest.mark.parametrize("text", ["[" * 100_000, "{", "\0"])
def test_what_is_no_recorded_webhook_is_named(tmp_path: Path, text: str) -> None:
    file = tmp_path / "hook.json"
    file.write_text(text)
    told = CliRunner().invoke(cli, ["simulate", str(file)])
    assert told.exit_code == 1
    assert f"{file} is no JSON" in told.output


def test_a_recording_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / "gone.json").symlink_to(tmp_path / "nowhere")
    told = CliRunner().invoke(cli, ["simulate", str(tmp_path)])
    assert told.exit_code == 1
    assert "gone.json cannot be read" in told.output


def test_the_examples_of_recorded_webhooks_do_what_their_names_promise() -> None:
    told = CliRunner().invoke(cli, ["simulate", str(ROOT / "examples" / "webhooks"), "-o", "json"])
    effects = {Path(each["webhook"]).stem: (each["effect"], each["flow"]) for each in json.loads(told.output)}
    assert effects == {
        "a-command-in-a-comment": ("command", ""),
        "a-failed-check": ("start", "ci-flow"),
        "a-labelled-issue": ("start", "issue-flow"),
        "a-person-pushes": ("start", "pr-flow"),
        "a-review": ("wake", ""),
        "a-stranger-s-command": ("command", ""),
        "a-stranger-s-issue": ("wake", ""),
    }
    hers = ["simulate", str(ROOT / "examples" / "webhooks" / "a-stranger-s-command.json"), "--permission", "read"]
    assert "eve may not start anything" in CliRunner().invoke(cli, hers).output
