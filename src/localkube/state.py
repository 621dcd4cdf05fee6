"""What is written down of a cluster, so that the next command finds it: one JSON file beside its kubeconfig.

A cluster whose `complete` is false was cut off while it was made; it holds nothing of the user's yet.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, TypeAlias

from localkube.errors import LocalKubeError
from localkube.paths import cluster_dir, state_dir

ProviderName: TypeAlias = Literal["kind", "existing"]
ImageSource: TypeAlias = Literal["pulled", "built"]

# kind puts the name before `-control-plane`, and the whole is a host name of at most 63 characters.
NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?")

LONGEST_HOLDER = 200


@dataclass(frozen=True)
class ClusterRecord:
    """One cluster as we made or found it.

    Attributes:
        name: its name.
        provider: who made it.
        images: where its images come from: upstream registries, or builds of our own.
        without: what of Argo it does not carry.
        ui_port: the port on 127.0.0.1 where the Argo UI answers; 0 where none is mapped.
        node_image: the image of its nodes; empty for an existing cluster.
        engine: the address of the engine that carries it (see `Engine.address`); empty for an existing cluster.
        context: the context in the kubeconfig.
        installed: what of Argo we brought into a cluster that somebody else made.
        complete: its node came up once; before that it holds nothing of the user's.
    """

    name: str
    provider: ProviderName
    images: ImageSource
    without: tuple[str, ...] = ()
    ui_port: int = 0
    node_image: str = ""
    engine: str = ""
    context: str = ""
    installed: tuple[str, ...] = ()
    complete: bool = False

    @property
    def folder(self) -> Path:
        """Where its state lies."""
        return cluster_dir(self.name)

    @property
    def kubeconfig(self) -> Path:
        """The kubeconfig that reaches it, its only one: the user's own is never written."""
        return self.folder / "kubeconfig"

    def save(self) -> None:
        """Write the record; a reader sees the old one or the new one, never half of it."""
        self.folder.mkdir(parents=True, exist_ok=True)
        partial = self.folder / "cluster.json.partial"
        partial.write_text(json.dumps(asdict(self), indent=2) + "\n")
        partial.replace(self.folder / "cluster.json")

    def forget(self) -> None:
        """Delete all that is written down of the cluster."""
        shutil.rmtree(self.folder, ignore_errors=True)


def check_name(name: str) -> str:
    """The name itself, if clusters can be named so.

    Raises:
        LocalKubeError: it is not a DNS label of at most 40 characters.
    """
    if not NAME.fullmatch(name):
        raise LocalKubeError(
            f"{name!r} cannot name a cluster",
            "--name takes lower-case letters, digits and dashes, at most 40, with a letter or digit at both ends",
        )
    return name


def find(name: str) -> ClusterRecord | None:
    """What is written down of cluster `name`, if anything is."""
    path = cluster_dir(check_name(name)) / "cluster.json"
    if not path.exists():
        return None
    told: dict[str, Any] = json.loads(path.read_text())
    for part in ("without", "installed"):
        told[part] = tuple(told[part])
    return ClusterRecord(**told)


def require(name: str) -> ClusterRecord:
    """What is written down of cluster `name`.

    Raises:
        LocalKubeError: there is none of that name; names those that there are.
    """
    record = find(name)
    if record is None:
        there = ", ".join(names()) or "none"
        raise LocalKubeError(
            f"there is no cluster named {name!r} (there: {there})", f"`pressplay cluster up --name {name}` makes it"
        )
    return record


def names() -> list[str]:
    """The names of all clusters that are written down."""
    return sorted(path.parent.name for path in (state_dir() / "clusters").glob("*/cluster.json"))


def all_records() -> list[ClusterRecord]:
    """What is written down of all clusters."""
    return [record for name in names() if (record := find(name))]


@contextmanager
def exclusive(name: str) -> Iterator[None]:
    """Hold cluster `name` while it is changed.

    Raises:
        LocalKubeError: another process is changing it.
    """
    path = state_dir() / "locks" / check_name(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            handle.seek(0)
            holder = handle.read(LONGEST_HOLDER).strip()
            told = f"another process is working on cluster {name!r}" + (f": {holder}" if holder else "")
            raise LocalKubeError(told, "wait for it to end, then try again") from None
        handle.truncate(0)
        handle.write(f"{' '.join([Path(sys.argv[0]).name, *sys.argv[1:]])} (process {os.getpid()})"[:LONGEST_HOLDER])
        handle.flush()
        yield
