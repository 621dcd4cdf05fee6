"""Building Argo from packages: what decides the result is in the inputs, and the UI's packages are all pinned."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from localkube.build import argo, argo_events, argo_ui, gomod, kit, nats_image, tls_roots
from localkube.build.kustomize import render
from localkube.errors import LocalKubeError

REGISTRY = "https://packages.example/npm"

LOCK = """# yarn lockfile v1


"argo-ui@git+https://code.example/argo-ui.git#54f36c":
  version "1.0.0"
  resolved "git+https://code.example/argo-ui.git#54f36c"
  dependencies:
    classnames "^2.2.6"

classnames@^2.2.6:
  version "2.5.1"
  resolved "https://registry.example/classnames/-/classnames-2.5.1.tgz#ba774c"
  integrity sha512-aaaa
"""


def test_the_git_dependency_is_replaced_and_every_package_comes_from_the_users_registry() -> None:
    extra = {"@scope/argo-ui@1.0.0": {"version": "1.0.0", "integrity": "sha512-b", "dependencies": {"react": "^18"}}}
    told = argo_ui.lock(LOCK, extra, REGISTRY)
    assert "git+" not in told
    assert f'resolved "{REGISTRY}/classnames/-/classnames-2.5.1.tgz#ba774c"' in told
    assert f'resolved "{REGISTRY}/@scope/argo-ui/-/argo-ui-1.0.0.tgz"' in told
    assert '    "react" "^18"' in told
    assert "registry.example" not in told


def test_the_extra_entries_are_pinned_by_integrity() -> None:
    extra = json.loads((argo_ui.OURS / "extra-lock.json").read_text())
    assert extra
    assert all(entry["integrity"].startswith("sha512-") and entry["version"] for entry in extra.values())


def test_only_what_bundles_the_ui_is_installed() -> None:
    bundlers = dict.fromkeys(argo_ui.BUNDLERS, "^1")
    told = {
        "name": "ui",
        "version": "1",
        "license": "Apache-2.0",
        "dependencies": {"argo-ui": "git+https://code.example", "moment": "^2"},
        "devDependencies": {**bundlers, "jest": "^26"},
        "resolutions": {"semver": "^7"},
    }
    package = argo_ui.package(told)
    assert package["dependencies"]["argo-ui"] == argo_ui.ARGO_UI
    assert "jest" not in package["dependencies"]
    assert package["resolutions"]["moment"] == "^2"
    assert package["resolutions"]["semver"] == "^7"


def test_recipes_need_what_is_there() -> None:
    known = {recipe.name: recipe for module in (argo, argo_ui, argo_events, nats_image) for recipe in module.recipes()}
    assert {"argo-manifests", "argo", "argo-cli", "argo-ui", "argo-events", "nats-image"} <= set(known)
    assert known["argo-cli"].needs == ("argo-ui",)
    assert known["argo"].needs == ()


def test_images_have_full_names_with_the_pinned_versions() -> None:
    for name in (argo.CONTROLLER_IMAGE, argo.EXECUTOR_IMAGE, argo.SERVER_IMAGE, argo_events.IMAGE, nats_image.IMAGE):
        registry, _, tag = name.rpartition(":")
        assert registry.count("/") == 2
        assert tag not in ("", "latest")


def test_other_tls_roots_are_another_build(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def digest(content: str) -> str:
        roots = tmp_path / "roots.pem"
        roots.write_text(content)
        monkeypatch.setenv("SSL_CERT_FILE", str(roots))
        return argo_events.recipes()[0].digest({})

    assert digest("one") == digest("one") != digest("another")


def test_another_go_is_another_build_of_all_that_is_compiled(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def compiled(version: str) -> dict[str, str]:
        go = tmp_path / "go"
        go.write_text(f"#!/bin/sh\necho go{version}\n")
        go.chmod(0o755)
        monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
        gomod.toolchain.cache_clear()
        known = [recipe for module in (argo, argo_events, kit) for recipe in module.recipes()]
        return {recipe.name: recipe.digest({}) for recipe in known if recipe.name != "argo-manifests"}

    first, again, mended = compiled("1.26.8"), compiled("1.26.8"), compiled("1.26.9")
    gomod.toolchain.cache_clear()
    assert first == again
    assert {"kit", "clients", "coredns", "argo", "argo-cli", "argo-client", "argo-events"} == set(first)
    assert not set(first.values()) & set(mended.values())
    assert first["kit"] != first["clients"]


def test_a_machine_without_tls_roots_is_told_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    monkeypatch.setattr(Path, "is_file", lambda _: False)
    with pytest.raises(LocalKubeError, match="ca-certificates"):
        tls_roots.bundle()


def test_a_kustomization_is_rendered_with_its_namespace_everywhere(tmp_path: Path) -> None:
    base = tmp_path / "base"
    base.mkdir()
    (base / "kustomization.yaml").write_text("resources: [objects.yaml]\nimages: [{name: a, newTag: b}]\n")
    (base / "objects.yaml").write_text(
        "kind: ServiceAccount\nmetadata: {name: a}\n---\n"
        "kind: ClusterRoleBinding\nmetadata: {name: b}\nsubjects: [{kind: ServiceAccount, name: a}]\n---\n"
    )
    (tmp_path / "kustomization.yaml").write_text("resources: [base]\nnamespace: there\n")
    account, binding = render(tmp_path)
    assert account["metadata"] == {"name": "a", "namespace": "there"}
    assert "namespace" not in binding["metadata"]
    assert binding["subjects"] == [{"kind": "ServiceAccount", "name": "a", "namespace": "there"}]


def test_a_kustomization_that_does_more_is_refused(tmp_path: Path) -> None:
    (tmp_path / "kustomization.yaml").write_text("resources: []\nnamePrefix: x-\n")
    with pytest.raises(LocalKubeError, match="namePrefix"):
        render(tmp_path)
