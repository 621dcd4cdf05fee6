"""What there is to build, and which of it a cluster needs: the one place that knows all recipes."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path

from localkube import paths, versions
from localkube.build import argo, argo_events, argo_ui, cache, debian_base, kit, nats_image, node_image, programs
from localkube.build.recipe import Recipe
from localkube.consent import Consent
from localkube.engine.model import Engine
from localkube.engine.packages import install_packages
from localkube.progress import Progress
from localkube.state import ImageSource

# Image archives of the parts of Argo: recipe → part.
IMAGES = {"argo": "argo", "argo-cli": "argo", "argo-events": "argo-events", "nats-image": "argo-events"}
# Where the programs that users call come from: recipe → its programs.
PROGRAMS: dict[ImageSource, dict[str, tuple[str, ...]]] = {
    "built": {"kit": ("kubectl", "kind", "helm"), "argo-cli": ("argo",)},
    "pulled": {"clients": ("kubectl", "kind", "helm"), "argo-client": ("argo",)},
}
MANIFESTS = "argo-manifests"


@dataclass(frozen=True)
class Built:
    """What a cluster is put together from.

    Attributes:
        programs: kubectl, helm, kind, argo.
        manifests: the folder of Argo's upstream objects.
        archives: images to bring into the node; none where it pulls them.
        node_image: makes sure that the engine has the node's image, and names it.
    """

    programs: dict[str, Path]
    manifests: Path
    archives: tuple[Path, ...]
    node_image: Callable[[Engine, Progress], str]


def recipes() -> list[Recipe]:
    """All that can be built."""
    modules = (kit, debian_base, node_image, argo, argo_ui, argo_events, nats_image)
    return [recipe for module in modules for recipe in module.recipes()]


def obtain(
    source: ImageSource, without: Collection[str], consent: Consent, progress: Progress, *, with_node: bool = True
) -> Built:
    """Have all that a cluster needs, from the cache or built now.

    Args:
        source: whether images are pulled, so that only programs and manifests are built.
        without: parts of Argo that the cluster does not carry.
        consent: asked before Debian packages are installed.
        progress: told the steps.
        with_node: whether a node is to be made, too; a cluster that is there has its nodes.

    Raises:
        LocalKubeError: a build failed, a program that it needs is not here, or the user did not agree.
    """
    images = [name for name, part in IMAGES.items() if part not in without] if source == "built" else []
    node = ["debian-base", "node-files"] if source == "built" and with_node else []
    made = _build([MANIFESTS, *PROGRAMS[source], *images, *node], consent, progress)
    archives = [path for name in ("debian-base", *images) if name in made for path in sorted(made[name].glob("*.tar"))]
    return Built(
        programs={name: made[recipe] / name for recipe, names in PROGRAMS[source].items() for name in names},
        manifests=made[MANIFESTS],
        archives=tuple(archives),
        node_image=lambda engine, progress: _node_image(made, engine, progress),
    )


def kubectl(consent: Consent, progress: Progress) -> Path:
    """The program kubectl alone."""
    return _build(["clients"], consent, progress)["clients"] / "kubectl"


def base_image(engine: Engine, source: ImageSource, consent: Consent, progress: Progress) -> str:
    """The name of the image that a Dockerfile may build on; where it is our own, the engine has it afterwards."""
    if source == "pulled":
        return versions.STOCK_BASE_IMAGE
    if not engine.has_image(versions.BUILT_BASE_IMAGE):
        made = _build(["debian-base"], consent, progress)
        engine.load_archive(made["debian-base"] / "debian-base.tar")
    return versions.BUILT_BASE_IMAGE


def _build(wanted: list[str], consent: Consent, progress: Progress) -> dict[str, Path]:
    store = cache.Store(paths.cache_dir())
    known = recipes()
    missing = cache.missing(known, wanted, store)
    _have_programs({name for recipe in known if recipe.name in missing for name in recipe.programs}, consent, progress)
    return cache.build(known, wanted, store, progress)


def _have_programs(names: set[str], consent: Consent, progress: Progress) -> None:
    """Have all that builds call before the first begins: Debian's packages are installed, the rest must be here."""
    packages = programs.packages(names)
    programs.require(names - packages.keys())
    if packages:
        consent.require([f"install the Debian packages {', '.join(packages.values())}"])
        install_packages(lambda title: progress.step("packages", title), packages)
        progress.done("packages")


def _node_image(made: dict[str, Path], engine: Engine, progress: Progress) -> str:
    if "node-files" not in made:
        return versions.STOCK_NODE_IMAGE
    name = node_image.ensure(engine, made["node-files"], lambda title: progress.step("node-image", title))
    progress.done("node-image")
    return name
