"""Build the product's images from this checkout and bring them into the local cluster, as far as they are not there.

An image's tag is a digest of all that it is built from, so an image that is there is the right one, a changed one
has another name, and deployments that name it start anew. What the images hold is fetched on this machine, with its
settings for registries and each file checked against its hash: builds need no package index, and no image knows one.

Prints the images' names as JSON, for the values of the chart.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hatchling.builders.wheel import WheelBuilder

from localkube import cluster as clusters
from localkube import engines, state
from localkube.build.image import architecture
from localkube.consent import Consent, given_beforehand
from localkube.engine.model import Engine
from localkube.errors import LocalKubeError
from localkube.progress import Progress
from localkube.providers.kind import KindCluster

ROOT = Path(__file__).resolve().parent.parent
STAGE = ROOT / "build" / "images"
PREFIX = "pressplay"
WHEELS = "wheels"
STAMP = ".lock"

# Debian 12, which the Dockerfiles build on: its Python, and the wheels that its C library takes.
PYTHON = "3.11"
ABIS = ("cp311", "abi3", "none")
MACHINES = {"amd64": "x86_64", "arm64": "aarch64"}
NEWEST_GLIBC = 36
OLDEST_GLIBC = 17


@dataclass(frozen=True)
class Recipe:
    """One image.

    Attributes:
        name: of the image, of its folder in images/ and of its lock in requirements/.
        package: what of src/ it holds; empty for nothing of ours.
        folders: what else of the checkout it holds.
        variant_of: the image whose folder it is made from; empty for its own.
        debian: packages of Debian's that a variant has besides.
    """

    name: str
    package: str = ""
    folders: tuple[str, ...] = ()
    variant_of: str = ""
    debian: tuple[str, ...] = ()


RECIPES = (
    Recipe("platform", "pressplay", ("agents",)),
    Recipe("runner", "pressplay"),
    Recipe("localhub", "localhub"),
    Recipe("workbench"),
    # Built where they are named: for projects that have no image of their own.
    Recipe("workbench-go", variant_of="workbench", debian=("golang-go",)),
    Recipe("workbench-rust", variant_of="workbench", debian=("cargo", "rust-clippy", "rustc", "rustfmt")),
)
PACKAGES = "packages"


def stage(recipe: Recipe, target: Path) -> None:
    """Bring the build context of an image up to date; a file that stays the same is not touched."""
    target.mkdir(parents=True, exist_ok=True)
    source = ROOT / "images" / (recipe.variant_of or recipe.name)
    if not source.is_dir():
        raise LocalKubeError(f"there is no folder images/{recipe.name}", "name the images to build")
    wanted = {file.relative_to(source): file for file in _files(source)}
    for folder in recipe.folders:
        wanted |= {file.relative_to(ROOT): file for file in _files(ROOT / folder)}
    if not recipe.package:
        with tempfile.TemporaryDirectory() as scratch:
            if recipe.debian:
                wanted[Path(PACKAGES)] = _more_packages(source / PACKAGES, recipe.debian, Path(scratch))
            _synchronise(wanted, target)
        return
    lock = ROOT / "requirements" / f"{recipe.name}.txt"
    wanted[Path("requirements.txt")] = lock
    with tempfile.TemporaryDirectory() as scratch:
        wheel = build_wheel(recipe.package, Path(scratch))
        wanted[Path(wheel.name)] = wheel
        _synchronise(wanted, target)
    fetch_wheels(lock, target / WHEELS)


def _more_packages(listed: Path, more: tuple[str, ...], scratch: Path) -> Path:
    """A list of Debian's packages with a few more in it."""
    made = scratch / PACKAGES
    made.write_text("".join(f"{name}\n" for name in sorted({*listed.read_text().split(), *more})))
    return made


def _files(folder: Path) -> Iterator[Path]:
    for file in sorted(folder.rglob("*")):
        if file.is_file() and "__pycache__" not in file.parts:
            yield file


def _synchronise(wanted: dict[Path, Path], target: Path) -> None:
    for file in list(_files(target)):
        name = file.relative_to(target)
        if name not in wanted and name.parts[0] != WHEELS:
            file.unlink()
    for name, file in wanted.items():
        there = target / name
        if not there.is_file() or there.read_bytes() != file.read_bytes():
            there.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(file, there)


def build_wheel(package: str, folder: Path) -> Path:
    """Build the wheel of one package of src/; the same sources give the same bytes."""
    config = wheel_config(tomllib.loads((ROOT / "pyproject.toml").read_text()), package)
    return Path(next(WheelBuilder(str(ROOT), config=config).build(directory=str(folder), versions=["standard"])))


def wheel_config(config: dict[str, Any], package: str) -> dict[str, Any]:
    """The project's settings for a wheel that holds one package: neither others nor the commands that they bring."""
    project = {name: value for name, value in config["project"].items() if name != "entry-points"}
    if package != "pressplay":
        project |= {"name": f"pressplay-{package}", "scripts": {}}
    tool = dict(config["tool"])
    tool["hatch"] = {
        **tool["hatch"],
        "build": {"targets": {"wheel": {"packages": [f"src/{package}"]}}},
    }
    return {**config, "project": project, "tool": tool}


def fetch_wheels(lock: Path, target: Path) -> None:
    """Have the wheels that a lock names in a folder, for the system of the images; fetched only where it changed."""
    digest = hashlib.sha256(lock.read_bytes() + architecture().encode()).hexdigest()
    stamp = target / STAMP
    if stamp.is_file() and stamp.read_text() == digest:
        return
    shutil.rmtree(target, ignore_errors=True)
    subprocess.run(
        [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", *wheel_choice(),
         "--no-deps", "--require-hashes", "--requirement", lock, "--dest", target],
        check=True, stdout=sys.stderr,
    )  # fmt: skip
    stamp.write_text(digest)


def wheel_choice() -> list[str]:
    """The options of pip that choose wheels for the images' system, whatever this machine's is."""
    machine = MACHINES.get(architecture(), architecture())
    platforms = [f"manylinux_2_{minor}_{machine}" for minor in range(NEWEST_GLIBC, OLDEST_GLIBC - 1, -1)]
    platforms += [f"manylinux2014_{machine}"]
    if machine == "x86_64":
        platforms += [f"manylinux_2_{minor}_{machine}" for minor in range(OLDEST_GLIBC - 1, 4, -1)]
        platforms += [f"manylinux2010_{machine}", f"manylinux1_{machine}"]
    words = ["--only-binary", ":all:", "--implementation", "cp", "--python-version", PYTHON]
    words += [word for abi in ABIS for word in ("--abi", abi)]
    return [*words, *(word for platform in platforms for word in ("--platform", platform))]


def digest_of(context: Path) -> str:
    """A digest of a build context: names of files, their contents, and whether they can be executed.

    The wheels are left out: the lock has their hashes.
    """
    whole = hashlib.sha256()
    for file in _files(context):
        if file.relative_to(context).parts[0] == WHEELS:
            continue
        executable = bool(file.stat().st_mode & 0o100)
        content = hashlib.sha256(file.read_bytes()).hexdigest()
        whole.update(f"{file.relative_to(context)}\0{executable}\0{content}\n".encode())
    return whole.hexdigest()


def tag_of(recipe: Recipe, context: Path) -> str:
    """The image's full name."""
    return f"{PREFIX}/{recipe.name}:dev-{digest_of(context)[:12]}"


def main(words: list[str] | None = None) -> int:
    """Stage, build and load; answers the exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    usual = "some of them; all but the variants where none is named"
    parser.add_argument("images", nargs="*", metavar="IMAGE", help=usual)
    parser.add_argument("--name", default=os.environ.get("LOCALKUBE_NAME", "pressplay"), help="the cluster")
    parser.add_argument("--stage-only", action="store_true", help="only write the build contexts")
    parser.add_argument("--values", type=Path, metavar="FILE", help="also write them as values of the chart")
    parser.add_argument("--no-load", action="store_true", help="build, and leave the cluster alone")
    told = parser.parse_args(words)
    if unknown := sorted(set(told.images) - {each.name for each in RECIPES}):
        parser.error(f"there is no image {unknown[0]}; there are: {', '.join(each.name for each in RECIPES)}")
    try:
        with Progress() as progress:
            made = _make(chosen(told.images), told, progress)
    except (LocalKubeError, subprocess.CalledProcessError) as error:
        print(f"images: {error}", file=sys.stderr)
        return 1
    if told.values:
        told.values.write_text(json.dumps(as_values(made), indent=2) + "\n")
    print(json.dumps(made, indent=2))
    return 0


def chosen(names: list[str]) -> list[Recipe]:
    """The images that are named; all but the variants where none is."""
    return [each for each in RECIPES if each.name in names or not (names or each.variant_of)]


def as_values(made: dict[str, str]) -> dict[str, Any]:
    """The images as values of charts/pressplay, which knows no stand-in."""
    known = {each.name for each in RECIPES if each.name != "localhub" and not each.variant_of}
    ours = {name: tag.rpartition(":") for name, tag in made.items() if name in known}
    return {"images": {name: {"repository": repository, "tag": tag} for name, (repository, _, tag) in ours.items()}}


def _make(recipes: list[Recipe], told: argparse.Namespace, progress: Progress) -> dict[str, str]:
    made = {}
    for recipe in recipes:
        progress.step("stage", recipe.name)
        stage(recipe, STAGE / recipe.name)
        made[recipe.name] = tag_of(recipe, STAGE / recipe.name)
    progress.done("stage")
    if told.stage_only:
        return made
    there = set() if told.no_load else KindCluster.of(state.require(told.name)).images()
    known = state.find(told.name)
    missing = [name for name, tag in made.items() if f"docker.io/{tag}" not in there]
    consent = Consent(given_beforehand(False), None, progress.say)
    for name in missing:
        clusters.build_image(STAGE / name, made[name], None, told.name, "auto", consent, progress)
    if missing:
        _drop_older(
            engines.obtain(consent, progress, known.engine if known else ""), {name: made[name] for name in missing}
        )
    if missing and not told.no_load:
        clusters.load(state.require(told.name), [made[name] for name in missing], progress)
    return made


def _drop_older(engine: Engine, made: dict[str, str]) -> None:
    """Take earlier images of the same names from the engine, or each change would leave half a gigabyte there."""
    for name, tag in made.items():
        listed = engine.run("images", "--format", "{{.Repository}}:{{.Tag}}", f"{PREFIX}/{name}").split()
        # Podman says where it thinks that they are from.
        older = [each for each in listed if ":dev-" in each and not each.endswith(tag)]
        if older:
            engine.run("rmi", *older)


if __name__ == "__main__":
    sys.exit(main())
