"""The runtime shim, built for real, over bundles, with a small program in the place of runc."""

from __future__ import annotations

import json
import os
import resource
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from localkube.engine.capabilities import NAMES, missing_capabilities
from localkube.engine.shim import build_shim, install_shim

pytestmark = pytest.mark.skipif(not shutil.which("go") or os.uname().sysname != "Linux", reason="needs Go and Linux")
WITHOUT = ("setpriv", "--bounding-set=-sys_resource,-net_raw")
needs_setpriv = pytest.mark.skipif(os.geteuid() != 0 or not shutil.which("setpriv"), reason="needs root and setpriv")


@pytest.fixture(scope="module")
def shim(tmp_path_factory: pytest.TempPathFactory) -> Path:
    built = build_shim()
    target = tmp_path_factory.mktemp("lib") / "bin" / "shim"
    install_shim(built, target)
    return target


@pytest.fixture
def runc(tmp_path: Path) -> Path:
    """A runc that prints its arguments."""
    folder = tmp_path / "bin"
    folder.mkdir()
    (folder / "runc").write_text('#!/bin/sh\necho "$@"\n')
    (folder / "runc").chmod(0o755)
    return folder


def process() -> dict[str, Any]:
    every = [f"CAP_{name}" for name in NAMES]
    return {
        "args": ["a", "<b>&"],
        "capabilities": {"bounding": every, "permitted": every, "ambient": ["CAP_NET_RAW"]},
        "oomScoreAdj": -1000,
        "rlimits": [{"type": "RLIMIT_NOFILE", "hard": 2**62, "soft": 64}],
        "number": 12345678901234567890,
    }


def call(shim: Path, runc: Path, *args: str, before: tuple[str, ...] = ()) -> str:
    done = subprocess.run(
        [*before, str(shim), *args],
        env={**os.environ, "PATH": f"{runc}:/usr/bin:/bin"},
        check=True,
        capture_output=True,
        text=True,
        timeout=30,
    )
    return done.stdout.strip()


def test_the_build_is_found_again(shim: Path) -> None:
    first = build_shim()
    stamp = first.stat().st_mtime_ns
    assert build_shim() == first
    assert first.stat().st_mtime_ns == stamp


def test_what_this_machine_lacks_goes_and_the_rest_stays(shim: Path, runc: Path, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps({"ociVersion": "1.0", "process": process()}))
    args = ("--root", "/r", "--log", "create", "create", "--bundle", str(tmp_path), "name")
    assert call(shim, runc, *args) == " ".join(args)
    left = json.loads((tmp_path / "config.json").read_text())["process"]["capabilities"]["bounding"]
    assert left == [f"CAP_{name}" for name in NAMES if name not in missing_capabilities()]


@needs_setpriv
def test_any_missing_capability_is_left_out(shim: Path, runc: Path, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps({"process": process()}))
    call(shim, runc, "run", f"--bundle={tmp_path}", "name", before=WITHOUT)
    left = json.loads((tmp_path / "config.json").read_text())["process"]
    for kind in ("bounding", "permitted"):
        assert not {"CAP_NET_RAW", "CAP_SYS_RESOURCE"}.intersection(left["capabilities"][kind])
        assert "CAP_SYS_ADMIN" in left["capabilities"][kind]
    assert left["capabilities"]["ambient"] == []
    assert left["args"] == ["a", "<b>&"]
    assert left["number"] == 12345678901234567890


@needs_setpriv
def test_what_needs_sys_resource_is_lowered_without_it(shim: Path, runc: Path, tmp_path: Path) -> None:
    file = tmp_path / "process.json"
    file.write_text(json.dumps(process()))
    call(shim, runc, "exec", "--process", str(file), "--detach", "name", before=WITHOUT)
    left = json.loads(file.read_text())
    assert "oomScoreAdj" not in left
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    assert left["rlimits"] == [{"type": "RLIMIT_NOFILE", "hard": hard, "soft": 64}]


@needs_setpriv
def test_limits_within_the_machines_own_stay_untouched(shim: Path, runc: Path, tmp_path: Path) -> None:
    text = json.dumps({"oomScoreAdj": 1000, "rlimits": [{"type": "RLIMIT_NOFILE", "hard": 8, "soft": 8}]}, indent=7)
    file = tmp_path / "process.json"
    file.write_text(text)
    call(shim, runc, "exec", "-p", str(file), "name", before=WITHOUT)
    assert file.read_text() == text


def test_other_commands_go_straight_through(shim: Path, runc: Path) -> None:
    assert call(shim, runc, "--version") == "--version"
    assert call(shim, runc, "--root", "/r", "state", "name") == "--root /r state name"


def test_a_bundle_that_cannot_be_read_is_an_error(shim: Path, runc: Path, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{")
    with pytest.raises(subprocess.CalledProcessError) as caught:
        call(shim, runc, "create", "--bundle", str(tmp_path), "name")
    assert "config.json" in caught.value.stderr
