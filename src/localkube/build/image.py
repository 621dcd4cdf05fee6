"""Container images written as archives without an engine: files in, a `docker load` archive out.

The format is Docker's image archive, version 1.2 (manifest.json, a configuration and layer tars), which Docker, Podman
and containerd read alike. Times and owners are fixed, so the same files give the same image.
"""

from __future__ import annotations

import hashlib
import io
import json
import platform
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import TypeAlias

Content: TypeAlias = Path | bytes

EPOCH = "1970-01-01T00:00:00Z"
ARCHITECTURES = {"x86_64": "amd64", "amd64": "amd64", "aarch64": "arm64", "arm64": "arm64"}


@dataclass(frozen=True)
class Image:
    """An image to write.

    Attributes:
        reference: its full name, as `docker.io/library/name:tag`.
        aliases: other full names of the same image.
        layers: plain layer tars that come first, lowest first.
        files: absolute path in the image → a file (its executable bit is kept) or bytes.
        links: absolute path in the image → what it points to.
        dirs: absolute path in the image → mode.
        entrypoint: as in a Dockerfile.
        command: as in a Dockerfile.
        env: as in a Dockerfile.
        user: numeric, so that `runAsNonRoot` can be checked; empty for root.
        stop_signal: as in a Dockerfile; empty for SIGTERM.
    """

    reference: str
    layers: tuple[Path, ...] = ()
    files: Mapping[str, Content] = field(default_factory=dict)
    links: Mapping[str, str] = field(default_factory=dict)
    dirs: Mapping[str, int] = field(default_factory=dict)
    entrypoint: tuple[str, ...] = ()
    command: tuple[str, ...] = ()
    env: Mapping[str, str] = field(default_factory=dict)
    user: str = ""
    stop_signal: str = ""
    aliases: tuple[str, ...] = ()


def architecture() -> str:
    """This machine's processor as images name it: amd64, arm64."""
    machine = platform.machine().lower()
    return ARCHITECTURES.get(machine, machine)


def write_archive(image: Image, target: Path) -> None:
    """Write `image` to `target`; what stood there before is replaced only when the new one is whole."""
    partial = target.with_name(target.name + ".partial")
    own_layer = target.with_name(target.name + ".layer")
    _write_layer(image, own_layer)
    layers = [*image.layers, own_layer]
    digests = [_sha256(layer) for layer in layers]
    config = _config(image, digests)
    config_name = f"{hashlib.sha256(config).hexdigest()}.json"
    # A layer may stand twice (a base named twice): one member is enough, the manifest names it as often as needed.
    members = {f"{digest}/layer.tar": layer for digest, layer in zip(digests, layers, strict=True)}
    manifest = [
        {
            "Config": config_name,
            "RepoTags": [image.reference, *image.aliases],
            "Layers": [f"{digest}/layer.tar" for digest in digests],
        }
    ]
    with tarfile.open(partial, "w") as archive:
        for name, layer in members.items():
            _add_file(archive, name, layer, mode=0o644)
        _add_bytes(archive, config_name, config, mode=0o644)
        _add_bytes(archive, "manifest.json", json.dumps(manifest).encode(), mode=0o644)
    own_layer.unlink()
    partial.replace(target)


def references(archive: Path) -> list[str]:
    """The names under which the images of an archive are loaded."""
    with tarfile.open(archive) as tar:
        member = tar.extractfile("manifest.json")
        manifest = json.load(member) if member else []
    return [tag for entry in manifest for tag in entry["RepoTags"] or []]


def _config(image: Image, digests: list[str]) -> bytes:
    process = {
        "Entrypoint": list(image.entrypoint) or None,
        "Cmd": list(image.command) or None,
        "Env": [f"{name}={value}" for name, value in image.env.items()],
        "User": image.user,
        "WorkingDir": "/",
        **({"StopSignal": image.stop_signal} if image.stop_signal else {}),
    }
    config = {
        "architecture": architecture(),
        "os": "linux",
        "created": EPOCH,
        "config": process,
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{digest}" for digest in digests]},
        "history": [{"created": EPOCH, "created_by": "localkube"} for _ in digests],
    }
    return json.dumps(config, sort_keys=True).encode()


def _write_layer(image: Image, target: Path) -> None:
    with tarfile.open(target, "w") as layer:
        for path in _parents(image):
            _add_dir(layer, path, image.dirs.get(path, 0o755))
        for path, content in sorted(image.files.items()):
            if isinstance(content, bytes):
                _add_bytes(layer, path.lstrip("/"), content, mode=0o644)
            else:
                mode = 0o755 if content.stat().st_mode & 0o100 else 0o644
                _add_file(layer, path.lstrip("/"), content, mode=mode)
        for path, points_to in sorted(image.links.items()):
            link = tarfile.TarInfo(path.lstrip("/"))
            link.type, link.linkname = tarfile.SYMTYPE, points_to
            layer.addfile(link)


def _parents(image: Image) -> list[str]:
    """The folders that the layer itself must bring, parents first.

    Over a base, only what was asked for: a folder that is a link there (`/bin` → `/usr/bin`) would be replaced.
    """
    if image.layers:
        return sorted(image.dirs)
    found = set(image.dirs)
    for path in (*image.files, *image.links, *image.dirs):
        found.update(str(parent) for parent in PurePosixPath(path).parents if str(parent) != "/")
    return sorted(found)


def _add_dir(archive: tarfile.TarFile, path: str, mode: int) -> None:
    entry = tarfile.TarInfo(path.lstrip("/"))
    entry.type, entry.mode = tarfile.DIRTYPE, mode
    archive.addfile(entry)


def _add_file(archive: tarfile.TarFile, name: str, source: Path, *, mode: int) -> None:
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode = source.stat().st_size, mode
    with source.open("rb") as content:
        archive.addfile(entry, content)


def _add_bytes(archive: tarfile.TarFile, name: str, content: bytes, *, mode: int) -> None:
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode = len(content), mode
    archive.addfile(entry, io.BytesIO(content))


def _sha256(path: Path) -> str:
    with path.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()
