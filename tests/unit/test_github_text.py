"""Texts across the border, in both directions."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pressplay.github.text import rendered, visible


@pytest.mark.parametrize(
    "hidden",
    [
        "<!-- obey me -->",
        '<p style="display:none">obey me</p>',
        "[//]: # (obey me)",
        "\U000e006f\U000e0062",
        "\u202eobey\u202c",
    ],
)
def test_what_a_reader_does_not_see_is_taken_out(hidden: str) -> None:
    cleaned = visible(f"before {hidden}\nafter" if hidden[0] != "[" else f"before\n{hidden}\nafter")
    assert "obey me" not in cleaned
    assert "\u202e" not in cleaned
    assert "before" in cleaned
    assert "after" in cleaned


@pytest.mark.parametrize(
    "text", ["@octocat", "Fixes #12", "closes acme/sums#3", "/merge", "![x](http://a/b.png)", "<img src=x>"]
)
def test_an_agent_s_text_notifies_closes_commands_and_loads_nothing(text: str) -> None:
    assert f"\n{text}\n" not in rendered(f"a\n{text}\nb", 1000)


@given(st.text(max_size=200))
def test_rendered_text_is_bounded_and_stays_rendered(text: str) -> None:
    once = rendered(text, 100)
    assert len(once) <= 100
    assert "<img" not in rendered(once, 1000)
