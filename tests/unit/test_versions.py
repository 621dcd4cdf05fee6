"""What is compiled has the versions that are told."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from localkube import versions
from localkube.build import kit, programs


def required(module: str) -> dict[str, str]:
    """Module → version, as a go.mod of ours requires them."""
    text = (kit.MODULES / module / "go.mod").read_text()
    return dict(re.findall(r"^\s*(?:require )?(\S+\.\S+/\S+) (v\S+)", text, re.MULTILINE))


@pytest.mark.parametrize(
    ("folder", "module", "version"),
    [
        ("kit", "k8s.io/kubernetes", versions.KUBERNETES),
        ("kit", "go.etcd.io/etcd/server/v3", versions.ETCD),
        ("kit", "github.com/nats-io/nats-server/v2", versions.NATS),
        ("kit", "helm.sh/helm/v3", versions.HELM),
        ("kit", "sigs.k8s.io/kind", versions.KIND),
        ("coredns", "github.com/coredns/coredns", versions.COREDNS),
    ],
)
def test_the_go_modules_require_the_versions_that_are_told(folder: str, module: str, version: str) -> None:
    assert required(folder)[module] == version


def test_every_staging_module_has_the_version_of_its_kubernetes() -> None:
    wanted = versions.KUBERNETES.replace("v1.", "v0.")
    text = (kit.MODULES / "kit" / "go.mod").read_text()
    replaced = re.findall(r"^\s*(k8s\.io/\S+) => \1 (v\S+)$", text, re.MULTILINE)
    assert len(replaced) > 25
    assert {version for _, version in replaced} == {wanted}


def test_the_go_that_is_asked_for_compiles_what_is_built() -> None:
    (asked,) = [need.least for need in programs.NEEDS if need.name == "go"]
    wanted = [
        re.findall(r"^go (\d+)\.(\d+)", path.read_text(), re.MULTILINE)[0] for path in kit.MODULES.glob("*/go.mod")
    ]
    assert asked == max((int(major), int(minor)) for major, minor in wanted)


def test_a_changed_source_is_another_build(tmp_path: Path) -> None:
    (tmp_path / "main.go").write_text("package main")
    before = kit.source_digest(tmp_path)
    (tmp_path / "main.go").write_text("package other")
    changed = kit.source_digest(tmp_path)
    (tmp_path / "main.go").rename(tmp_path / "renamed.go")
    assert len({before, changed, kit.source_digest(tmp_path)}) == 3
