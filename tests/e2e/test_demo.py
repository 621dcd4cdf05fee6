"""The demo: what a newcomer sees first."""

from __future__ import annotations

import re

import pytest

from localdemo import example
from localdemo.standins import StandIns
from localkube import tools
from localkube.state import ClusterRecord
from tests.e2e.support.commands import answer, refused

# It installs the product anew.
pytestmark = pytest.mark.alone


PICTURE = "build/artifacts/demo-pr-flow.png"


@pytest.mark.timeout(600, func_only=True)
def test_the_demo_mends_a_real_bug_and_proves_it(cluster: ClusterRecord) -> None:
    done = answer("dev", "demo", seconds=580)
    assert done.code == 0, done.out + done.err
    for shown in (
        "kind: CodeRun",
        "+            first, end, stride = key.indices(self._len)",
        "before: FAILED",
        "after: OK",
        "Stood in for",
        "pr-flow",
        "clippy: CodeRun",
        "pass",
        "comment-flow",
        "triage: flaky",
        "/workflows/pressplay-flows/",
    ):
        assert shown in done.out
    assert "There is no picture" not in done.err
    assert PICTURE in done.out
    assert "python3 -m unittest tests.test_more" in done.err
    number = re.search(r"Pull request #(\d+): Slice numeric_range with a negative step", done.out)
    assert number is not None, done.out
    pull = StandIns(tools.kubectl(cluster)).pull(example.REPOSITORY, int(number[1]))
    assert (pull["user"]["login"], pull["state"]) == ("pressplay[bot]", "open")


def test_without_its_cluster_the_demo_says_how_to_get_one() -> None:
    assert "pressplay cluster up --name nobody" in refused("dev", "demo", "--name", "nobody")
