"""Credentials in text: by the forms that their makers give them, old and new ones, plain and in base64, and guesses.

Sources: the token formats that GitHub, GitLab, Slack, AWS, Google, Stripe, Anthropic, OpenAI, npm and PyPI document.
"""

from __future__ import annotations

import binascii
import math
import re
from collections import Counter
from collections.abc import Iterable, Iterator

# A credential begins at a word's edge, or behind what only looks like a letter: an escape of text that was quoted
# (`\\n`), one of an address (`%3A`), or one that colours a terminal.
_START = r"(?:\b|(?<=\\[bfnrtv])|(?<=%[0-9A-Fa-f]{2})|(?<=[0-9;\[]m))"


def _form(pattern: str, flags: int = 0) -> re.Pattern[str]:
    return re.compile(_START + pattern, flags)


PATTERNS: tuple[tuple[str, re.Pattern[str]], ...] = (
    ("a GitHub token", _form(r"gh[pousr]_[A-Za-z0-9_.-]{20,}\b")),
    ("a GitHub token", _form(r"github_pat_[A-Za-z0-9_]{30,}\b")),
    ("a GitLab token", _form(r"gl(?:pat|dt|rt|cbt|ptt|ft|soat)-[A-Za-z0-9_-]{16,}")),
    ("a key of Anthropic", _form(r"sk-ant-[A-Za-z0-9_-]{16,}")),
    ("a key of OpenAI", _form(r"sk-(?:proj-|svcacct-|admin-)?[A-Za-z0-9_-]{24,}")),
    ("an AWS key", _form(r"(?:AKIA|ASIA|ABIA|ACCA)[A-Z2-7]{16}\b")),
    ("a Slack token", _form(r"xox[abeoprs]-[A-Za-z0-9-]{10,}")),
    ("a Google key", _form(r"AIza[A-Za-z0-9_-]{35}\b")),
    ("a Stripe key", _form(r"[rs]k_live_[A-Za-z0-9]{16,}")),
    ("an npm token", _form(r"npm_[A-Za-z0-9]{36}\b")),
    ("a PyPI token", _form(r"pypi-[A-Za-z0-9_-]{50,}")),
    ("a JSON web token", _form(r"eyJ[A-Za-z0-9_-]{8,}\.eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{16,}")),
    ("a private key", re.compile(r"-----BEGIN (?:[A-Z]+ )*PRIVATE KEY(?: BLOCK)?-----")),
    (
        "a password in an address",
        _form(r"[a-z][a-z0-9+.-]{0,30}://[^\s:/@]{1,64}:[^\s:/@]{8,}@[\w.-]+", re.IGNORECASE),
    ),
)
_ASSIGNED = re.compile(
    r"(?:password|passwd|secret|token|api[_-]?key|private[_-]?key|access[_-]?key)[\"']?\s*[:=]\s*[\"']"
    r"(?P<value>[A-Za-z0-9+/=_.-]{20,128})[\"']",
    re.IGNORECASE,
)
_RANDOM_BITS = 3.8
_SHORTEST = 15
_BASE64 = re.compile(r"[A-Za-z0-9+/_-]{24,}")
# Something of this stands in all that the patterns find; most text has none of it.
_HINT = re.compile(
    r"gh[pousr]_|github_pat_|gl[a-z]+-|sk-|AKIA|ASIA|ABIA|ACCA|xox|AIza|k_live_|npm_|pypi-|eyJ|PRIVATE KEY|://"
)
_BEFORE, _AFTER = 100, 4_000


def kind_of_secret(line: str) -> str | None:
    """What kind of credential a line has in it, or None."""
    if len(line) < _SHORTEST:
        return None
    plain = _kind(line)
    if plain is not None:
        return plain
    encoded = next(in_base64(line), None)
    if encoded is not None:
        return f"{encoded[2]} in base64"
    assigned = _ASSIGNED.search(line)
    if assigned and _entropy(assigned["value"]) >= _RANDOM_BITS:
        return "what looks like a credential"
    return None


def may_have(text: str) -> bool:
    """Whether one of the patterns could find something; quick."""
    return _HINT.search(text) is not None


def _kind(text: str) -> str | None:
    hint = _HINT.search(text)
    while hint is not None:
        near = text[max(0, hint.start() - _BEFORE) : hint.start() + _AFTER]
        for kind, pattern in PATTERNS:
            if pattern.search(near):
                return kind
        hint = _HINT.search(text, hint.start() + _AFTER // 2)
    return None


def in_base64(text: str) -> Iterator[tuple[int, int, str]]:
    """Where text is base64 of something with a credential in it: start, end and kind, at any offset of either."""
    for run in _BASE64.finditer(text):
        standard = run[0].translate({ord("-"): "+", ord("_"): "/"})
        for offset in range(4):
            digits = standard[offset:]
            data = binascii.a2b_base64(digits[: len(digits) // 4 * 4] + _rest(digits))
            kind = _kind(data.decode("ascii", "replace"))
            if kind is not None:
                yield run.start(), run.end(), kind
                break


def _rest(digits: str) -> str:
    """The last digits, filled up; one digit alone says nothing."""
    over = len(digits) % 4
    return digits[-over:] + "=" * (4 - over) if over > 1 else ""


def has_secret(line: str) -> bool:
    """Whether a line has a credential in it."""
    return kind_of_secret(line) is not None


def first_secret(lines: Iterable[str]) -> tuple[int, str] | None:
    """Index and kind of the first line that has a credential in it."""
    return next(((number, kind) for number, line in enumerate(lines) if (kind := kind_of_secret(line))), None)


def _entropy(text: str) -> float:
    """Bits a character."""
    total = len(text)
    return -sum(count / total * math.log2(count / total) for count in Counter(text).values())
