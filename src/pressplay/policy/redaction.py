"""What must not be told is cut out of what is written: log lines, texts for GitHub, the ledger, transcripts.

Known secrets are found as they are and in base64 at any offset; unknown ones by their form, in base64 as well.
"""

from __future__ import annotations

import base64
import logging
import re
from collections.abc import Iterable

from pydantic import JsonValue

from pressplay.policy.secrets import PATTERNS, in_base64, may_have

CUT = "[redacted]"
_SHORTEST = 8
# So many times what is held back anyway is held back where there is no place to cut.
_MOST_HELD = 16
# A private key is cut whole, not only its first line.
_KEY = re.compile(r"-----BEGIN (?:[A-Z]+ )*PRIVATE KEY(?: BLOCK)?-----.*?(?:-----END [A-Z ]*-----|\Z)", re.DOTALL)


class Redactor:
    """Cuts secrets out of text.

    Args:
        known: secrets by their values; short ones are passed over, since they would cut ordinary words.
    """

    def __init__(self, known: Iterable[str] = ()) -> None:
        forms = {form for secret in known if len(secret) >= _SHORTEST for form in (secret, *_base64_forms(secret))}
        longest_first = sorted(forms, key=len, reverse=True)
        self._known = re.compile("|".join(map(re.escape, longest_first))) if longest_first else None

    def redact(self, text: str) -> str:
        """The text without secrets."""
        told, at = [], 0
        for start, end in self.places(text):
            told += [text[at:start], CUT]
            at = end
        return "".join([*told, text[at:]])

    def redact_within(self, value: JsonValue) -> JsonValue:
        """A value of JSON with every text in it redacted; its form stays, which redacting its JSON could break."""
        if isinstance(value, str):
            return self.redact(value)
        if isinstance(value, list):
            return [self.redact_within(each) for each in value]
        if isinstance(value, dict):
            return {self.redact(name): self.redact_within(each) for name, each in value.items()}
        return value

    def places(self, text: str) -> list[tuple[int, int]]:
        """Where secrets are, in order, as start and end; those that overlap are one."""
        found = [(start, end) for start, end, _ in in_base64(text)]
        if self._known is not None:
            found += [each.span() for each in self._known.finditer(text)]
        if may_have(text):
            found += [
                each.span() for pattern in (_KEY, *(one for _, one in PATTERNS)) for each in pattern.finditer(text)
            ]
        merged: list[tuple[int, int]] = []
        for start, end in sorted(found):
            if merged and start < merged[-1][1]:
                merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
            else:
                merged.append((start, end))
        return merged


def redacting_handler() -> logging.Handler:
    """A handler for the log of a process: standard error, without secrets."""
    handler = logging.StreamHandler()
    handler.addFilter(RedactingFilter(Redactor()))
    return handler


class RedactingFilter(logging.Filter):
    """A filter for log handlers: what is written has no secrets in it, exceptions included."""

    def __init__(self, redactor: Redactor) -> None:
        super().__init__()
        self._redactor = redactor

    def filter(self, record: logging.LogRecord) -> bool:
        """Redact the record; every record passes."""
        record.msg, record.args = self._redactor.redact(_message(record)), ()
        if record.exc_info and not record.exc_text:
            record.exc_text = logging.Formatter().formatException(record.exc_info)
        if record.exc_text:
            record.exc_text = self._redactor.redact(record.exc_text)
        if record.stack_info:
            record.stack_info = self._redactor.redact(record.stack_info)
        return True


def _message(record: logging.LogRecord) -> str:
    try:
        return record.getMessage()
    except (TypeError, ValueError, KeyError):
        # What cannot be put together is told in its parts: a log line must not end the work that it tells of.
        return f"{record.msg} {record.args}"


def _base64_forms(secret: str) -> list[str]:
    """How a secret looks within base64, at each of the three offsets, without the characters that neighbours decide."""
    forms = []
    data = secret.encode()
    for offset in range(3):
        padded = b"\0" * offset + data
        start = (offset * 8 + 5) // 6
        end = len(padded) * 8 // 6
        forms += [encode(padded).decode()[start:end] for encode in (base64.b64encode, base64.urlsafe_b64encode)]
    return [form for form in forms if len(form) >= _SHORTEST]
