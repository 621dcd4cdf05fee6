"""The demo without a cluster: what it shows of a workflow that runs, and how it ends."""

from __future__ import annotations

import io
import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest
from rich.console import Console

from localkube import demo
from localkube.errors import LocalKubeError
from localkube.kubectl import Kubectl
from localkube.progress import Progress


class Scripted:
    """Answers one look at the workflow after the other; the last one again and again."""

    def __init__(self, *looks: dict[str, Any]) -> None:
        self._looks = list(looks)

    def get_json(self, *_: str) -> dict[str, Any]:
        return {"status": self._looks.pop(0) if len(self._looks) > 1 else self._looks[0]}


def node(name: str, phase: str, **more: object) -> dict[str, Any]:
    return {name: {"displayName": name, "phase": phase, **more}}


def result(value: str) -> dict[str, Any]:
    return {"outputs": {"parameters": [{"name": "result", "value": value}]}}


@pytest.fixture
def shown() -> io.StringIO:
    return io.StringIO()


@pytest.fixture
def progress(shown: io.StringIO) -> Iterator[Progress]:
    with Progress(Console(file=shown, width=200)) as progress:
        yield progress


def follow(progress: Progress, *looks: dict[str, Any]) -> demo.Ended:
    return demo.follow(cast("Kubectl", Scripted(*looks)), "primes-x", progress)


def test_every_change_of_a_node_is_shown_once(progress: Progress, shown: io.StringIO) -> None:
    running = {"phase": "Running", "nodes": node("numbers", "Running")}
    ended = {"phase": "Succeeded", "nodes": node("numbers", "Succeeded", **result("1 2"))}
    assert follow(progress, {}, running, running, ended).phase == "Succeeded"
    assert shown.getvalue().count("numbers: running") == 1
    assert shown.getvalue().count("numbers: succeeded  1 2") == 1


def test_the_last_containers_result_is_the_demos(progress: Progress) -> None:
    assert (
        follow(progress, {"phase": "Succeeded", "nodes": node("report", "Succeeded", **result("46 primes"))}).said
        == "46 primes"
    )


def test_a_failure_is_told_with_its_reason(progress: Progress, shown: io.StringIO) -> None:
    failed = node("primes", "Failed", message="Error (exit code 1)")
    assert follow(progress, {"phase": "Failed", "message": "child failed", "nodes": failed}).said == "child failed"
    assert "primes: failed  Error (exit code 1)" in shown.getvalue()


def test_a_workflow_that_never_ends_is_given_up(progress: Progress, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demo, "DEADLINE_SECONDS", 0)
    with pytest.raises(LocalKubeError, match="did not end within 0 s"):
        follow(progress, {"phase": "Running"})


def test_the_end_names_page_and_commands() -> None:
    told = demo.summary("primes-x", demo.Ended("Succeeded", "46 primes", 9.0), "http://localhost:2746", "pressplay")
    assert told.splitlines()[0] == "Workflow primes-x succeeded in 9 s: 46 primes"
    assert "http://localhost:2746/workflows/demo/primes-x" in told
    assert "pressplay cluster ui " in told
    assert "ssh -L 2746:localhost:2746 " in told


def test_the_end_names_a_cluster_that_is_not_the_usual_one() -> None:
    told = demo.summary("primes-x", demo.Ended("Failed", "", 9.0), "http://localhost:1", "other")
    assert told.splitlines()[0] == "Workflow primes-x failed in 9 s"
    assert "pressplay cluster ui --name other" in told


def test_the_containers_scripts_count_right(tmp_path: Path) -> None:
    """The scripts themselves, one after the other in this machine's shell, as the DAG hands their results on."""
    assert shutil.which("factor")
    results: dict[str, str] = {}
    scripts = {"NUMBERS": demo.NUMBERS, "PRIMES": demo.PRIMES, "SQUARES": demo.SQUARES, "REPORT": demo.REPORT}
    for name, script in scripts.items():
        place = tmp_path / name
        here = script.replace("/tmp/result", str(place))
        subprocess.run(["sh", "-euc", here], env={"PATH": "/usr/bin:/bin", **results}, check=True)
        results[name] = place.read_text()
    assert results["REPORT"] == "up to 200 there are 46 primes and 14 squares\n"


def test_what_a_container_is_handed_is_what_it_needs() -> None:
    tasks = {task["name"]: task for task in demo.dag("image:1")["spec"]["templates"][0]["dag"]["tasks"]}
    assert list(tasks) == list(demo.TASKS)
    assert tasks["report"]["dependencies"] == ["primes", "squares"]
    assert json.dumps(tasks["report"]["arguments"]).count("outputs.parameters.result") == 2
