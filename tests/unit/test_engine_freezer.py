"""What is frozen in a container is let go, and nothing of others is touched."""

from __future__ import annotations

from pathlib import Path

from localkube.engine.freezer import thaw

ONE, OTHER = "a" * 64, "b" * 64


def frozen(root: Path, *parts: str, state: str = "FROZEN") -> Path:
    folder = root.joinpath("docker", *parts)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "freezer.state").write_text(f"{state}\n")
    return folder / "freezer.state"


def test_what_is_frozen_beneath_a_container_is_let_go_and_others_stay(tmp_path: Path) -> None:
    mine = [frozen(tmp_path, ONE, "kubelet", "pod"), frozen(tmp_path, f"docker-{ONE}.scope", state="FREEZING")]
    fine, others = frozen(tmp_path, ONE, state="THAWED"), frozen(tmp_path, OTHER, "pod")
    assert thaw(ONE, tmp_path)
    assert [each.read_text() for each in mine] == ["THAWED", "THAWED"]
    assert fine.read_text() == "THAWED\n"
    assert others.read_text() == "FROZEN\n"
    assert not thaw(ONE, tmp_path)


def test_where_there_are_no_such_control_groups_nothing_is_found(tmp_path: Path) -> None:
    assert not thaw(ONE, tmp_path / "nowhere")
