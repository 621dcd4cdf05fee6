"""Tests stay as strong as they were: what weakens them is refused with file and line, all else is let through."""

from __future__ import annotations

import pytest

from pressplay.personas.schema import Writes
from pressplay.policy.contracts import violations
from pressplay.protocol.quarantine import TreeChange
from pressplay.protocol.run import Violation


def changed(path: str, before: str, after: str) -> list[Violation]:
    """What is broken by a change, each line of which is numbered as in its file."""
    old, new = before.splitlines(), after.splitlines()
    added = [(number, line) for number, line in enumerate(new, 1) if line not in old]
    removed = [(number, line) for number, line in enumerate(old, 1) if line not in new]
    change = TreeChange(
        status="M", path=path, old_mode="100644", new_mode="100644", size=len(after),
        added=tuple(line for _, line in added), added_at=tuple(number for number, _ in added),
        removed=tuple(line for _, line in removed), removed_at=tuple(number for number, _ in removed),
    )  # fmt: skip
    return violations([change], Writes())


A = "tests/test_a.py"
BEFORE = "import x\n\n\ndef test_a():\n    assert x.f() == 1\n    assert x.g() == approx(2, rel=1e-6)\n"
PACKAGE = '{"scripts": {\n  "test": "jest"\n}}\n'


@pytest.mark.parametrize(
    ("path", "before", "after", "said"),
    [
        (A, BEFORE, BEFORE.replace("def test_a", "@pytest.mark.skip\ndef test_a"), f"{A}:4 is"),
        (A, BEFORE, BEFORE.replace("import x", "import x\npytestmark = pytest.mark.xfail"), ":2 is skipped"),
        (A, BEFORE, BEFORE.replace("    assert x.f() == 1\n", ""), ":5 loses the assertion"),
        (A, BEFORE, BEFORE.replace("x.f() == 1", "True"), ":5 asserts nothing"),
        (A, BEFORE, BEFORE.replace("== 1\n", "== 1 or True\n"), ":5 asserts nothing"),
        (A, BEFORE, BEFORE.replace("1e-6", "0.5"), ":6 lets more through"),
        (A, BEFORE, BEFORE.replace("== 1\n", "== pytest.approx(1, abs=3)\n"), ":5 is no longer exact"),
        (A, BEFORE, BEFORE.replace("test_a", "helper"), ":4 loses `def test_a"),
        ("a.test.ts", "expect(f()).toBeCloseTo(0.3, 5)", "expect(f()).toBeCloseTo(0.3, 1)", ":1 lets more"),
        ("a.test.ts", "it('adds', () => {", "it.skip('adds', () => {", ":1 is skipped"),
        ("Makefile", "test:\n\tpytest\n", "test:\n\tpytest || true\n", "Makefile:2 forgets that tests fail"),
        ("Makefile", "test:\n\tgo test ./...\n", "test:\n\t-go test ./...\n", "Makefile:2 forgets"),
        ("package.json", PACKAGE, PACKAGE.replace("jest", "jest || exit 0"), "package.json:2 forgets"),
        ("package.json", PACKAGE, PACKAGE.replace("jest", "jest --passWithNoTests"), "package.json:2 forgets"),
        ("ci/test.sh", "pytest tests\n", 'pytest tests -k "not slow"\n', "ci/test.sh:1 leaves tests out"),
        ("pytest.ini", "[pytest]\n", "[pytest]\naddopts = --deselect tests/test_a.py\n", "pytest.ini:2 leaves"),
        ("pyproject.toml", "x = 1\n", 'x = 1\naddopts = ["-k", "not a"]\n', "pyproject.toml:2 leaves"),
        ("tests/conftest.py", "", 'collect_ignore = ["test_a.py"]\n', "tests/conftest.py:1 leaves tests out"),
        (".coveragerc", "fail_under = 90\n", "fail_under = 10\n", ".coveragerc:1 demands less"),
        ("setup.cfg", "xfail_strict = true\n", "xfail_strict = false\n", "setup.cfg:1 demands less"),
    ],
)  # fmt: skip
def test_what_weakens_tests_is_refused_with_file_and_line(path: str, before: str, after: str, said: str) -> None:
    assert said in "\n".join(each.message for each in changed(path, before, after))


@pytest.mark.parametrize(
    ("path", "before", "after"),
    [
        (A, BEFORE, BEFORE.replace("== 1\n", "== 3\n")),
        (A, BEFORE, BEFORE.replace("1e-6", "1e-9")),
        (A, BEFORE, BEFORE + "\n\ndef test_b():\n    assert x.h() == approx(0.1, rel=0.1)\n"),
        (A, BEFORE, BEFORE.replace("def test_a():", "def test_a() -> None:")),
        ("Makefile", "clean:\n", "clean:\n\t-rm -rf build\n\tdocker rm db || true\n"),
        ("run.sh", "", "curl -k https://localhost/ || true\n"),
        ("Makefile", "test:\n\tpytest\n", "test:\n\tpytest -v --durations=10\n"),
        ("package.json", PACKAGE, PACKAGE.replace("jest", "jest --ci")),
        (".coveragerc", "fail_under = 80\n", "fail_under = 90\n"),
        ("src/a.py", "", "# pytest -k nothing || true\n"),
    ],
)
def test_what_leaves_tests_as_strong_is_let_through(path: str, before: str, after: str) -> None:
    assert changed(path, before, after) == []


def test_who_may_weaken_tests_may() -> None:
    change = TreeChange(
        status="D", path="tests/test_a.py", old_mode="100644", new_mode="000000", size=0, removed=("def test_a(): ...",)
    )
    assert violations([change], Writes(may_weaken_tests=True)) == []
    assert [each.rule for each in violations([change], Writes())] == ["test-deleted"]
