"""Image archives without what a node has already: most of a changed image is the layers of the one before.

Reads what `docker save` writes, both its older form and the OCI layout, and writes an OCI layout whose layers are not
compressed, as a node's content store keeps them after it was given one. Nothing is asked of an engine here.
"""

from __future__ import annotations

import hashlib
import io
import json
import posixpath
import tarfile
from collections.abc import Container
from pathlib import Path
from typing import Any

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar"
GZIP = b"\x1f\x8b"
GZIP_SAYS = len(GZIP)


def full_name(reference: str) -> str:
    """A name as containerd keeps it: with its registry's host."""
    first, slash, _ = reference.partition("/")
    if slash and ("." in first or ":" in first or first == "localhost"):
        return reference
    return f"docker.io/{reference}" if slash else f"docker.io/library/{reference}"


def can_be_thinned(archive: Path) -> bool:
    """Whether no layer in it is compressed: of a compressed one the digest that a node keeps it under is another."""
    with tarfile.open(archive) as source:
        layers = {name for entry in _json(source, "manifest.json") for name in entry["Layers"]}
        return not any(_read(source, _member(source, layer).name, GZIP_SAYS) == GZIP for layer in layers)


def thin(archive: Path, present: Container[str], target: Path) -> int:
    """Write `archive` to `target` without the layers whose digests are `present`; answers how many it left out."""
    with tarfile.open(archive) as source, tarfile.open(target, "w") as thinned:
        names: list[dict[str, Any]] = []
        written: set[str] = set()
        left_out = 0
        for entry in _json(source, "manifest.json"):
            config = _read(source, entry["Config"])
            diff_ids: list[str] = json.loads(config)["rootfs"]["diff_ids"]
            layers = []
            for digest, member in zip(diff_ids, entry["Layers"], strict=True):
                layers.append({"mediaType": LAYER, "digest": digest, "size": _member(source, member).size})
                if digest in present:
                    left_out += 1
                elif digest not in written:
                    _copy(source, member, thinned, digest)
                    written.add(digest)
            manifest = _manifest(_add(thinned, config, CONFIG), layers)
            told = _add(thinned, json.dumps(manifest, sort_keys=True).encode(), MANIFEST)
            names += [_named(told, full_name(tag)) for tag in entry["RepoTags"] or []]
        _add_as(thinned, "oci-layout", b'{"imageLayoutVersion":"1.0.0"}')
        _add_as(thinned, "index.json", json.dumps({"schemaVersion": 2, "manifests": names}).encode())
    return left_out


def _manifest(config: dict[str, Any], layers: list[dict[str, Any]]) -> dict[str, Any]:
    return {"schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": layers}


def _named(descriptor: dict[str, Any], name: str) -> dict[str, Any]:
    return {**descriptor, "annotations": {"io.containerd.image.name": name}}


def _add(target: tarfile.TarFile, content: bytes, kind: str) -> dict[str, Any]:
    """Add a blob; answers its descriptor."""
    digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
    _add_as(target, _blob(digest), content)
    return {"mediaType": kind, "digest": digest, "size": len(content)}


def _add_as(target: tarfile.TarFile, name: str, content: bytes) -> None:
    entry = tarfile.TarInfo(name)
    entry.size = len(content)
    target.addfile(entry, io.BytesIO(content))


def _copy(source: tarfile.TarFile, member: str, target: tarfile.TarFile, digest: str) -> None:
    entry = tarfile.TarInfo(_blob(digest))
    entry.size = _member(source, member).size
    target.addfile(entry, source.extractfile(_member(source, member)))


def _blob(digest: str) -> str:
    return f"blobs/{digest.replace(':', '/')}"


def _member(source: tarfile.TarFile, name: str) -> tarfile.TarInfo:
    """A file of the archive; the older form names a layer that stands twice by a link to the first."""
    member = source.getmember(name)
    if member.issym():
        return source.getmember(posixpath.normpath(posixpath.join(posixpath.dirname(name), member.linkname)))
    return member


def _read(source: tarfile.TarFile, name: str, most: int = -1) -> bytes:
    content = source.extractfile(name)
    return content.read(most) if content else b""


def _json(source: tarfile.TarFile, name: str) -> Any:
    return json.loads(_read(source, name))
