"""A thinned archive has the same image in it, less the layers that the node has."""

from __future__ import annotations

import gzip
import hashlib
import json
import tarfile
from pathlib import Path
from typing import Any

import pytest

from localkube.build.image import Image, write_archive
from localkube.build.thin import can_be_thinned, full_name, thin


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    base = tmp_path / "base.tar"
    with tarfile.open(base, "w") as tar:
        tar.addfile(tarfile.TarInfo("etc/issue"))
    target = tmp_path / "image.tar"
    write_archive(Image("pressplay/one:dev", layers=(base, base), files={"/app/a": b"a"}), target)
    return target


def layers_of(archive: Path) -> list[str]:
    with tarfile.open(archive) as tar:
        [entry] = json.load(tar.extractfile("manifest.json"))  # type: ignore[arg-type]
        return list(json.load(tar.extractfile(entry["Config"]))["rootfs"]["diff_ids"])  # type: ignore[arg-type]


def opened(archive: Path) -> tuple[list[str], dict[str, bytes]]:
    with tarfile.open(archive) as tar:
        names = tar.getnames()
        return names, {name: tar.extractfile(name).read() for name in names}  # type: ignore[union-attr]


def blob(files: dict[str, bytes], descriptor: dict[str, Any]) -> bytes:
    return files[f"blobs/{descriptor['digest'].replace(':', '/')}"]


def test_layers_that_the_node_has_are_left_out_and_still_named(archive: Path, tmp_path: Path) -> None:
    base, again, own = layers_of(archive)
    assert base == again
    assert thin(archive, {base}, tmp_path / "thin.tar") == 2
    names, files = opened(tmp_path / "thin.tar")
    assert f"blobs/{base.replace(':', '/')}" not in names
    [told] = json.loads(files["index.json"])["manifests"]
    assert told["annotations"]["io.containerd.image.name"] == "docker.io/pressplay/one:dev"
    manifest = json.loads(blob(files, told))
    assert [layer["digest"] for layer in manifest["layers"]] == [base, base, own]
    assert json.loads(blob(files, manifest["config"]))["rootfs"]["diff_ids"] == [base, base, own]


def test_every_blob_is_what_its_name_says_and_stands_once(archive: Path, tmp_path: Path) -> None:
    assert thin(archive, set(), tmp_path / "thin.tar") == 0
    names, files = opened(tmp_path / "thin.tar")
    assert len(names) == len(set(names))
    blobs = {name.rsplit("/", 1)[1]: content for name, content in files.items() if name.startswith("blobs/")}
    assert len(blobs) == 4
    assert all(hashlib.sha256(content).hexdigest() == name for name, content in blobs.items())


def test_a_layer_that_stands_as_a_link_to_the_first_is_found(archive: Path, tmp_path: Path) -> None:
    linked = tmp_path / "linked.tar"
    with tarfile.open(archive) as source, tarfile.open(linked, "w") as target:
        [entry] = json.load(source.extractfile("manifest.json"))  # type: ignore[arg-type]
        link = tarfile.TarInfo("other/layer.tar")
        link.type, link.linkname = tarfile.SYMTYPE, f"../{entry['Layers'][0]}"
        target.addfile(link)
        entry["Layers"][1] = link.name
        changed = tmp_path / "manifest.json"
        changed.write_text(json.dumps([entry]))
        target.add(changed, "manifest.json")
        for member in source.getmembers():
            if member.name != "manifest.json":
                target.addfile(member, source.extractfile(member))
    assert can_be_thinned(linked)
    thin(linked, set(), tmp_path / "thin.tar")
    thin(archive, set(), tmp_path / "same.tar")
    assert set(opened(tmp_path / "thin.tar")[0]) == set(opened(tmp_path / "same.tar")[0])


def test_an_archive_with_compressed_layers_is_not_thinned(tmp_path: Path, archive: Path) -> None:
    assert can_be_thinned(archive)
    (tmp_path / "layer").write_bytes(gzip.compress(b"layer"))
    (tmp_path / "manifest.json").write_text(json.dumps([{"Config": "c", "RepoTags": [], "Layers": ["layer"]}]))
    with tarfile.open(tmp_path / "compressed.tar", "w") as tar:
        tar.add(tmp_path / "layer", "layer")
        tar.add(tmp_path / "manifest.json", "manifest.json")
    assert not can_be_thinned(tmp_path / "compressed.tar")


@pytest.mark.parametrize(
    ("told", "kept"),
    [
        ("debian", "docker.io/library/debian"),
        ("pressplay/a:dev", "docker.io/pressplay/a:dev"),
        ("registry.k8s.io/pause:3", "registry.k8s.io/pause:3"),
        ("localhost/a", "localhost/a"),
        ("host:5000/a", "host:5000/a"),
    ],
)
def test_names_are_completed_as_containerd_does(told: str, kept: str) -> None:
    assert full_name(told) == kept
