"""Installing packages, with a small program in the place of apt-get."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from localkube.engine import packages
from localkube.errors import LocalKubeError

NEEDED = {"a-program-nobody-has": "some-package"}
Apt = Callable[[str], Path]


@pytest.fixture
def apt(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Apt:
    """Writes an apt-get; answers the file that lists how it was called."""
    folder = tmp_path / "bin"
    folder.mkdir()
    calls = tmp_path / "calls"
    calls.touch()
    monkeypatch.setattr(packages, "SEARCHED", f"{folder}:/usr/bin:/bin")
    # The program is started by its name: subprocess looks on our own PATH.
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
    monkeypatch.setattr(packages, "POLICY", tmp_path / "policy-rc.d")

    def write(body: str) -> Path:
        for name in ("apt-get", "dpkg"):
            (folder / name).write_text(f'#!/bin/sh\necho "{name} $@" >> {calls}\n{body}\n')
            (folder / name).chmod(0o755)
        return calls

    return write


def say(line: str) -> None:
    assert line


def test_nothing_is_installed_when_nothing_is_missing(apt: Apt) -> None:
    calls = apt("exit 1")
    packages.install_packages(say, {"sh": "dash"})
    assert calls.read_text() == ""


def test_missing_packages_are_installed_with_services_off(apt: Apt, tmp_path: Path) -> None:
    calls = apt(f"cat {tmp_path}/policy-rc.d | tail -n 1 >> {tmp_path}/calls")
    packages.install_packages(say, NEEDED)
    assert "install --yes --no-install-recommends some-package\nexit 101\n" in calls.read_text()
    assert not (tmp_path / "policy-rc.d").exists()


def test_a_policy_that_was_there_stays_as_it_was(apt: Apt, tmp_path: Path) -> None:
    apt("exit 0")
    (tmp_path / "policy-rc.d").write_text("mine")
    packages.install_packages(say, NEEDED)
    assert (tmp_path / "policy-rc.d").read_text() == "mine"


def test_stale_package_lists_are_refreshed(apt: Apt, tmp_path: Path) -> None:
    mark = tmp_path / "fresh"
    unknown = 'echo "E: Unable to locate" >&2; exit 100'
    body = f'case "$*" in *update*) touch {mark};; *) [ -e {mark} ] || {{ {unknown}; }};; esac'
    calls = apt(body)
    packages.install_packages(say, NEEDED)
    assert [line.split()[4] for line in calls.read_text().splitlines()] == ["install", "update", "install"]


def test_package_lists_that_another_program_refreshes_are_waited_for(
    apt: Apt, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(packages, "POLL_SECONDS", 0.01)
    mark = tmp_path / "fresh"
    lock = "E: Could not get lock /var/lib/apt/lists/lock. It is held by process 7"
    body = f'[ -e {mark} ] || {{ touch {mark}; echo "{lock}" >&2; exit 100; }}'
    calls = apt(body)
    packages.install_packages(say, NEEDED)
    assert len(calls.read_text().splitlines()) == 2


def test_an_interrupted_installation_is_finished_first(apt: Apt, tmp_path: Path) -> None:
    mark = tmp_path / "mended"
    told = "E: dpkg was interrupted, you must manually run 'dpkg --configure -a' to correct the problem."
    body = f'[ "$1" = --configure ] && touch {mark}; [ -e {mark} ] || {{ echo "{told}" >&2; exit 100; }}'
    calls = apt(body)
    packages.install_packages(say, NEEDED)
    assert [line.split()[0] for line in calls.read_text().splitlines()] == ["apt-get", "dpkg", "apt-get"]


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ("E: Could not get lock /var/lib/dpkg/lock-frontend. It is held by process 7", "holds the lock of apt"),
        ("E: You don't have enough free space in /var/cache/apt/archives/.", "disk is too full"),
        ("E: The repository is not signed.", "The repository is not signed"),
    ],
)
def test_what_apt_complains_of_reaches_the_user(apt: Apt, said: str, message: str, tmp_path: Path) -> None:
    apt(f'echo "{said}" >&2; exit 100')
    with pytest.raises(LocalKubeError, match=message) as caught:
        packages.install_packages(say, NEEDED)
    assert caught.value.remedy
    assert not (tmp_path / "policy-rc.d").exists()


def test_another_distribution_is_told_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packages, "SEARCHED", str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(LocalKubeError, match="some-package missing, and only on Debian"):
        packages.install_packages(say, NEEDED)


def test_the_rule_of_an_installation_that_was_cut_off_is_lifted(tmp_path: Path) -> None:
    policy = tmp_path / "policy-rc.d"
    policy.write_text(packages.POLICY_TEXT)
    packages._lift_left_policy(policy, tmp_path / "lock")
    assert not policy.exists()


def test_a_rule_of_the_machines_own_stays(tmp_path: Path) -> None:
    policy = tmp_path / "policy-rc.d"
    policy.write_text("#!/bin/sh\nexit 101\n")
    packages._lift_left_policy(policy, tmp_path / "lock")
    assert policy.read_text() == "#!/bin/sh\nexit 101\n"
