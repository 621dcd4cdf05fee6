"""Whether images are pulled or built: by what the engine can pull, and by what the user said."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from localkube import versions
from localkube.engine.model import Engine
from localkube.errors import LocalKubeError
from localkube.registry import PROBE_IMAGE, image_source, node_image_source

NO_REGISTRY = 'echo "dial tcp: lookup registry.k8s.io: no such host" >&2; exit 1'


def engine(folder: Path, *, pull: str, there: bool = False) -> Engine:
    """An engine whose command does nothing but answer, and notes what was asked of it."""
    inspect = "echo sha256:0" if there else 'echo "No such image" >&2; exit 1'
    command = folder / "docker"
    command.write_text(f'#!/bin/sh\necho "$@" >> {folder}/asked\ncase "$1" in image) {inspect};; pull) {pull};; esac\n')
    command.chmod(0o755)
    return Engine("docker", str(command))


def asked(folder: Path) -> list[str]:
    return (folder / "asked").read_text().splitlines()


def test_where_a_registry_answers_the_stock_image_is_pulled_after_a_small_probe(tmp_path: Path) -> None:
    assert node_image_source("auto", engine(tmp_path, pull="true"), print) == "pulled"
    assert asked(tmp_path)[1:] == [f"pull {PROBE_IMAGE}", f"pull {versions.STOCK_NODE_IMAGE}"]


def test_an_image_that_is_there_is_not_pulled_again(tmp_path: Path) -> None:
    assert node_image_source("auto", engine(tmp_path, pull="exit 1", there=True), print) == "pulled"
    assert not any(line.startswith("pull") for line in asked(tmp_path))


def test_where_no_registry_answers_images_are_built_and_the_reason_is_said(tmp_path: Path) -> None:
    said: list[str] = []
    assert image_source("auto", engine(tmp_path, pull=NO_REGISTRY), said.append) == "built"
    assert "no such host" in said[0]


def test_a_stock_image_that_the_registry_does_not_have_is_built_too(tmp_path: Path) -> None:
    only_the_probe = f'[ "$2" = {PROBE_IMAGE} ] || {{ echo "manifest unknown" >&2; exit 1; }}'
    said: list[str] = []
    assert node_image_source("auto", engine(tmp_path, pull=only_the_probe), said.append) == "built"
    assert any("manifest unknown" in line for line in said)


def test_whoever_insists_on_pulling_is_told_why_it_cannot_be(tmp_path: Path) -> None:
    with pytest.raises(LocalKubeError) as refused:
        image_source("pull", engine(tmp_path, pull=NO_REGISTRY), print)
    assert "no such host" in refused.value.message
    assert "--images pull" in refused.value.remedy


def test_whoever_wants_to_build_is_not_kept_waiting_for_a_registry(tmp_path: Path) -> None:
    assert image_source("build", engine(tmp_path, pull="exit 1"), print) == "built"
    assert not (tmp_path / "asked").exists()


def test_without_a_registry_nothing_can_be_built_but_on_linux(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    with pytest.raises(LocalKubeError, match="cannot be pulled") as refused:
        image_source("auto", engine(tmp_path, pull=NO_REGISTRY), print)
    assert "Linux only" in refused.value.remedy


def test_to_know_the_source_the_large_node_image_is_not_pulled(tmp_path: Path) -> None:
    assert image_source("auto", engine(tmp_path, pull="true"), print) == "pulled"
    assert asked(tmp_path) == [f"pull {PROBE_IMAGE}"]
