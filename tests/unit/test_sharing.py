"""Tests of one group stay on one process, with the versions of pytest and xdist that are locked."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
TESTS = """
import pytest

@pytest.mark.parametrize("number", range(9))
def test_alone(number): pass

@pytest.mark.xdist_group("{group}")
@pytest.mark.parametrize("number", range(6))
def test_together(number): pass
"""


def test_tests_of_one_group_stay_on_one_process(tmp_path: Path) -> None:
    for name, group in (("test_one.py", "left"), ("test_other.py", "right"), ("test_third.py", "left")):
        (tmp_path / name).write_text(TESTS.format(group=group))
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    words = ("-v", "-n", "3", "--dist", "loadgroup", "-p", "tests.sharing", "-p", "no:cacheprovider")
    command = [sys.executable, "-m", "pytest", "-c", str(tmp_path / "pytest.ini"), *words, str(tmp_path)]
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    env.pop("PYTEST_XDIST_WORKER", None)
    done = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    ran = re.findall(r"\[(gw\d)\].*PASSED (test_\w+)\.py::test_together", done.stdout)
    assert len(ran) == 18, done.stdout
    assert len({process for process, file in ran if file != "test_other"}) == 1, ran
    assert len({process for process, file in ran if file == "test_other"}) == 1, ran
