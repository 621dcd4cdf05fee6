"""The Debian layers: which package sources they are made from."""

from __future__ import annotations

from pathlib import Path

import pytest

from localkube.build import debian_base

MIRROR = "http://mirror.example/debian/"
SECURITY = "http://mirror.example/security/"
TARGETS = f"""\
Debian|main|bookworm|{MIRROR}
Debian|main|bookworm-updates|{MIRROR}
Debian|main|bookworm-security|{SECURITY}
Debian|non-free-firmware|bookworm|{MIRROR}
Somebody|main|bookworm|http://other.example/debian/
Debian|main|trixie|{MIRROR}
"""


@pytest.fixture(autouse=True)
def keyring(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Where Debian's keys would lie; nothing is there unless a test puts it there."""
    path = tmp_path / "keyring.gpg"
    monkeypatch.setattr(debian_base, "KEYRING", path)
    return path


def test_the_machines_own_mirrors_are_taken_with_updates_and_security() -> None:
    assert debian_base.sources_of(TARGETS) == [
        f"deb {MIRROR} bookworm main",
        f"deb {SECURITY} bookworm-security main",
        f"deb {MIRROR} bookworm-updates main",
    ]


def test_debians_keys_are_named_where_the_machine_has_them(keyring: Path) -> None:
    keyring.touch()
    assert debian_base.sources_of(TARGETS)[0] == f"deb [signed-by={keyring}] {MIRROR} bookworm main"


def test_an_archive_for_several_architectures_is_named_once() -> None:
    assert len(debian_base.sources_of(TARGETS + TARGETS)) == 3


def test_another_release_or_distribution_gives_no_mirror() -> None:
    assert debian_base.sources_of(f"Debian|main|trixie|{MIRROR}\nUbuntu|main|noble|{MIRROR}\n") == []
    assert debian_base.sources_of("") == []


def test_a_machine_without_apt_leaves_the_choice_to_mmdebstrap(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    assert debian_base.package_sources() == []
