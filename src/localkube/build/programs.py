"""The programs that builds call: which version will do, what installs them, whether they are here. Installs nothing.

The only table of them. Recipes name programs of it, the doctor shows it, and whoever builds has all of them looked for
before the first build begins: what is missing is not to be learnt after ten minutes of compiling, one at a time.
"""

from __future__ import annotations

import os
import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import Literal

from localkube.build.gomod import BUILD_ENV, LEAST_GO
from localkube.engine.packages import program
from localkube.errors import CommandFailed, LocalKubeError
from localkube.shell import run

ASKING_SECONDS = 15


@dataclass(frozen=True)
class Need:
    """A program that builds need.

    Attributes:
        name: the program.
        why: what it is for.
        command: what installs it.
        least: the lowest version that will do.
        asking: the arguments that make it print its version.
        when: for every cluster, only where images are built, or only on some machines.
        package: the Debian package that we install ourselves where we may.
    """

    name: str
    why: str
    command: str
    least: tuple[int, ...] = ()
    asking: tuple[str, ...] = ("--version",)
    when: Literal["always", "building", "rarely"] = "building"
    package: str = ""


def _dotted(version: tuple[int, ...]) -> str:
    return ".".join(map(str, version))


NEEDS = (
    Need(
        "go",
        "builds kubectl, kind, helm and argo, and where images cannot be pulled Kubernetes, Argo and NATS",
        f"install Go {_dotted(LEAST_GO)} or newer from your package manager or https://go.dev/dl and put it in PATH",
        LEAST_GO,
        ("version",),
        when="always",
    ),
    Need("git", "fetches Go modules where no proxy has them", "sudo apt-get install git", when="rarely"),
    Need("node", "builds the Argo UI", "install Node.js 20 or newer from your package manager", (20,)),
    Need("npm", "builds the Argo UI", "install npm 9 or newer (it comes with Node.js)", (9,)),
    Need(
        "mmdebstrap",
        "makes the base image from Debian's packages",
        "sudo apt-get install mmdebstrap",
        package="mmdebstrap",
    ),
)


def look(need: Need) -> tuple[bool, str]:
    """Whether a program is here and new enough, and what was found."""
    path = program(need.name)
    if path is None:
        return False, "not found"
    version = _version(path, need.asking)
    if version and version < need.least:
        return False, f"{_dotted(version)} is too old, at least {_dotted(need.least)} is needed"
    return True, f"{_dotted(version) or 'of unknown version'} ({path})"


def installable(need: Need) -> bool:
    """Whether it is not here, and we may install it."""
    return bool(need.package) and not program(need.name) and program("apt-get") is not None and os.geteuid() == 0


def packages(names: Collection[str]) -> dict[str, str]:
    """Of the programs those that are to be installed now, with the Debian packages that bring them."""
    return {need.name: need.package for need in NEEDS if need.name in names and installable(need)}


def require(names: Collection[str]) -> None:
    """Go on only if all of these programs are here.

    Raises:
        LocalKubeError: some are missing or too old; names them all, and what installs them.
    """
    looked = {need: look(need) for need in NEEDS if need.name in names}
    lacking = {need: found for need, (fine, found) in looked.items() if not fine}
    if lacking:
        raise LocalKubeError(
            f"what is to be built needs {'; '.join(f'{need.name} ({found})' for need, found in lacking.items())}",
            "; ".join(need.command for need in lacking),
        )


def _version(path: str, asking: tuple[str, ...]) -> tuple[int, ...]:
    try:
        # Go as builds call it: by itself it may answer with a newer one that it would download.
        said = run([path, *asking], env=BUILD_ENV, timeout=ASKING_SECONDS)
    except CommandFailed:
        return ()
    found = re.search(r"(\d+)\.(\d+)(?:\.(\d+))?", said)
    return tuple(int(part) for part in found.groups() if part) if found else ()
