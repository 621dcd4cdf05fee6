"""Debian's packages for an engine: installing what is missing, with errors that say what to do."""

from __future__ import annotations

import fcntl
import os
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from localkube.errors import CommandFailed, LocalKubeError
from localkube.shell import run

# Program → the package that brings it.
NEEDED = {"dockerd": "docker.io", "iptables": "iptables", "ip": "iproute2"}
SEARCHED = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
LOCK_SECONDS = 180
APT_SECONDS = 900.0
POLL_SECONDS = 1.0
LOCK = Path("/run/localkube-packages.lock")
POLICY = Path("/usr/sbin/policy-rc.d")
# Read by Debian's maintainer scripts: 101 forbids starting services.
POLICY_TEXT = "#!/bin/sh\n# Written by localkube while it installs an engine; may be removed.\nexit 101\n"


def program(name: str) -> str | None:
    """Where a program is, in PATH or where the system's own lie (a user's PATH may lack sbin)."""
    return shutil.which(name, path=f"{os.environ.get('PATH', '')}:{SEARCHED}")


def missing_packages(needed: Mapping[str, str] = NEEDED) -> list[str]:
    """The packages of programs that are not on this machine."""
    return [package for name, package in needed.items() if program(name) is None]


def install_packages(say: Callable[[str], None], needed: Mapping[str, str] = NEEDED) -> None:
    """Install the packages of programs that this machine lacks; by default those that an engine needs.

    The distribution's own engine service is neither started nor enabled: ours has a socket and a data root of its own.

    Raises:
        LocalKubeError: this is not Debian or a relative, or apt could not do it.
    """
    _lift_left_policy()
    wanted = missing_packages(needed)
    if not wanted:
        return
    if shutil.which("apt-get", path=SEARCHED) is None:
        raise LocalKubeError(
            f"{', '.join(wanted)} missing, and only on Debian and its relatives can packages be installed from here",
            "install them (for an engine: Docker or Podman) with this system's package manager, then try again",
        )
    say(f"installing {', '.join(wanted)} with apt-get")
    with _one_at_a_time(), _services_stay_off():
        _install(wanted, say)
    if "docker.io" in wanted and Path("/run/systemd/system").is_dir():
        run(["systemctl", "disable", "--quiet", "docker.service", "docker.socket"], timeout=60)


@contextmanager
def _one_at_a_time(lock: Path = LOCK) -> Iterator[None]:
    """Two installations at once would take each other's rule about services away."""
    try:
        handle = lock.open("w")
    except PermissionError:
        raise LocalKubeError("installing packages needs root", "run this command with sudo") from None
    with handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def _lift_left_policy(policy: Path = POLICY, lock: Path = LOCK) -> None:
    """Remove the rule that a cut-off installation left: it would keep the machine's services off for ever."""
    if policy.exists() and policy.read_text(errors="replace") == POLICY_TEXT:
        with _one_at_a_time(lock):
            policy.unlink(missing_ok=True)


def _install(wanted: list[str], say: Callable[[str], None]) -> None:
    try:
        _apt("install", "--yes", "--no-install-recommends", *wanted)
    except CommandFailed as failed:
        if "dpkg --configure -a" in failed.output:
            say("finishing an installation that was interrupted")
            _run(["dpkg", "--configure", "-a"])
        else:
            _judge(failed)
            say("refreshing the package lists")
            _judged("update")
        _judged("install", "--yes", "--no-install-recommends", *wanted)


def _judged(*args: str) -> None:
    try:
        _apt(*args)
    except CommandFailed as failed:
        _judge(failed)
        raise LocalKubeError(
            f"apt-get {args[0]} failed: {_complaint(failed.output)}",
            f"see what `sudo apt-get {' '.join(args)}` prints, mend it, then try again",
        ) from None


def _judge(failed: CommandFailed) -> None:
    """Errors for which another attempt is no use."""
    if "could not get lock" in failed.output.lower() or "unable to acquire the dpkg" in failed.output.lower():
        raise LocalKubeError(
            f"another program holds the lock of apt since {LOCK_SECONDS} s",
            "wait for it to end (`ps aux | grep -E 'apt|dpkg'`), then try again",
        ) from None
    if "no space left" in failed.output.lower() or "enough free space" in failed.output.lower():
        raise LocalKubeError(
            "the disk is too full to install an engine",
            "free at least 500 MB under /usr and /var (`sudo apt-get clean` is a start), then try again",
        ) from None
    if failed.returncode == 124:
        raise LocalKubeError(
            f"apt-get did not end within {APT_SECONDS:.0f} s",
            "look whether the package mirror answers (`sudo apt-get update`), then try again",
        ) from None


def _complaint(output: str) -> str:
    """Apt's first line that says what is wrong."""
    lines = output.strip().splitlines() or ["no output"]
    return next((line for line in lines if line.startswith("E: ")), lines[-1]).removeprefix("E: ")


def _apt(*args: str) -> None:
    """Run apt-get. It waits for dpkg's lock by itself, but not for that of the package lists."""
    deadline = time.monotonic() + LOCK_SECONDS
    while True:
        try:
            return _run(["apt-get", "--quiet", "-o", f"DPkg::Lock::Timeout={LOCK_SECONDS}", *args])
        except CommandFailed as failed:
            if "lists/lock" not in failed.output or time.monotonic() > deadline:
                raise
        time.sleep(POLL_SECONDS)


def _run(argv: list[str]) -> None:
    run(argv, env={"DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C", "PATH": SEARCHED}, timeout=APT_SECONDS)


@contextmanager
def _services_stay_off() -> Iterator[None]:
    """Keep the packages from starting services; a rule that the machine has already stays as it is."""
    ours = not POLICY.exists() or POLICY.read_text(errors="replace") == POLICY_TEXT
    if ours:
        POLICY.write_text(POLICY_TEXT)
        POLICY.chmod(0o755)
    try:
        yield
    finally:
        if ours:
            POLICY.unlink(missing_ok=True)
