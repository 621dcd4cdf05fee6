"""The checkout that this package was installed from (editable): where images are built and the chart lies."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from localkube.errors import LocalKubeError

BUILD_SECONDS = 1800


def root() -> Path:
    """The checkout's folder.

    Raises:
        LocalKubeError: this package is not run from a checkout.
    """
    found = Path(__file__).resolve().parents[2]
    if not (found / "tools" / "images.py").is_file():
        raise LocalKubeError("images and chart are built from a checkout, and this is none", "clone it, `make setup`")
    return found


def images(cluster: str) -> dict[str, str]:
    """Have the images of this checkout in a cluster; answers the tag of each. Its progress goes to standard error.

    Raises:
        LocalKubeError: a build failed; what it said stands above.
    """
    (root() / "build").mkdir(exist_ok=True)
    command = [sys.executable, str(root() / "tools" / "images.py"), "--name", cluster, "--values", str(image_values())]
    done = subprocess.run(
        command, cwd=root(), stdout=subprocess.PIPE, text=True, check=False, timeout=BUILD_SECONDS
    )  # fmt: skip
    if done.returncode:
        raise LocalKubeError("the images could not be built", "what failed is said above")
    found: dict[str, str] = json.loads(done.stdout)
    return found


def image_values() -> Path:
    """The file with the images as values of the chart; `images` writes it."""
    return root() / "build" / "images.json"


def written(name: str, value: dict[str, Any]) -> Path:
    """Write a file of values below build/, as JSON; answers its path."""
    file = root() / "build" / name
    file.write_text(json.dumps(value, indent=2) + "\n")
    return file
