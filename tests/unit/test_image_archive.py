"""Image archives: what is put in comes out, and the same input gives the same bytes."""

from __future__ import annotations

import hashlib
import json
import tarfile
from pathlib import Path

from localkube.build.image import Image, references, write_archive


def an_image(tmp_path: Path) -> Image:
    program = tmp_path / "program"
    program.write_bytes(b"#!/bin/sh\n")
    program.chmod(0o700)
    return Image(
        "docker.io/library/thing:1",
        files={"/bin/program": program, "/etc/settings": b"a=b"},
        links={"/bin/other": "program"},
        dirs={"/tmp": 0o1777},
        entrypoint=("/bin/program",),
        env={"A": "b"},
        user="65532",
    )


def layer_of(archive: Path, folder: Path) -> tarfile.TarFile:
    with tarfile.open(archive) as tar:
        tar.extractall(folder, filter="data")
    manifest = json.loads((folder / "manifest.json").read_text())
    return tarfile.open(folder / manifest[0]["Layers"][-1])


def test_files_links_and_modes_come_out_as_they_went_in(tmp_path: Path) -> None:
    write_archive(an_image(tmp_path), tmp_path / "a.tar")
    with layer_of(tmp_path / "a.tar", tmp_path / "out") as layer:
        assert layer.getmember("bin/program").mode == 0o755
        assert layer.getmember("etc/settings").mode == 0o644
        assert layer.getmember("bin/other").linkname == "program"
        assert layer.getmember("tmp").mode == 0o1777


def test_the_configuration_names_the_layers_by_their_content(tmp_path: Path) -> None:
    write_archive(an_image(tmp_path), tmp_path / "a.tar")
    layer_of(tmp_path / "a.tar", tmp_path / "out").close()
    manifest = json.loads((tmp_path / "out/manifest.json").read_text())[0]
    config = json.loads((tmp_path / "out" / manifest["Config"]).read_text())
    layer = (tmp_path / "out" / manifest["Layers"][0]).read_bytes()
    assert config["rootfs"]["diff_ids"] == [f"sha256:{hashlib.sha256(layer).hexdigest()}"]
    assert config["config"]["User"] == "65532"


def test_the_same_files_give_the_same_archive(tmp_path: Path) -> None:
    image = an_image(tmp_path)
    write_archive(image, tmp_path / "a.tar")
    (tmp_path / "program").touch()
    write_archive(image, tmp_path / "b.tar")
    assert (tmp_path / "a.tar").read_bytes() == (tmp_path / "b.tar").read_bytes()


def test_over_a_base_no_folder_is_written_that_was_not_asked_for(tmp_path: Path) -> None:
    base = tmp_path / "base.tar"
    with tarfile.open(base, "w"):
        pass
    image = Image("x:1", layers=(base,), files={"/bin/new": b""})
    write_archive(image, tmp_path / "a.tar")
    with layer_of(tmp_path / "a.tar", tmp_path / "out") as layer:
        assert layer.getnames() == ["bin/new"]


def test_an_archive_tells_the_names_of_its_images(tmp_path: Path) -> None:
    write_archive(an_image(tmp_path), tmp_path / "a.tar")
    assert references(tmp_path / "a.tar") == ["docker.io/library/thing:1"]
