"""kubectl: patient with an API server that comes back, and with nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest

from localkube.errors import CommandFailed
from localkube.kubectl import Kubectl


def a_kubectl(folder: Path, script: str, *, patience: float) -> Kubectl:
    """A program in the place of kubectl that counts its calls in the file `calls`."""
    program = folder / "kubectl"
    program.write_text(f"#!/bin/sh\necho call >> {folder}/calls\n{script}\n")
    program.chmod(0o755)
    return Kubectl(program, folder / "kubeconfig", patience=patience)


def calls(folder: Path) -> int:
    return len((folder / "calls").read_text().splitlines())


def test_a_server_that_comes_back_is_waited_for(tmp_path: Path) -> None:
    away = f'[ $(wc -l < {tmp_path}/calls) -ge 3 ] || {{ echo "The connection was refused" >&2; exit 1; }}; echo there'
    assert a_kubectl(tmp_path, away, patience=30).run("get", "pods") == "there\n"
    assert calls(tmp_path) == 3


def test_without_patience_the_first_refusal_is_the_answer(tmp_path: Path) -> None:
    with pytest.raises(CommandFailed, match="was refused"):
        a_kubectl(tmp_path, 'echo "The connection was refused" >&2; exit 1', patience=0).run("get", "pods")
    assert calls(tmp_path) == 1


def test_a_server_that_says_no_is_not_asked_again(tmp_path: Path) -> None:
    with pytest.raises(CommandFailed, match="Forbidden"):
        a_kubectl(tmp_path, 'echo "Error from server (Forbidden)" >&2; exit 1', patience=30).run("get", "pods")
    assert calls(tmp_path) == 1


def test_patience_begins_with_the_first_refusal(tmp_path: Path) -> None:
    late = f'[ $(wc -l < {tmp_path}/calls) -ge 2 ] || {{ sleep 1; echo "unexpected EOF" >&2; exit 1; }}; echo there'
    assert a_kubectl(tmp_path, late, patience=0.9).run("wait", "crd/x") == "there\n"
