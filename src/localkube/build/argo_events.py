"""Argo Events from its Go module: one program, which is controller, EventSource and Sensor alike. Installs nothing."""

from __future__ import annotations

from localkube import versions
from localkube.build import tls_roots
from localkube.build.gomod import go_build, module_dir, toolchain
from localkube.build.image import Image, write_archive
from localkube.build.recipe import Recipe, Workbench

MODULE = "github.com/argoproj/argo-events"
VERSION = versions.ARGO_EVENTS
CHECKSUM = "h1:zVC4J0sHUZd1LRRYks8XsVnx0M50KCZ1MuYoqZBOqFE="
REVISION = "1"

IMAGE = f"quay.io/argoproj/argo-events:{VERSION}"

# The user that upstream's controller runs as.
USER = "9731"

LDFLAGS = " ".join(
    f"-X {MODULE}.{name}={value}"
    for name, value in {
        "version": VERSION,
        "gitTag": VERSION,
        "gitTreeState": "clean",
        "gitCommit": "3de38ac2501f80427e052a2c0d174366a9c81c8b",
        "buildDate": "2026-01-21T21:20:30Z",
    }.items()
)


def recipes() -> list[Recipe]:
    """What of Argo Events can be built here."""
    inputs = {
        **toolchain(),
        "version": VERSION,
        "checksum": CHECKSUM,
        "revision": REVISION,
        "ldflags": LDFLAGS,
        "tls-roots": tls_roots.digest(),
    }
    return [Recipe("argo-events", inputs, _build, cost=255, programs=("go",))]


def _build(bench: Workbench) -> None:
    source = module_dir(bench, MODULE, VERSION, CHECKSUM)
    bench.step("compile")
    program = bench.work / "argo-events"
    go_build(bench, source, ["./cmd"], program, ldflags=LDFLAGS)
    bench.step("write image")
    # Upstream's image has the `argo` program besides, for Sensors that start it (trigger `argoWorkflow`). Left out: it
    # would make this build wait for the UI's, and what it does the triggers `http` and `k8s` do as well.
    image = Image(
        IMAGE,
        files={"/bin/argo-events": program, tls_roots.IN_IMAGE: tls_roots.bundle()},
        dirs={"/tmp": 0o1777},  # noqa: S108 the image's, not this machine's
        entrypoint=("/bin/argo-events",),
        env={"PATH": "/bin"},
        user=USER,
    )
    write_archive(image, bench.out / "argo-events.tar")
