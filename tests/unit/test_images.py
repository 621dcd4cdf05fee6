"""Build contexts are stable, wheels hold one package each, and tags follow the content."""

from __future__ import annotations

import tomllib
import zipfile
from pathlib import Path

import pytest

from tools import images

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("wheels")
    return {package: images.build_wheel(package, folder) for package in ("pressplay", "localhub")}


def contents(wheel: Path) -> set[str]:
    with zipfile.ZipFile(wheel) as opened:
        return set(opened.namelist())


def test_the_products_wheel_holds_neither_the_cluster_nor_the_stand_ins(wheels: dict[str, Path]) -> None:
    tops = {name.partition("/")[0] for name in contents(wheels["pressplay"])}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"pressplay"}
    [entry_points] = [name for name in contents(wheels["pressplay"]) if name.endswith("entry_points.txt")]
    with zipfile.ZipFile(wheels["pressplay"]) as opened:
        assert "localkube" not in opened.read(entry_points).decode()
        assert "pressplay/llm/models.yaml" in opened.namelist()


def test_the_stand_ins_wheel_holds_nothing_of_the_product(wheels: dict[str, Path]) -> None:
    tops = {name.partition("/")[0] for name in contents(wheels["localhub"])}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"localhub"}
    assert wheels["localhub"].name.startswith("pressplay_localhub-")


def test_the_same_sources_make_the_same_wheel(wheels: dict[str, Path], tmp_path: Path) -> None:
    assert images.build_wheel("localhub", tmp_path).read_bytes() == wheels["localhub"].read_bytes()


def test_the_tag_changes_with_the_content_and_with_nothing_else(tmp_path: Path) -> None:
    recipe = images.Recipe("workbench")
    images.stage(recipe, tmp_path)
    tag = images.tag_of(recipe, tmp_path)
    (tmp_path / "Dockerfile").touch()
    images.stage(recipe, tmp_path)
    assert images.tag_of(recipe, tmp_path) == tag
    (tmp_path / "Dockerfile").write_text("FROM scratch\n")
    assert images.tag_of(recipe, tmp_path) != tag


def test_staging_removes_what_is_not_part_of_the_image_any_more(tmp_path: Path) -> None:
    (tmp_path / "old.txt").write_text("old")
    images.stage(images.Recipe("workbench"), tmp_path)
    assert not (tmp_path / "old.txt").exists()


def test_settings_of_the_project_are_not_changed_by_making_a_wheel() -> None:
    config = tomllib.loads((ROOT / "pyproject.toml").read_text())
    before = repr(config)
    images.wheel_config(config, "localhub")
    assert repr(config) == before


def test_values_name_repository_and_tag_of_every_image_but_the_stand_ins() -> None:
    made = {"platform": "pressplay/platform:dev-1", "localhub": "pressplay/localhub:dev-2"}
    assert images.as_values(made) == {"images": {"platform": {"repository": "pressplay/platform", "tag": "dev-1"}}}


@pytest.mark.parametrize("recipe", images.RECIPES, ids=lambda recipe: recipe.name)
def test_every_image_with_packages_has_a_lock_without_conditions(recipe: images.Recipe) -> None:
    if recipe.package:
        lock = (ROOT / "requirements" / f"{recipe.name}.txt").read_text()
        assert " ; " not in lock, "markers would be judged by the Python that fetches, not by the image's"


def test_a_variant_of_the_workbench_has_all_of_it_and_more(tmp_path: Path) -> None:
    recipes = {recipe.name: recipe for recipe in images.RECIPES}
    for name in ("workbench", "workbench-rust"):
        images.stage(recipes[name], tmp_path / name)
    usual, rust = ((tmp_path / name / "packages").read_text().split() for name in ("workbench", "workbench-rust"))
    assert {"git", "make", "nodejs", "python3"} <= set(usual) < set(rust)
    assert set(rust) - set(usual) == {"cargo", "rust-clippy", "rustc", "rustfmt"}
    assert (tmp_path / "workbench-rust" / "Dockerfile").read_text() == (
        tmp_path / "workbench" / "Dockerfile"
    ).read_text()


def test_a_variant_is_built_only_where_it_is_named_and_is_no_value_of_the_chart(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert [recipe.name for recipe in images.chosen([])] == ["platform", "runner", "localhub", "workbench"]
    assert [recipe.name for recipe in images.chosen(["workbench-go"])] == ["workbench-go"]
    made = {recipe.name: f"pressplay/{recipe.name}:1" for recipe in images.RECIPES}
    assert sorted(images.as_values(made)["images"]) == ["platform", "runner", "workbench"]
    with pytest.raises(SystemExit):
        images.main(["workbench-cobol"])
    assert "there is no image workbench-cobol; there are: platform" in capsys.readouterr().err
