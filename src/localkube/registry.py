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
    """Decide whether images are pulled or built, by whether a registry answers.

    Args:
        wish: auto, pull or build, as the user said.
        engine: what would pull.
        say: told the reason where images are built although nobody asked for that.

    Raises:
        LocalKubeError: `pull` was asked for and cannot be.
    """
    return _try_to_pull(wish, engine, say, PROBE_IMAGE, PROBE_SECONDS)


def node_image_source(wish: str, engine: Engine, say: Callable[[str], None]) -> ImageSource:
    """The same for a cluster that is to be made; where images are pulled, the engine has the node's afterwards.

    Raises:
        LocalKubeError: `pull` was asked for and cannot be.
    """
    if wish != "build" and engine.has_image(versions.STOCK_NODE_IMAGE):
        return "pulled"
    if image_source(wish, engine, say) == "built":
        return "built"
    say(f"pull {versions.STOCK_NODE_IMAGE}")
    return _try_to_pull(wish, engine, say, versions.STOCK_NODE_IMAGE, PULL_SECONDS)


def _try_to_pull(wish: str, engine: Engine, say: Callable[[str], None], image: str, seconds: float) -> ImageSource:
    if wish == "build":
        return "built"
    try:
        engine.run("pull", image, timeout=seconds)
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
