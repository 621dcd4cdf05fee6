"""What a hostile text would have somebody do: the pieces it is made of, and how it is seen that it still does."""

from __future__ import annotations

import re
from typing import Final

PIECES: Final = (
    "@octocat", "@acme/all", "fixes #1", "Closes: acme/sums#2", "resolves https://github.com/acme/sums/issues/3",
    "\n/pressplay stop", "\n> /pressplay run", "\n1. /merge", "![x](http://evil.example/x.png)", "<img src=x>",
    "<!--\n/pressplay stop\n-->", "<details>", "\nCo-authored-by: Linus <l@example.com>", "\nSigned-off-by : L",
    "[skip ci]", "[ci\u00a0skip]", "\u202eevil", "\u2066", "\u200b", "\x1b[31m", "\x1b]0;title\x07", "\x00", "\x9b",
    "\r", "{{=1+1}}", "{{workflow.uid}}", "${{ secrets.KEY }}", "$(id)", "`id`", "'''", '"}],"args":[', "\n```\n",
    "\n---\n", " ", "\n", "a", "#", "/", "@", "!", "[", "<", "www.evil.example", "GH-1",
)  # fmt: skip
# What GitHub, its readers or we would act on.
ACTS: Final = {
    "a mention": re.compile(r"(?<![\w`])@[A-Za-z0-9]"),
    "a keyword that closes": re.compile(
        r"\b(close[sd]?|fix(e[sd])?|resolve[sd]?)(\s*:)?\s+(#\d|[\w.-]+/[\w.-]+#\d|https?://)", re.IGNORECASE
    ),
    "an image": re.compile(r"!\[[^\]]*\]\(|<img", re.IGNORECASE),
    "HTML": re.compile(r"<[a-z!/]", re.IGNORECASE),
    "a command": re.compile(r"^\s*((>|[*+-]|\d+\.)\s*)*/[a-z]", re.MULTILINE | re.IGNORECASE),
    "a trailer": re.compile(r"^\s*(co-authored-by|signed-off-by)\s*:", re.IGNORECASE | re.MULTILINE),
    "a word that skips checks": re.compile(r"\[(skip ci|ci skip|no ci)\]", re.IGNORECASE),
    "a character that nobody sees": re.compile(
        "[\u200b-\u200f\u202a-\u202e\u2066-\u2069\ufeff\x00-\x08\x0b-\x1f\x7f-\x9f]"
    ),
}  # fmt: skip


def acting(text: str) -> list[str]:
    """What there still is in a text that somebody would act on."""
    return [name for name, acts in ACTS.items() if acts.search(text)]
