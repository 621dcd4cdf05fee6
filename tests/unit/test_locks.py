"""The locks hold what pyproject.toml asks for, every package with its hash, and agree with each other."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[2]
LOCKS = ("bootstrap", "runtime", "dev")


def blocks(lock: str) -> list[str]:
    """One text for each locked package: its line, with the hashes that belong to it."""
    text = (ROOT / "requirements" / f"{lock}.txt").read_text()
    lines = "\n".join(line for line in text.splitlines() if not line.startswith("#"))
    return [block for block in re.split(r"\n(?=\S)", lines) if block.strip()]


def versions(lock: str) -> dict[str, str]:
    found = [re.match(r"([A-Za-z0-9._-]+)==([^\s;\\]+)", block) for block in blocks(lock)]
    return {canonicalize_name(match[1]): match[2] for match in found if match}


def asked_for() -> dict[str, list[str]]:
    told = tomllib.loads((ROOT / "pyproject.toml").read_text())
    runtime: list[str] = told["project"]["dependencies"]
    return {"runtime": runtime, "dev": [*runtime, *told["dependency-groups"]["dev"], *told["build-system"]["requires"]]}


@pytest.mark.parametrize("lock", LOCKS)
def test_every_locked_package_has_one_version_and_a_hash(lock: str) -> None:
    assert blocks(lock)
    for block in blocks(lock):
        assert re.match(r"[A-Za-z0-9._-]+==\S+", block), block
        assert "--hash=sha256:" in block, block


@pytest.mark.parametrize("lock", ["runtime", "dev"])
def test_the_lock_satisfies_what_the_project_asks_for(lock: str) -> None:
    locked = versions(lock)
    for wanted in map(Requirement, asked_for()[lock]):
        assert wanted.specifier.contains(locked[canonicalize_name(wanted.name)]), f"{wanted}: run `make lock`"


def test_what_is_tested_is_what_is_shipped() -> None:
    assert versions("runtime").items() <= versions("dev").items()


def test_the_npm_lock_pins_every_package_by_hash_and_names_no_registry() -> None:
    packages = json.loads((ROOT / "tests" / "node" / "package-lock.json").read_text())["packages"]
    assert [name for name, told in packages.items() if name and "integrity" not in told] == []
    assert [name for name, told in packages.items() if "resolved" in told] == []
