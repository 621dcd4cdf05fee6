"""Text that somebody hostile wrote takes no more than its length in time: in comments, outputs and transcripts."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from pressplay.github.text import rendered, visible
from pressplay.policy.commands import command_in
from pressplay.policy.redaction import Redactor

LENGTH = 100_000
# Of this process's own time: what grows with the square takes minutes.
SECONDS = 4.0
PIECES = {
    "fences": "`", "fence lines": "```x\n~~~\n", "tags": "<a ", "tag names": "<a", "hidden": "<p hidden> ",
    "images": "![", "image links": "![x](", "brackets": "[", "link titles": '[a](b "', "links": "](",
    "definitions": "   [x\n",
    "lines": "\n", "quotes": "> ", "numbers": "1", "words": "a.-", "slugs": "a/", "closing": "close ", "space": " ",
    "schemes": "a+", "addresses": "://a", "passwords": "http://u:", "JWTs": "eyJaaaaaaaa.", "tokens": "ghs_",
    "keys": "sk-", "begins": "-----BEGIN ", "private keys": "-----BEGIN PRIVATE KEY-----", "trailers": "Co-authored-by",
    "base64": "A",
}  # fmt: skip
READERS: dict[str, Callable[[str], object]] = {
    "commands": command_in, "visible": visible, "rendered": lambda text: rendered(text, 1_000),
    "redacted": Redactor(["a-secret-value"]).redact,
}  # fmt: skip


@contextmanager
def within(seconds: float) -> Iterator[None]:
    def over(*_: object) -> None:
        raise TimeoutError(f"it took more than {seconds} s")

    before = signal.signal(signal.SIGVTALRM, over)
    signal.setitimer(signal.ITIMER_VIRTUAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)


@pytest.mark.parametrize("reader", list(READERS))
def test_no_text_takes_more_than_its_length_in_time(reader: str) -> None:
    for name, piece in PIECES.items():
        for text in (
            piece * (LENGTH // len(piece)),
            f"close{piece}" + " " * LENGTH,
            piece * (LENGTH // len(piece)) + "]>)",
        ):
            try:
                with within(SECONDS):
                    READERS[reader](text)
            except TimeoutError:
                pytest.fail(f"{reader}: {name}")


def test_what_is_not_shown_is_taken_out_and_what_is_shown_stays() -> None:
    told = visible(
        "a ![alt (x) evil](http://x/y.png) b <span style='display : none'>evil</span> c <P HIDDEN>evil</p > d\n"
        '[link](http://x "evil") ![no [image] here <b title="evil">bold</b>\n[//]: # (evil)\n[x\\]y]: # evil\n'
        "<i hidden>evil"
    )
    assert "evil" not in told
    for part in ("a [image] b", " c ", " d", "[link](http://x)", "![no [image] here", "<b>bold</b>"):
        assert part in told


def test_code_that_is_never_closed_has_no_commands_in_it() -> None:
    assert command_in("```\n/pressplay stop\n") is None
    assert command_in("```\n/pressplay stop\n```\n/pressplay why\n") is not None
    assert command_in("~~~\n```\n~~~\n/pressplay why\n") is not None
