"""Where images come from: upstream's registries where they answer, builds of our own where they do not."""

from __future__ import annotations

import sys
from collections.abc import Callable

from localkube import versions
from localkube.engine.model import Engine
from localkube.errors import CommandFailed, LocalKubeError
from localkube.state import ImageSource

# A few hundred KB: tells within seconds whether a registry answers at all.
PROBE_IMAGE = "registry.k8s.io/pause:3.10"
PROBE_SECONDS = 25
PULL_SECONDS = 900


def image_source(wish: str, engine: Engine, say: Callable[[str], None]) -> ImageSource:
    """Decide whether images are pulled or built.

    Args:
        wish: auto, pull or build, as the user said.
        engine: what would pull.
        say: told the reason where images are built although nobody asked for that.

    Raises:
        LocalKubeError: `pull` was asked for and cannot be.
    """
    if wish == "build":
        return "built"
    if engine.has_image(versions.STOCK_NODE_IMAGE):
        return "pulled"
    try:
        engine.run("pull", PROBE_IMAGE, timeout=PROBE_SECONDS)
        say(f"pull {versions.STOCK_NODE_IMAGE}")
        engine.run("pull", versions.STOCK_NODE_IMAGE, timeout=PULL_SECONDS)
    except CommandFailed as failed:
        return _without_registry(wish, failed, say)
    return "pulled"


def _without_registry(wish: str, failed: CommandFailed, say: Callable[[str], None]) -> ImageSource:
    refusal = f"{failed.argv[-1]} cannot be pulled"
    if wish == "pull":
        raise LocalKubeError(
            f"{refusal}: {failed.last_line}",
            "check the engine's network and proxy, or leave out `--images pull` to have images built from packages",
        )
    if sys.platform != "linux":
        raise LocalKubeError(
            f"{refusal}: {failed.last_line}",
            "check the engine's network and proxy; without a registry images can be built on Linux only",
        )
    say(f"{refusal} ({failed.last_line}): images are built from packages instead")
    return "built"
