"""Runs pytest with the words given; the few tests that failed beside others are run once more, one after another.

Tests on the cluster share two cores and one product: one that fails among others and passes by itself has met a machine
that was too busy, or a neighbour. Such a test is named at the end as one to mend; whatever fails twice is a failure.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

PYTEST = (sys.executable, "-m", "pytest", "-ra", "--durations=10")
FAILED_TESTS = 1
NONE_CHOSEN = 5
# More than these are no accident.
FEW = 5
LAST_FAILED = Path(".pytest_cache/v/cache/lastfailed")


def main(words: list[str]) -> int:
    """Answer the exit code of pytest; none chosen is none failed."""
    LAST_FAILED.unlink(missing_ok=True)
    code = subprocess.run([*PYTEST, *words], check=False).returncode
    if code == NONE_CHOSEN:
        return 0
    failed = json.loads(LAST_FAILED.read_text()) if code == FAILED_TESTS and LAST_FAILED.exists() else {}
    if 0 < len(failed) <= FEW:
        print(f"\n{len(failed)} failed beside others: once more, by themselves", flush=True)
        code = subprocess.run([*PYTEST, "-v", *sorted(failed)], check=False).returncode
        if code == 0:
            print("\nFLAKY, to be mended; passed the second time:", *sorted(failed), sep="\n  ", flush=True)
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
