"""Removing an engine: what is mounted below its folders is found before anything is deleted."""

from __future__ import annotations

from pathlib import Path

from localkube.engine.removal import mounts_below

TABLE = r"""22 1 254:0 / / rw - ext4 /dev/vda rw
40 22 0:30 / /var/lib/localkube/docker/overlay2/x/merged rw - overlay overlay rw
41 22 0:31 / /var/lib/localkube-of-somebody-else rw - tmpfs tmpfs rw
42 22 0:32 / /run/localkube/a\040b rw - tmpfs tmpfs rw
"""


def test_mounts_at_and_below_a_folder_are_found_and_no_others(tmp_path: Path) -> None:
    table = tmp_path / "mountinfo"
    table.write_text(TABLE)
    found = mounts_below(Path("/var/lib/localkube"), Path("/run/localkube"), table=table)
    assert found == [Path("/var/lib/localkube/docker/overlay2/x/merged"), Path("/run/localkube/a b")]
