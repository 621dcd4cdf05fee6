"""`pressplay completion` gives a shell lines that work in it, and both names of the program are installed."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path

import pytest
from click.testing import CliRunner

from pressplay.cli.main import cli, main

BASH = shutil.which("bash")


@pytest.mark.skipif(BASH is None, reason="there is no bash here")
@pytest.mark.parametrize(
    ("typed", "offered"),
    [("pressplay workstr", "workstreams"), ("pressplay workstreams st", "status"), ("pressplay get --all-n", "--all")],
)
def test_bash_completes_commands_and_options(tmp_path: Path, typed: str, offered: str) -> None:
    program = tmp_path / "pressplay"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m pressplay "$@"\n')
    program.chmod(0o755)
    script = f"""
        complete() {{ :; }}; compopt() {{ :; }}
        eval "$(pressplay completion bash)"
        COMP_WORDS=({typed}); COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1))
        _pressplay_completion pressplay
        printf '%s\\n' "${{COMPREPLY[@]}}"
    """
    env = {**os.environ, "PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}"}
    done = subprocess.run([str(BASH), "--norc", "-c", script], env=env, capture_output=True, text=True, check=True)
    assert any(line.startswith(offered) for line in done.stdout.splitlines()), done.stderr


@pytest.mark.parametrize(("shell", "words"), [("zsh", "#compdef pressplay"), ("fish", "complete --no-files --command")])
def test_other_shells_get_lines_of_their_own(shell: str, words: str) -> None:
    answer = CliRunner().invoke(cli, ["completion", shell])
    assert answer.exit_code == 0
    assert words in answer.output
    assert "_PRESSPLAY_COMPLETE" in answer.output


def test_a_shell_that_is_not_known_is_refused_with_those_that_are() -> None:
    answer = CliRunner().invoke(cli, ["completion", "tcsh"])
    assert answer.exit_code == 2
    assert "'bash', 'zsh', 'fish'" in answer.output


def test_kubectl_finds_the_same_program_under_the_name_of_its_plugins() -> None:
    found = {entry.name: entry.load() for entry in entry_points(group="console_scripts") if "pressplay" in entry.name}
    assert found["kubectl-pressplay"] is found["pressplay"] is main
