"""The init container: a private repository in the workspace, with the work of earlier attempts laid over it.

git runs here only while nothing of the repository has run: a workspace that the workbench could write to has settings
and attributes that start programs. What is known of the base is kept in a folder that only our own containers mount,
and is written last: where it stands, the workspace is ready and is left as it is.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from dataclasses import asdict
from pathlib import Path

from pressplay.protocol.run import Brief
from pressplay.resources.names import MIRROR_PATH, REFEREE_PATH
from pressplay.runner import referee
from pressplay.runner.gateway import Gateway
from pressplay.workspace.private import BaseFile, apply_changeset, make_private_repository, tip_of

MANIFEST = "base.json"


def prepare(
    gateway: Gateway, workspace: Path, own: Path, mirrors: Path = Path(MIRROR_PATH), beside: Path = Path(REFEREE_PATH)
) -> None:
    """Prepare the workspace; nothing is done where that is so already, as after a restart of the pod's containers.

    Args:
        own: a folder that the workbench does not see.
        mirrors: a folder with bare repositories to borrow from, at OWNER/NAME.git; it need not be there.
        beside: what is made for the referee, where the project's fixers run first.

    Raises:
        GatewayUnavailable, GatewayRefused: there is nothing to be had.
        GitFailed: the pack cannot be used, or the disk is full.
    """
    if (own / MANIFEST).exists():
        return
    brief = gateway.brief()
    # Asked for once a run: what it made in an earlier attempt is sealed.
    refereed = bool(brief.fixers) and brief.fixed is None
    if refereed:
        _empty(beside / referee.EXCHANGE)
    places = [beside / referee.WORK, workspace] if refereed else [workspace]
    base = _check_out(gateway, brief, places, own, mirrors)
    if refereed:
        referee.ask(brief, beside, own)
    # Where fixers run first their work lies below the agent's, and is laid with it.
    work = None if brief.fixers else gateway.saved_work()
    if work is not None and work.base == brief.checkout.commit:
        apply_changeset(workspace, work)
    part = own / f".{MANIFEST}"
    part.write_text(json.dumps({path: asdict(file) for path, file in base.items()}))
    part.rename(own / MANIFEST)


def _check_out(gateway: Gateway, brief: Brief, places: list[Path], own: Path, mirrors: Path) -> dict[str, BaseFile]:
    """Have the base in each of the places, in a repository of its own; answers its files."""
    base: dict[str, BaseFile] = {}
    with tempfile.TemporaryDirectory(dir=own) as scratch:
        pack = Path(scratch) / "pack"
        mirror = mirrors / f"{brief.repository}.git"
        have = tip_of(mirror)
        shallow = gateway.fetch_workspace(pack, have)
        for place in places:
            _empty(place)
            base = make_private_repository(place, pack, brief.checkout, shallow, mirror if have else None)
    return base


def read_manifest(own: Path) -> dict[str, BaseFile]:
    """The files of the base."""
    told = json.loads((own / MANIFEST).read_text())
    return {path: BaseFile(**facts) for path, facts in told.items()}


def _empty(workspace: Path) -> None:
    """Remove what a preparation that was cut off has left; no link is followed."""
    for entry in workspace.iterdir():
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry)
        else:
            entry.unlink()
