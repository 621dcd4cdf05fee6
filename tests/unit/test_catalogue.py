"""What a cluster is built from: all programs that builds call are looked for before the first build begins."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from localkube.build import cache, catalogue, gomod, programs
from localkube.build.catalogue import MANIFESTS, PROGRAMS
from localkube.consent import Consent
from localkube.errors import LocalKubeError
from localkube.progress import Progress

YES = Consent(True, None, lambda _: None)
NOBODY = Consent(False, None, lambda _: None)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The only folder with programs, and a cache that is empty."""
    found = tmp_path / "bin"
    found.mkdir()
    monkeypatch.setenv("PATH", str(found))
    monkeypatch.setattr("localkube.engine.packages.SEARCHED", str(found))
    monkeypatch.setattr("localkube.paths.cache_dir", lambda: tmp_path / "cache")
    monkeypatch.setattr(cache, "build", lambda *_: pytest.fail("built, though programs are missing"))
    gomod.toolchain.cache_clear()
    yield found
    gomod.toolchain.cache_clear()


def script(path: Path, says: str) -> None:
    path.write_text(f"#!/bin/sh\necho {says}\n")
    path.chmod(0o755)


def test_every_program_of_a_recipe_has_its_line_in_the_table() -> None:
    known = {need.name for need in programs.NEEDS}
    assert {name for recipe in catalogue.recipes() for name in recipe.programs} <= known


def test_what_every_cluster_needs_is_what_builds_call_where_images_are_pulled(tmp_path: Path) -> None:
    recipes = catalogue.recipes()
    pulled = cache.missing(recipes, [MANIFESTS, *PROGRAMS["pulled"]], cache.Store(tmp_path))
    called = {name for recipe in recipes if recipe.name in pulled for name in recipe.programs}
    assert called == {need.name for need in programs.NEEDS if need.when == "always"}


def test_all_missing_programs_are_named_at_once_with_what_installs_them(folder: Path) -> None:
    script(folder / "go", "go version go1.26.8 linux/amd64")
    with pytest.raises(LocalKubeError) as refused:
        catalogue.obtain("built", (), YES, Progress())
    for name in ("node", "npm", "mmdebstrap"):
        assert f"{name} (not found)" in refused.value.message
        (need,) = [need for need in programs.NEEDS if need.name == name]
        assert need.command in refused.value.remedy
    assert "go (" not in refused.value.message


def test_a_machine_without_go_is_told_what_to_install(folder: Path) -> None:
    with pytest.raises(LocalKubeError, match=r"needs go \(not found\)") as refused:
        catalogue.obtain("pulled", (), YES, Progress())
    assert "install Go 1.26" in refused.value.remedy


def test_a_go_that_is_too_old_is_refused_before_anything_is_built(folder: Path) -> None:
    script(folder / "go", "go version go1.25.4 linux/amd64")
    with pytest.raises(LocalKubeError, match=r"go \(1\.25\.4 is too old, at least 1\.26 is needed\)"):
        catalogue.obtain("pulled", (), YES, Progress())


def test_what_we_install_ourselves_is_asked_for_and_not_missing(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script(folder / "apt-get", "done")
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    asked: list[str] = []
    refuses = Consent(False, lambda _: False, asked.append)
    with pytest.raises(LocalKubeError):
        catalogue._have_programs({"mmdebstrap"}, refuses, Progress())
    assert any("mmdebstrap" in line for line in asked)


def test_without_root_nothing_is_installed(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script(folder / "apt-get", "done")
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(LocalKubeError, match=r"mmdebstrap \(not found\)") as refused:
        catalogue._have_programs({"mmdebstrap"}, YES, Progress())
    assert refused.value.remedy == "sudo apt-get install mmdebstrap"


def test_what_is_built_already_needs_no_programs(folder: Path) -> None:
    catalogue._have_programs(set(), NOBODY, Progress())
