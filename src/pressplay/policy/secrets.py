"""Credentials in text: by the forms that their makers give them, old and new ones, and few guesses besides.

Sources: the token formats that GitHub, GitLab, Slack, AWS, Google, Stripe, Anthropic, OpenAI, npm and PyPI document.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable

PATTERNS: tuple[tuple[str, re.Pattern[str]], ...] = (
    ("a GitHub token", re.compile(r"\bgh[pousr]_[A-Za-z0-9_.-]{20,}\b")),
    ("a GitHub token", re.compile(r"\bgithub_pat_[A-Za-z0-9_]{30,}\b")),
    ("a GitLab token", re.compile(r"\bgl(?:pat|dt|rt|cbt|ptt|ft|soat)-[A-Za-z0-9_-]{16,}")),
    ("a key of Anthropic", re.compile(r"\bsk-ant-[A-Za-z0-9_-]{16,}")),
    ("a key of OpenAI", re.compile(r"\bsk-(?:proj-|svcacct-|admin-)?[A-Za-z0-9_-]{24,}")),
    ("an AWS key", re.compile(r"\b(?:AKIA|ASIA|ABIA|ACCA)[A-Z2-7]{16}\b")),
    ("a Slack token", re.compile(r"\bxox[abeoprs]-[A-Za-z0-9-]{10,}")),
    ("a Google key", re.compile(r"\bAIza[A-Za-z0-9_-]{35}\b")),
    ("a Stripe key", re.compile(r"\b[rs]k_live_[A-Za-z0-9]{16,}")),
    ("an npm token", re.compile(r"\bnpm_[A-Za-z0-9]{36}\b")),
    ("a PyPI token", re.compile(r"\bpypi-[A-Za-z0-9_-]{50,}")),
    ("a JSON web token", re.compile(r"\beyJ[A-Za-z0-9_-]{8,}\.eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{16,}")),
    ("a private key", re.compile(r"-----BEGIN (?:[A-Z]+ )*PRIVATE KEY(?: BLOCK)?-----")),
    (
        "a password in an address",
        re.compile(r"\b[a-z][a-z0-9+.-]*://[^\s:/@]{1,64}:[^\s:/@]{8,}@[\w.-]+", re.IGNORECASE),
    ),
)
_ASSIGNED = re.compile(
    r"(?:password|passwd|secret|token|api[_-]?key|private[_-]?key|access[_-]?key)[\"']?\s*[:=]\s*[\"']"
    r"(?P<value>[A-Za-z0-9+/=_.-]{20,128})[\"']",
    re.IGNORECASE,
)
_RANDOM_BITS = 3.8


def kind_of_secret(line: str) -> str | None:
    """What kind of credential a line has in it, or None."""
    for kind, pattern in PATTERNS:
        if pattern.search(line):
            return kind
    assigned = _ASSIGNED.search(line)
    if assigned and _entropy(assigned["value"]) >= _RANDOM_BITS:
        return "what looks like a credential"
    return None


def first_secret(lines: Iterable[str]) -> tuple[int, str] | None:
    """Index and kind of the first line that has a credential in it."""
    return next(((number, kind) for number, line in enumerate(lines) if (kind := kind_of_secret(line))), None)


def _entropy(text: str) -> float:
    """Bits a character."""
    total = len(text)
    return -sum(count / total * math.log2(count / total) for count in Counter(text).values())
