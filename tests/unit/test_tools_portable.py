"""No file may name what is true on one machine only, and what is meant is let through."""

from __future__ import annotations

from pathlib import Path

import pytest

from tools import check_portable


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    root = tmp_path / "checkout"
    root.mkdir()
    monkeypatch.setattr(check_portable, "ROOT", root)
    monkeypatch.setenv("HOME", str(tmp_path / "person"))
    return root


def findings(checkout: Path, text: str) -> list[str]:
    file = checkout / "file"
    file.write_text(text)
    return list(check_portable.check(file))


# In two pieces each, or this file would not pass the check.
@pytest.mark.parametrize(
    "host",
    [
        "pypi" + ".org",
        "files" + ".pythonhosted.org",
        "registry" + ".npmjs.org",
        "proxy" + ".golang.org",
        "deb" + ".debian.org",
        "static" + ".crates.io",
        "repo1" + ".maven.org",
        "repo" + ".maven.apache.org",
    ],
)
@pytest.mark.parametrize("text", ["index-url = https://{}/simple", "see {}", '"{}"'])
def test_a_package_registrys_host_is_found(checkout: Path, text: str, host: str) -> None:
    assert findings(checkout, "first line\n" + text.format(host)) == [
        f"file:2 names the registry host {host}; leave it to the machine's settings"
    ]


def test_a_download_address_in_a_lock_is_found(checkout: Path) -> None:
    assert len(findings(checkout, '"resolved": ' + '"https://mirror.example/is-number.tgz"')) == 1


def test_paths_of_this_machine_are_found(checkout: Path) -> None:
    assert len(findings(checkout, f"cd {checkout}/src")) == 1
    assert len(findings(checkout, f"cache = {checkout.parent}/person/.cache")) == 1
    assert len(findings(checkout, "cache = /" + "home/somebody/.cache")) == 1


@pytest.mark.parametrize(
    "text",
    [
        "image: registry.k8s.io/pause:3.10",
        "FROM docker.io/library/debian:bookworm-slim",
        "github.com/argoproj/argo-workflows/v3 v3.7.16 h1:abc=",
        "repository.files.copy(index.html)",
        "~/.cache/localkube",
        "/home/",
    ],
)
def test_what_is_meant_is_let_through(checkout: Path, text: str) -> None:
    assert findings(checkout, text) == []


def test_a_file_that_is_no_text_is_left_alone(checkout: Path) -> None:
    (checkout / "image.png").write_bytes(b"\x89PNG\xff")
    assert list(check_portable.check(checkout / "image.png")) == []
