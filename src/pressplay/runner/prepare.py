"""The init container: a private repository in the workspace, with the work of earlier attempts laid over it."""

from __future__ import annotations

import json
import tempfile
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

from pressplay.runner.gateway import Gateway
from pressplay.workspace.private import BaseFile, apply_changeset, make_private_repository, save_uncommitted

MANIFEST = "base.json"


def prepare(gateway: Gateway, workspace: Path, exchange: Path, scratch: Path) -> None:
    """Prepare the workspace; again where it is prepared already, as after a restart of the pod's containers.

    Raises:
        GatewayUnavailable, GatewayRefused: there is nothing to be had.
        GitFailed: the pack cannot be used, or the disk is full.
    """
    brief = gateway.brief()
    if (workspace / ".git" / "HEAD").exists():
        save_uncommitted(workspace, f"{datetime.now(UTC):%Y%m%d%H%M%S}")
        return
    with tempfile.TemporaryDirectory(dir=scratch) as folder:
        pack = Path(folder) / "pack"
        gateway.fetch_workspace(pack)
        base = make_private_repository(workspace, pack, brief.checkout)
    exchange.joinpath(MANIFEST).write_text(json.dumps({path: asdict(file) for path, file in base.items()}))
    work = gateway.saved_work()
    if work is not None and work.base == brief.checkout.commit:
        apply_changeset(workspace, work)


def read_manifest(exchange: Path) -> dict[str, BaseFile]:
    """The files of the base. The workbench could change it: it would only deceive itself, the gateway looks again."""
    told = json.loads(exchange.joinpath(MANIFEST).read_text())
    return {path: BaseFile(**facts) for path, facts in told.items()}
