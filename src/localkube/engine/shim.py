"""Building the OCI runtime that stands before runc on machines which lack a capability (its source is in `shim/`)."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from pathlib import Path

from localkube.build.gomod import BUILD_ENV, BUILD_FLAGS
from localkube.errors import LocalKubeError
from localkube.paths import cache_dir
from localkube.shell import run

SOURCE = Path(__file__).parent / "shim"
FILES = ("main.go", "go.mod")
NAME = "localkube-runc"


def build_shim(cache: Path | None = None) -> Path:
    """The shim's binary, built once for each state of its source.

    Raises:
        LocalKubeError: there is no Go to build it with.
        CommandFailed: it does not compile.
    """
    cache = cache or cache_dir()
    target = cache / "engine" / f"shim-{_digest()}" / NAME
    if target.exists():
        return target
    if shutil.which("go") is None:
        raise LocalKubeError(
            "this machine lacks a capability that containers ask for, and there is no Go to build the runtime for it",
            "install Go (`pressplay cluster doctor` says which), or start the machine with all capabilities",
        )
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_name(f"{NAME}.{os.getpid()}.partial")
    run(
        ["go", "build", *BUILD_FLAGS, "-ldflags=-s -w", "-o", partial, "."],
        cwd=SOURCE,
        env={"GOCACHE": str(cache / "go-build"), **BUILD_ENV},
        timeout=600,
    )
    partial.replace(target)
    return target


def install_shim(built: Path, target: Path) -> None:
    """Copy the binary to where the engine runs it: caches may be emptied while it runs."""
    if target.exists() and target.read_bytes() == built.read_bytes():
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_name(target.name + ".partial")
    shutil.copyfile(built, partial)
    partial.chmod(0o755)
    partial.replace(target)


def podman_settings(built: Path) -> Path:
    """A containers.conf beside the binary that makes it Podman's runtime."""
    target = built.with_name("containers.conf")
    if not target.exists():
        partial = target.with_name(f"{target.name}.{os.getpid()}.partial")
        path = json.dumps(str(built))  # a JSON string is a TOML string
        partial.write_text(f'[engine]\nruntime = "localkube"\n\n[engine.runtimes]\nlocalkube = [{path}]\n')
        partial.replace(target)
    return target


def _digest() -> str:
    told = b"".join((SOURCE / name).read_bytes() for name in FILES)
    return hashlib.sha256(told).hexdigest()[:16]
