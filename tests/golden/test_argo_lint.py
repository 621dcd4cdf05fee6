"""Argo's own program finds no fault in the templates. It comes with the cluster, as helm does."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from localkube import tools
from localkube.errors import LocalKubeError
from pressplay.personas.loader import load
from pressplay.planner.workstream_objects import build_workflow
from pressplay.planner.workstreams import Home, plan

ROOT = Path(__file__).resolve().parents[2]
TEMPLATES = ROOT / "workflow_templates"


def lint(folder: Path) -> tuple[int, str]:
    try:
        argo = str(tools.path_of("argo"))
    except LocalKubeError as error:
        argo = shutil.which("argo") or pytest.fail(f"there is no argo: {error}", pytrace=False)
    command = [argo, "lint", "--offline", "--no-color", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    return done.returncode, done.stdout + done.stderr


def test_argo_finds_no_fault_in_the_templates() -> None:
    code, told = lint(TEMPLATES)
    assert code == 0, told


def test_argo_finds_no_fault_in_what_works_the_examples_of_workstreams(tmp_path: Path) -> None:
    files = {path.name: path.read_bytes() for path in (ROOT / "examples" / "workstreams").glob("*.yaml")}
    planned = plan(files, load(ROOT / "agents"), Home("octo/shop", "main"))
    workflow = build_workflow("examples", planned, 1, {each.name for each in planned})
    (tmp_path / "workflow.yaml").write_text(yaml.safe_dump(workflow))
    for file in TEMPLATES.glob("*.yaml"):
        shutil.copy(file, tmp_path)
    code, told = lint(tmp_path)
    assert code == 0, told


def test_argo_finds_no_fault_in_the_example_of_a_flow_of_one_s_own(tmp_path: Path) -> None:
    for file in (*TEMPLATES.glob("*.yaml"), *(ROOT / "examples" / "flows").glob("*.yaml")):
        shutil.copy(file, tmp_path)
    code, told = lint(tmp_path)
    assert code == 0, told


def test_argo_would_find_one(tmp_path: Path) -> None:
    for file in TEMPLATES.glob("*.yaml"):
        manifest = yaml.safe_load(file.read_text())
        if manifest["metadata"]["name"] == "issue-flow":
            manifest["spec"]["templates"][0]["dag"]["tasks"][0]["templateRef"]["template"] = "walk"
        (tmp_path / file.name).write_text(yaml.safe_dump(manifest))
    code, told = lint(tmp_path)
    assert code == 1
    assert "walk" in told
