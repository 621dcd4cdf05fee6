"""The package that the demo works on: an old release with a known bug, and the later one whose test shows it mended.

more-itertools 10.8.0: `numeric_range(10)[::-1]` is empty. 11.0.0 mends it; its `test_get_item_by_slice` tells them
apart. Both are source distributions from the package index that pip on this machine uses, checked against their hashes.
"""

from __future__ import annotations

import subprocess
import sys
import tarfile
import tempfile
from importlib.resources import files
from pathlib import Path

from localkube.errors import LocalKubeError
from localkube.paths import cache_dir

REPOSITORY = "acme/more-itertools"
TASK = (
    "numeric_range(10)[::-1] is empty, and so is every other slice with a negative step; "
    "it must be what range(10)[::-1] is. Add a test."
)
# Of the run, and of the personas that look at its pull request.
SCRIPTS = (
    "numeric-range.yaml", "numeric-range-clippy.yaml", "numeric-range-qa.yaml", "numeric-range-comment.yaml",
)  # fmt: skip
ADDED_TEST = "def test_slice_with_negative_step"
BROKEN = ("10.8.0", "f638ddf8a1a0d134181275fb5d58b086ead7c6a72429ad725c67503f13ba30bd")
MENDED = ("11.0.0", "1fca6853f57fbfabc36ad31b3c3d72490340a414f1cc0eec78436fb847837304")
PROOF = "tests.test_more.NumericRangeTests.test_get_item_by_slice"
PROOF_FILE = "tests/test_more.py"
FETCH_SECONDS = 300


def manifest(name: str) -> str:
    """The four lines."""
    return "\n".join(
        (
            "apiVersion: agents.platform/v1",
            "kind: CodeRun",
            f"metadata: {{name: {name}}}",
            f'spec: {{repository: {REPOSITORY}, task: "{TASK}"}}',
        )
    )


def script(name: str) -> str:
    """What the stand-in for the model replays."""
    return files("localdemo").joinpath("scripts", name).read_text()


def source() -> bytes:
    """The release with the bug, as a tar.gz.

    Raises:
        LocalKubeError: it cannot be fetched.
    """
    return _fetched(*BROKEN).read_bytes()


def later_tests() -> str:
    """The tests of the release in which the bug is mended.

    Raises:
        LocalKubeError: it cannot be fetched.
    """
    with tarfile.open(_fetched(*MENDED)) as tar:
        found = tar.extractfile(f"more_itertools-{MENDED[0]}/{PROOF_FILE}")
        if found is None:
            raise LocalKubeError(f"more-itertools {MENDED[0]} has no {PROOF_FILE}")
        return found.read().decode()


def _fetched(version: str, digest: str) -> Path:
    """A source distribution in the cache; pip checks its hash when it comes."""
    there = cache_dir() / "demo" / digest / f"more_itertools-{version}.tar.gz"
    if there.is_file():
        return there
    there.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=there.parent) as scratch:
        wanted = Path(scratch) / "wanted.txt"
        wanted.write_text(f"more-itertools=={version} --hash=sha256:{digest}\n")
        pip = (sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check")
        how = ("--no-deps", "--no-binary", ":all:", "--require-hashes")
        command = [*pip, *how, "--requirement", str(wanted), "--dest", scratch]
        done = subprocess.run(command, capture_output=True, text=True, timeout=FETCH_SECONDS, check=False)
        if done.returncode:
            said = (done.stderr.strip().splitlines() or ["no answer"])[-1]
            raise LocalKubeError(f"more-itertools {version} could not be fetched: {said}", "is there a package index?")
        (Path(scratch) / there.name).replace(there)
    return there
