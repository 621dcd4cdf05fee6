"""Go modules as source: downloaded by the go command, checked against a pinned sum, built with one set of flags.

All builds share one Go build cache, and the same flags, so that packages which several components use compile once
and an interrupted build goes on where it stopped.
"""

from __future__ import annotations

import json
import re
import shutil
from functools import cache
from pathlib import Path

from localkube.build.recipe import Workbench
from localkube.errors import LocalKubeError
from localkube.shell import run

# What the go.mod files of `modules/` ask for.
LEAST_GO = (1, 26)
BUILD_FLAGS = ("-trimpath", "-buildvcs=false", "-gcflags=all=-dwarf=false")
BUILD_ENV = {"CGO_ENABLED": "0", "GOFLAGS": "", "GOWORK": "off", "GOTOOLCHAIN": "local"}


@cache
def toolchain() -> dict[str, str]:
    """What of the Go toolchain decides what comes out: an input of everything that is compiled here.

    A machine without Go can be asked what there is to build; that it cannot build it is told by `programs`.
    """
    version = run(["go", "env", "GOVERSION"], env=BUILD_ENV).strip() if shutil.which("go") else "none"
    return {"go": version, "flags": " ".join(BUILD_FLAGS)}


def module_dir(bench: Workbench, module: str, version: str, checksum: str) -> Path:
    """The read-only folder of a module's source in the module cache.

    Args:
        checksum: the module's `h1:` sum, as in go.sum.

    Raises:
        LocalKubeError: what was downloaded is not what was pinned.
    """
    bench.step(f"fetch {_short(module)} {version}")
    answer = json.loads(run(["go", "mod", "download", "-json", f"{module}@{version}"], env={**bench.env, **BUILD_ENV}))
    if answer.get("Sum") != checksum:
        raise LocalKubeError(
            f"{module}@{version} has the checksum {answer.get('Sum')}, pinned is {checksum}",
            "do not go on: the module was changed on its way here; remove it with `go clean -modcache` and try again",
        )
    return Path(answer["Dir"])


def _short(module: str) -> str:
    """The name of a module as people call it: without host, owner and the version that is part of its path."""
    return re.sub(r"/v\d+$", "", module).rsplit("/", 1)[-1]


def writable_copy(source: Path, target: Path) -> Path:
    """Copy a module's folder to where its files may be changed; a copy that is there already is taken as it is."""
    if not target.exists():
        partial = target.with_name(target.name + ".partial")
        shutil.rmtree(partial, ignore_errors=True)
        shutil.copytree(source, partial)
        for path in (partial, *partial.rglob("*")):
            if not path.is_symlink():
                path.chmod(path.stat().st_mode | 0o200)
        partial.rename(target)
    return target


def go_build(
    bench: Workbench, cwd: Path, packages: list[str], target: Path, *, ldflags: str = "", tags: str = ""
) -> None:
    """Build main packages of the module in `cwd`: into the file `target`, or into the folder when it is one."""
    bench.run(
        "go", "build", *BUILD_FLAGS, f"-ldflags=-s -w {ldflags}".rstrip(), *([f"-tags={tags}"] if tags else []),
        "-o", target, *packages, cwd=cwd, env=BUILD_ENV,
    )  # fmt: skip
