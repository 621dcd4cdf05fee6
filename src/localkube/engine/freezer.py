"""Containers that cannot die because something in them is frozen, on control groups of version 1.

runc freezes a container for a moment to change its limits. A node that is killed just then takes its runc along, and
what was frozen stays so: it cannot even be killed, and the node's own end waits for it for ever.
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

FREEZER = Path("/sys/fs/cgroup/freezer")
THAWED = "THAWED"


def thaw(container: str, root: Path = FREEZER) -> bool:
    """Let go what is frozen beneath a container of this machine; answers whether something was.

    Args:
        container: its whole id, by which its control group is called.
    """
    found = False
    for group in root.glob(f"**/*{container}*"):
        for state in group.rglob("freezer.state"):
            # Groups come and go while one looks, and who may not write is none who could help.
            with suppress(OSError):
                if state.read_text().strip() != THAWED:
                    state.write_text(THAWED)
                    found = True
    return found
