r"""What a webhook's body says, in one way of writing it: the same event has the same digest whoever brings it.

GitHub signs bytes. Argo Events checks that signature and passes on other bytes: it parses the body and writes it anew,
keys sorted, `<` as `\u003c`, numbers as IEEE doubles, and with two of the request's headers as if they stood in the
body. Those two nobody signed, so they are taken out; the rest is written in one way.
https://github.com/argoproj/argo-events/blob/v1.9.10/pkg/eventsources/sources/github/start.go, parseValidateRequest
"""

from __future__ import annotations

import json
import math
from typing import Any, Final

UNSIGNED: Final = ("X-GitHub-Event", "X-GitHub-Delivery")
# Integers of so many digits are the same as IEEE doubles.
EXACT_DIGITS = 15


def as_said(body: bytes) -> bytes:
    """The body in our way of writing; what is no JSON object stays as it came."""
    try:
        told = json.loads(body, parse_int=_integer, parse_float=_number, parse_constant=_no_number)
        if not isinstance(told, dict):
            return body
        for name in UNSIGNED:
            told.pop(name, None)
        return _written(told)
    except (ValueError, RecursionError):
        return body


def _written(told: dict[str, Any]) -> bytes:
    text = json.dumps(told, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    try:
        return text.encode()
    except UnicodeEncodeError:
        # Halves of characters that need two: Go's parser has U+FFFD in their place.
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace").encode()


def _integer(text: str) -> int | float:
    return int(text) if len(text) <= EXACT_DIGITS else _number(text)


def _number(text: str) -> int | float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError("a number is too large")
    return int(number) if number.is_integer() else number


def _no_number(text: str) -> float:
    raise ValueError(f"{text} is no JSON")
