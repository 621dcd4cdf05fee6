"""What lies beside mirrors and is of no use any more: packs for runs, our own objects, and what a kill left behind."""

from __future__ import annotations

import shutil
from contextlib import suppress
from pathlib import Path

DAY = 86_400.0
EXPORTS_KEPT = 3 * DAY
# An output that was cut off is gone on with within this time; what is written again is as new.
OBJECTS_KEPT = 30 * DAY
INCOMING_KEPT = DAY


def tidy(root: Path, now: float) -> int:
    """Remove what is older than its time; answers how many files and folders.

    Args:
        root: the folder of all mirrors.
        now: seconds since 1970.
    """
    removed = 0
    for pattern, kept in (
        ("*.exports/*", EXPORTS_KEPT),
        ("*.work/objects/[0-9a-f][0-9a-f]/*", OBJECTS_KEPT),
        ("incoming/*", INCOMING_KEPT),
    ):
        for path in root.glob(pattern):
            with suppress(FileNotFoundError):
                if path.lstat().st_mtime < now - kept:
                    _remove(path)
                    removed += 1
    return removed


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink()
