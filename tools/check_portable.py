"""Check that no file names what is true on one machine only: a package registry's host, or a path of that machine.

Package managers know their registries from the machine's own settings, so that the project builds behind a mirror.
Image registries are another matter: an image's name begins with its registry, so those in IMAGE_REGISTRIES are meant.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

IMAGE_REGISTRIES = ("registry.k8s.io",)
# Shapes rather than names, so that this file passes its own check.
REGISTRY_HOST = re.compile(
    r"(?<![\w.-])(?:pypi|npmjs|registry|proxy|sum|index|static|files|deb|security|repo\d?|repo\.[a-z]+|archive)"
    r"\.(?:[a-z][a-z0-9-]*\.)*(?:org|io|com|net)(?![\w.-])"
)
# Lock files of npm hold these only when it was not told to leave them out.
LOCKED_ADDRESS = re.compile(r'"resolved":\s*"https?://')
HOME_PATH = re.compile(r"(?<![\w.-])/(?:home|Users)/[A-Za-z][\w-]*/")


def main() -> int:
    """Check every file that git knows or would add; answers the exit code."""
    findings = [finding for file in _files() for finding in check(file)]
    for finding in findings:
        print(f"portable: {finding}")
    return 1 if findings else 0


def _files() -> Iterator[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    for name in sorted(filter(None, listed.split("\0"))):
        file = ROOT / name
        if file.is_file() and not file.is_symlink():
            yield file


def check(file: Path) -> Iterator[str]:
    """Say what in a file holds on one machine only, a line each."""
    try:
        text = file.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        return
    machine = re.compile("|".join(re.escape(f"{path}/") for path in {ROOT, Path.home()} if path != Path("/")))
    for number, line in enumerate(text.splitlines(), start=1):
        where = f"{file.relative_to(ROOT)}:{number}"
        for host in REGISTRY_HOST.findall(line):
            if host not in IMAGE_REGISTRIES:
                yield f"{where} names the registry host {host}; leave it to the machine's settings"
        if LOCKED_ADDRESS.search(line):
            yield f"{where} holds a download address; write the lock with `make lock`"
        if HOME_PATH.search(line) or machine.search(line):
            yield f"{where} names a path of one machine: {line.strip()[:100]}"


if __name__ == "__main__":
    sys.exit(main())
