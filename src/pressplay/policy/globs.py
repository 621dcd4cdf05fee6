"""Globs over paths: `*` and `?` stay within a folder, `**` crosses folders, a pattern without `/` matches anywhere."""

from __future__ import annotations

import re
from functools import lru_cache


def matches(pattern: str, path: str) -> bool:
    """Whether a path matches a pattern; case counts."""
    return _compiled(pattern).fullmatch(path) is not None


def matches_any(patterns: tuple[str, ...], path: str) -> bool:
    """Whether a path matches one of the patterns."""
    return any(matches(pattern, path) for pattern in patterns)


@lru_cache(maxsize=1024)
def _compiled(pattern: str) -> re.Pattern[str]:
    if "/" not in pattern.rstrip("/"):
        pattern = f"**/{pattern}"
    if pattern.endswith("/"):
        pattern += "**"
    out = ""
    position = 0
    while position < len(pattern):
        if pattern.startswith("**/", position):
            out += "(?:.*/)?"
            position += 3
        elif pattern.startswith("**", position):
            out += ".*"
            position += 2
        else:
            out += {"*": "[^/]*", "?": "[^/]"}.get(pattern[position], re.escape(pattern[position]))
            position += 1
    return re.compile(out)
