"""Check that what `make generate` writes is what lies in the checkout, untracked files included.

Takes the generated folders as arguments. It writes them anew, so after a failure they are right: look and commit.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def main(folders: list[str]) -> int:
    """Compare the folders before and after `make generate`; answers the exit code."""
    before = _contents(folders)
    subprocess.run(["make", "generate"], cwd=ROOT, check=True)
    after = _contents(folders)
    stale = sorted(name for name in before.keys() | after.keys() if before.get(name) != after.get(name))
    untracked = _git("ls-files", "--others", "--exclude-standard", "--", *folders)
    for name in stale:
        print(f"verify: {name} was not what `make generate` writes; it is now, commit it")
    for name in untracked:
        print(f"verify: {name} is generated but not in git; add it")
    return 1 if stale or untracked else 0


def _contents(folders: list[str]) -> dict[str, bytes]:
    files = (file for folder in folders for file in (ROOT / folder).rglob("*") if file.is_file())
    return {str(file.relative_to(ROOT)): file.read_bytes() for file in files}


def _git(*words: str) -> list[str]:
    return subprocess.run(["git", *words], cwd=ROOT, check=True, capture_output=True, text=True).stdout.splitlines()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
