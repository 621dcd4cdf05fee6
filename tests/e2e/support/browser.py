"""The Chromium of the machine: where it is and how it is started, which must not depend on a person's settings."""

from __future__ import annotations

import shutil

CHROMIUM_FLAGS = [
    "--no-sandbox",  # as root it does not start otherwise
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    # It shall not call anybody but the page that is tested.
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def chromium() -> str:
    """The program; `make setup` installs it."""
    found = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    assert found, "there is no Chromium on this machine: install the package chromium"
    return found
