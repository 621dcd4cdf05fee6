"""The programs that come with a cluster: kubectl, helm, argo, kind, in a folder of ours that `env` puts on the PATH."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from localkube.errors import LocalKubeError
from localkube.kubectl import Kubectl
from localkube.paths import state_dir
from localkube.state import ClusterRecord


def folder() -> Path:
    """Where the programs are linked."""
    return state_dir() / "bin"


def path_of(name: str) -> Path:
    """The program `name`.

    Raises:
        LocalKubeError: it is not there, as after the cache was deleted.
    """
    path = folder() / name
    if not path.exists():
        raise LocalKubeError(f"{name} is not there", "`pressplay cluster up` brings it")
    return path


def link(programs: Mapping[str, Path]) -> None:
    """Have the folder's names lead to `programs`, each replaced in one step."""
    folder().mkdir(parents=True, exist_ok=True)
    for name, program in programs.items():
        # By process: two clusters may be coming up side by side, and both link the same names.
        partial = folder() / f".{name}.{os.getpid()}.partial"
        partial.unlink(missing_ok=True)
        partial.symlink_to(program)
        partial.replace(folder() / name)


def kubectl(record: ClusterRecord) -> Kubectl:
    """kubectl, bound to a cluster."""
    return Kubectl(path_of("kubectl"), record.kubeconfig, record.context)
