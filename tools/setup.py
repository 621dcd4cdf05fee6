"""Make the virtual environment `.venv` exactly as the lock says, or do nothing where it already is.

Runs on a bare Python (standard library only). It owns `.venv` and nothing else: programs from outside Python are the
business of `tools/system-packages`.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import subprocess
import sys
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
LOCK = ROOT / "requirements" / "dev.txt"
OLDEST_PYTHON = (3, 11)


def main() -> int:
    """Bring `.venv` up to date; answers the exit code."""
    if sys.version_info < OLDEST_PYTHON:
        print(f"setup: Python {'.'.join(map(str, OLDEST_PYTHON))} or newer is needed, this is {sys.version.split()[0]}")
        print("  install one and name it: make setup PYTHON=python3.12")
        return 1
    VENV.mkdir(exist_ok=True)
    with (VENV / ".setup.lock").open("w") as lock:
        # Two of us at once would write over each other.
        fcntl.flock(lock, fcntl.LOCK_EX)
        try:
            _bring_up_to_date()
        except subprocess.CalledProcessError as failed:
            print(f"setup: {' '.join(map(str, failed.cmd[:6]))} … ended with exit code {failed.returncode} (see above)")
            return 1
    return 0


def _bring_up_to_date() -> None:
    # Whether this venv is active or not, it is the same Python.
    python = f"{sys.base_prefix} {sys.version}"
    if not _is_done("python", python) or not PYTHON.exists():
        print(f"setup: a virtual environment in {VENV.name} with Python {sys.version.split()[0]}", flush=True)
        venv.create(VENV, with_pip=True, symlinks=True)
        _mark_done("python", python)
        _forget("packages")
    packages = _digest(LOCK)
    if not _is_done("packages", packages):
        print(f"setup: the packages of {LOCK.relative_to(ROOT)}, each checked against its hash", flush=True)
        # The lock is whole, so pip has nothing to resolve. Where it tries, it asks for the newest release of what a
        # package needs with an extra, finds no hash for that, and refuses.
        _pip("install", "--no-deps", "--require-hashes", "--requirement", LOCK)
        _mark_done("packages", packages)
        _forget("project")
    # What the editable install writes down: the scripts, the entry points, the version.
    project = _digest(ROOT / "pyproject.toml", ROOT / "src" / "pressplay" / "__init__.py") + str(ROOT)
    if not _is_done("project", project):
        print("setup: this project, editable", flush=True)
        # The build tools are in the lock, so nothing is fetched that no hash vouches for.
        _pip("install", "--no-deps", "--no-build-isolation", "--editable", ROOT)
        _mark_done("project", project)


def _pip(*words: str | Path) -> None:
    env = {**os.environ, "PIP_DISABLE_PIP_VERSION_CHECK": "1", "PIP_NO_INPUT": "1"}
    subprocess.run([PYTHON, "-m", "pip", words[0], "--quiet", *words[1:]], check=True, env=env, cwd=ROOT)


def _digest(*files: Path) -> str:
    return hashlib.sha256(b"\0".join(file.read_bytes() for file in files)).hexdigest()


def _stamp(step: str) -> Path:
    return VENV / f".done-{step}"


def _is_done(step: str, key: str) -> bool:
    return _stamp(step).exists() and _stamp(step).read_text() == key


def _mark_done(step: str, key: str) -> None:
    _stamp(step).write_text(key)


def _forget(step: str) -> None:
    _stamp(step).unlink(missing_ok=True)


if __name__ == "__main__":
    sys.exit(main())
