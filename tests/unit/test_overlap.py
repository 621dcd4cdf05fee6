"""Globs that may meet are never said not to."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pressplay.planner.overlap import first_overlap, meet
from pressplay.policy.globs import matches

NAMES = st.text("ab*?", min_size=1, max_size=3)
PATTERNS = st.builds(
    lambda parts, deep: "/".join(parts) + deep,
    st.lists(st.one_of(NAMES, st.just("**")), min_size=1, max_size=4),
    st.sampled_from(["", "/"]),
)
PATHS = st.builds("/".join, st.lists(st.text("ab", min_size=1, max_size=3), min_size=1, max_size=4))


def touches(pattern: str, path: str) -> bool:
    """As contracts take a pattern, but that a name without wildcards, or a folder, is one of the root."""
    if pattern.endswith("/"):
        return matches(pattern + "**", path)
    return path == pattern if "/" not in pattern and not set("*?") & set(pattern) else matches(pattern, path)


@given(PATTERNS, PATTERNS, PATHS)
def test_what_one_path_matches_meets(one: str, other: str, path: str) -> None:
    if touches(one, path) and touches(other, path):
        assert meet(one, other)


@given(PATTERNS, PATTERNS)
def test_it_does_not_matter_which_comes_first(one: str, other: str) -> None:
    assert meet(one, other) == meet(other, one)


@given(PATTERNS)
def test_a_pattern_meets_itself(one: str) -> None:
    assert meet(one, one)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("src/a.py", "src/b.py"), ("src/", "docs/"), ("src/**", "docs/**"), ("src/*.py", "src/*.rs"),
        ("src/a*", "src/b.py"), ("*.md", "src/a.py"), ("a/b.py", "b/b.py"), ("src/test_*.py", "src/a.py"),
    ],
)  # fmt: skip
def test_what_cannot_meet_does_not_wait(one: str, other: str) -> None:
    assert not meet(one, other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("src", "src/a.py"), ("src/", "src/deep/a.py"), ("*.py", "src/a.py"), ("src/**/a.py", "src/a.py"),
        ("src/{a,b}/**", "src/a/x.py"), ("src/v1.2", "src/v1.2/x.py"), ("src/Foo.py", "src/foo.py"),
        ("src/../src/a.py", "src/a.py"), ("src/*", "src/a.py"), ("**", "x"),
        ("pages/[id].tsx", "pages/1.tsx"), ("a?c", "abc"),
    ],
)  # fmt: skip
def test_what_may_meet_waits(one: str, other: str) -> None:
    assert meet(one, other)


def test_the_first_two_that_meet_are_named_and_nobody_who_says_nothing() -> None:
    assert first_overlap(("x", "src/"), ("docs/", "src/a.py")) == ("src/", "src/a.py")
    assert first_overlap((), ("**",)) is None
