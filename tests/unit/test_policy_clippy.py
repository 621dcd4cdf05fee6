"""What a persona that only formats may leave: the formatter's own result, and what the linter named."""

from __future__ import annotations

import base64

import pytest

from pressplay.policy import clippy
from pressplay.policy.clippy import ABSENT, clippy_contract, named_lines
from pressplay.protocol.quarantine import FileDifference
from pressplay.protocol.run import Report

WORKSPACE = "/workspace"
MESSY = b"import os\nx=1\ny = 2\n\n\ndef f(a):\n  return a\n"
TIDY = b"import os\nx = 1\ny = 2\n\n\ndef f(a):\n    return a\n"
UNUSED = TIDY.replace(b"import os\n", b"")


def report(output: str, code: int = 1) -> Report:
    return Report(fixer="lint", command="lint .", code=code, output=output)


def between(fixed: dict[str, bytes], after: dict[str, bytes], mode: str = "100644") -> list[FileDifference]:
    """What the quarantine tells of two trees."""
    return [
        FileDifference(
            path=path,
            old_mode="100644" if path in fixed else ABSENT,
            new_mode=mode if path in after else ABSENT,
            old=base64.b64encode(fixed[path]).decode() if path in fixed else None,
            new=base64.b64encode(after[path]).decode() if path in after else None,
        )
        for path in sorted({*fixed, *after})
        if fixed.get(path) != after.get(path) or mode != "100644"
    ]


def judged(after: dict[str, bytes], named: str = "", fixed: bytes = TIDY, mode: str = "100644") -> list[str]:
    before = {"a.py": MESSY}
    changed = {path for path in {*before, *after} if before.get(path) != after.get(path)}
    lines = named_lines([report(named)], "", WORKSPACE)
    found = clippy_contract(between({"a.py": fixed}, after, mode), changed, lines)
    assert {each.rule for each in found} <= {"format-only"}
    return [each.message for each in found]


def test_what_the_formatter_makes_is_let_through() -> None:
    assert judged({"a.py": TIDY}) == []


def test_a_line_that_the_linter_names_may_be_mended_and_no_other() -> None:
    assert judged({"a.py": UNUSED}, "a.py:1:8: F401 `os` imported but unused") == []
    assert judged({"a.py": UNUSED}, "./a.py:1: unused") == []
    (said,) = judged({"a.py": UNUSED})
    assert said.startswith("a.py:1 is changed, and neither the formatter changes it nor does the linter name it")
    (said,) = judged({"a.py": UNUSED.replace(b"return a", b"return -a")}, "a.py:1:8: F401")
    assert said.startswith("a.py:7 is changed")
    assert len(judged({"a.py": UNUSED}, "b.py:1: unused")) == 1


def test_a_line_is_put_in_beside_one_that_is_named_only() -> None:
    after = TIDY.replace(b"    return a", b'    """Gives it back."""\n    return a')
    assert judged({"a.py": after}, "a.py:6:1: D103 no docstring") == []
    assert judged({"a.py": after}, "a.py:1:1: D100")[0].startswith("a.py:7 is changed")


def test_the_gap_that_a_line_leaves_is_closed_with_it_and_no_other_is() -> None:
    fixed = b"import os\n\n" + UNUSED
    assert judged({"a.py": UNUSED}, "a.py:1: unused", fixed=fixed) == []
    (said,) = judged({"a.py": fixed.replace(b"2\n\n\n", b"2\n")}, "a.py:1: unused", fixed=fixed)
    assert said.startswith("a.py:5 is changed")


def test_no_line_s_end_is_changed_along_with_a_line_that_is_named() -> None:
    after = UNUSED.replace(b"y = 2\n", b"y = 2\r")
    assert judged({"a.py": after}, "a.py:1: unused")[0].startswith("a.py:3 is changed")


@pytest.mark.parametrize("mode", ["100755", "120000"])
def test_a_file_stays_the_file_that_it_was(mode: str) -> None:
    (said,) = judged({"a.py": UNUSED}, "a.py:1: unused", mode=mode)
    assert said.startswith(f"a.py is of another mode or a link (100644, now {mode})")


def test_what_is_too_large_to_be_told_is_not_let_through() -> None:
    blind = FileDifference(path="a.py", old_mode="100644", new_mode="100644")
    (found,) = clippy_contract([blind], {"a.py"}, {"a.py": [range(1, 9)]})
    assert found.message.startswith("a.py is too large to be compared")


@pytest.mark.parametrize(
    ("told", "directory", "named"),
    [
        ("a.py:3:1: E1 wrong", "", {"a.py": [3]}),
        ("./a.go:3:1: wrong\nvet: ./b.go:4:2: wrong", "", {"a.go": [3], "b.go": [4]}),
        ("F401 unused\n --> src/a.py:1:8\n  |\n1 | import os", "", {"src/a.py": [1]}),
        ("error: unused\n   --> src/main.rs:2:9\n    |", "app", {"app/src/main.rs": [2]}),
        ("/workspace/app/a.js\n  1:5  error  no  semi\n  9:1  error  no\n\n2 problems", "app", {"app/a.js": [1, 9]}),
        ("/etc/passwd:1: x\n../../up.py:2: x", "", {"../etc/passwd": [1], "../up.py": [2]}),
        ("all is well: 3 files\nFound 2 errors.", "", {}),
    ],
)
def test_places_are_read_as_linters_write_them(told: str, directory: str, named: dict[str, list[int]]) -> None:
    found = named_lines([report(told)], directory, WORKSPACE)
    assert {path: [line for each in ranges for line in each] for path, ranges in found.items()} == named


def test_a_command_that_ended_well_names_nothing() -> None:
    assert named_lines([report("a.py:1:8: mended", code=0)], "", WORKSPACE) == {}


@pytest.mark.parametrize(
    ("after", "said"),
    [
        ({"a.py": MESSY}, "a.py is not as the formatter leaves it; run it"),
        ({"a.py": TIDY, "b.py": b""}, "b.py is new; formatting makes no files"),
        ({}, "a.py is gone; formatting removes no files"),
        ({"a.py": b"\0"}, "a.py is no text; formatting does not change it"),
        ({"a.py": TIDY.replace(b"\n", b"\r\n")}, "a.py:1 is changed"),
    ],
)
def test_what_is_no_formatting_is_named(after: dict[str, bytes], said: str) -> None:
    assert judged(after)[0].startswith(said)


def test_what_is_too_large_to_align_counts_as_changed_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clippy, "MOST_ALIGNED", 1)
    after = TIDY.replace(b"import os", b"import io").replace(b"return a", b"return 1")
    assert judged({"a.py": after}, "a.py:1: x\na.py:7: x")[0].startswith("a.py:2 is changed")
