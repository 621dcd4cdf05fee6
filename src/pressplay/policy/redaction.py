"""What must not be told is cut out of what is written: log lines, texts for GitHub, the ledger, transcripts.

Known secrets are found as they are and in base64 at any offset; unknown ones by their form.
"""

from __future__ import annotations

import base64
import logging
import re
from collections.abc import Iterable

from pressplay.policy.secrets import PATTERNS

CUT = "[redacted]"
_SHORTEST = 8
# A private key is cut whole, not only its first line.
_KEY = re.compile(r"-----BEGIN (?:[A-Z]+ )*PRIVATE KEY(?: BLOCK)?-----.*?(?:-----END [A-Z ]*-----|\Z)", re.DOTALL)
_BASE64_TOKEN = re.compile(
    r"\b(?:Z2h[pousr]_|Z2hwX|Z2hzX|Z2hvX|Z2h1X|Z2hyX|Z2l0aHViX3BhdF|c2stYW50L)[A-Za-z0-9+/=_-]{16,}"
)


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
        if self._known is not None:
            text = self._known.sub(CUT, text)
        text = _KEY.sub(CUT, text)
        for _, pattern in PATTERNS:
            text = pattern.sub(CUT, text)
        return _BASE64_TOKEN.sub(CUT, text)


class StreamRedactor:
    """The same over text that comes in pieces: what could be the beginning of a secret is held back.

    Args:
        hold: characters held back; nothing longer is found across pieces.
    """

    def __init__(self, redactor: Redactor, hold: int = 4096) -> None:
        self._redactor = redactor
        self._hold = hold
        self._kept = ""

    def feed(self, piece: str) -> str:
        """Take a piece; answers what can be told by now."""
        self._kept = self._redactor.redact(self._kept + piece)
        ready = max(0, len(self._kept) - self._hold)
        # Cut between words only: a secret that a cut runs through would be told in two halves.
        while ready and not self._kept[ready - 1].isspace():
            ready -= 1
        told, self._kept = self._kept[:ready], self._kept[ready:]
        return told

    def close(self) -> str:
        """The rest."""
        told, self._kept = self._redactor.redact(self._kept), ""
        return told


class RedactingFilter(logging.Filter):
    """A filter for log handlers: what is written has no secrets in it, exceptions included."""

    def __init__(self, redactor: Redactor) -> None:
        super().__init__()
        self._redactor = redactor

    def filter(self, record: logging.LogRecord) -> bool:
        """Redact the record; every record passes."""
        record.msg, record.args = self._redactor.redact(record.getMessage()), ()
        if record.exc_info and not record.exc_text:
            record.exc_text = logging.Formatter().formatException(record.exc_info)
        if record.exc_text:
            record.exc_text = self._redactor.redact(record.exc_text)
        return True


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
