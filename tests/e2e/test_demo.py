"""The demo: what a newcomer sees first."""

from __future__ import annotations

import os
import re
import subprocess
import sys

from localkube import cluster as clusters
from localkube import demo
from localkube.state import ClusterRecord
from tests.e2e.support import argo
from tests.e2e.support.kube import Kube


def run(**env: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "localkube.demo"]
    return subprocess.run(
        command, env={**os.environ, **env}, stdin=subprocess.DEVNULL, capture_output=True, text=True,
        timeout=240, check=False,
    )  # fmt: skip


def test_the_demo_runs_a_dag_shows_its_way_and_says_where_to_look(
    cluster: ClusterRecord, base: str, kube: Kube
) -> None:
    done = run()
    assert done.returncode == 0, done.stdout + done.stderr
    assert "up to 200 there are 46 primes and 14 squares" in done.stdout
    for task in demo.TASKS:
        assert re.search(rf"{task}: succeeded", done.stderr), done.stderr
    page = re.search(r"(http://\S+)/workflows/demo/(\S+)", done.stdout)
    assert page is not None, done.stdout
    assert page[1] == clusters.ui(cluster)[0]
    assert argo.read(kube, demo.NAMESPACE, page[2]).phase == "Succeeded"


def test_without_its_cluster_the_demo_says_how_to_get_one() -> None:
    done = run(LOCALKUBE_NAME="nobody")
    assert done.returncode == 1
    assert "pressplay cluster up --name nobody" in done.stderr
