"""Where the personas' folder is on the machine of whoever types a command."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

VARIABLE: Final = "PRESSPLAY_AGENTS"
_PACKAGE: Final = Path(__file__).resolve().parent.parent


def folder() -> Path:
    """The folder that PRESSPLAY_AGENTS names, else that of the checkout, else that which came with the package."""
    told = os.environ.get(VARIABLE)
    if told:
        return Path(told)
    checkout = _PACKAGE.parent.parent / "agents"
    return checkout if checkout.is_dir() else _PACKAGE / "agents"
