"""The image of the NATS server under upstream's name and with upstream's layout; the program is built elsewhere."""

from __future__ import annotations

from localkube import versions
from localkube.build.image import Image, write_archive
from localkube.build.recipe import Recipe, Workbench

IMAGE = f"docker.io/library/nats:{versions.NATS.removeprefix('v')}"
REVISION = "1"
USER = "1000"


def recipes() -> list[Recipe]:
    """The image from the program of the recipe `kit`."""
    return [Recipe("nats-image", {"image": IMAGE, "revision": REVISION}, _build, needs=("kit",), cost=1)]


def _build(bench: Workbench) -> None:
    bench.step("write image")
    image = Image(
        IMAGE,
        files={"/nats-server": bench.needed["kit"] / "nats-server"},
        dirs={"/tmp": 0o1777},  # noqa: S108 the image's, not this machine's
        entrypoint=("/nats-server",),
        user=USER,
    )
    write_archive(image, bench.out / "nats.tar")
