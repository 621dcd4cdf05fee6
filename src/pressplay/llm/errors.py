"""What can go wrong with a model, in few kinds. SDK errors are translated into these where the SDK is imported.

Each kind says whether another try can help (`retryable`), what the user can do (`remedy`), and what was spent all the
same (`usage`). Messages never hold a key: they are made of the vendor's own words and of names of variables.
"""

from __future__ import annotations

import email.utils
import re
from collections.abc import Mapping
from datetime import UTC, datetime

from pressplay.llm.usage import NOTHING, Usage

SHOWN_CHARACTERS = 500
TOO_MANY_REQUESTS = 429
# Codes in the body of a 429 or 403 for which waiting a minute changes nothing.
SPENT_CODES = frozenset({"insufficient_quota", "billing_hard_limit_reached", "billing_error"})
# Vendors repeat the key that they refuse, sometimes with stars in the middle of it.
_KEY = re.compile(r"\b(?:sk|rk|pk)-[A-Za-z0-9*_-]+")


class ModelError(Exception):
    """A call to a model that did not give an answer.

    Args:
        message: what is wrong, one line.
        remedy: what to do about it, one line.
        usage: what the vendor counts for it, as far as it is known.
    """

    retryable = False
    remedy = ""

    def __init__(self, message: str, remedy: str = "", usage: Usage = NOTHING) -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy or self.remedy
        self.usage = usage

    def __str__(self) -> str:
        return f"{self.message}\n  {self.remedy}" if self.remedy else self.message


class RateLimited(ModelError):
    """Too many requests or tokens a minute. `after`: the seconds that the vendor asks for, None if it does not say."""

    retryable = True
    remedy = "lower LLM_RATE_LIMIT, or ask the vendor for a higher limit"

    def __init__(self, message: str, after: float | None = None) -> None:
        super().__init__(message)
        self.after = after


class Overloaded(ModelError):
    """The vendor cannot serve this now: 529, any 5xx, or no connection at all."""

    retryable = True
    remedy = "try again later, or name another model after a comma in LLM_MODEL"

    def __init__(self, message: str, after: float | None = None) -> None:
        super().__init__(message)
        self.after = after


class IdleTimeout(ModelError):
    """Not a byte came for as long as LLM_TIMEOUT allows."""

    retryable = True
    remedy = "raise LLM_TIMEOUT (seconds without a byte), or look at the network between here and LLM_BASE_URL"


class StreamCut(ModelError):
    """The answer began and broke off. `usage` is what had been counted until then."""

    retryable = True
    remedy = "try again; if it happens often, look at proxies between here and LLM_BASE_URL"


class InvalidRequest(ModelError):
    """The vendor does not accept this request, and will not accept it a second time."""


class Unauthorized(ModelError):
    """The key is missing, wrong, expired, or may not use this model."""

    remedy = "set the key of LLM_PROVIDER anew: ANTHROPIC_API_KEY or OPENAI_API_KEY"


class QuotaSpent(ModelError):
    """The account has no credit left: waiting does not help, paying does."""

    remedy = "add credit to the vendor's account, or raise its spending limit"


def retry_after(headers: Mapping[str, str], now: datetime | None = None) -> float | None:
    """The seconds that a server asks us to wait; None where it does not say or says nonsense."""
    milliseconds = _number(headers.get("retry-after-ms"))
    if milliseconds is not None:
        return milliseconds / 1000
    value = headers.get("retry-after")
    seconds = _number(value)
    if seconds is not None or value is None:
        return seconds
    try:
        moment = email.utils.parsedate_to_datetime(value)
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return max(0.0, (moment - (now or datetime.now(UTC))).total_seconds())


def from_status(status: int, headers: Mapping[str, str], message: str, code: str | None = None) -> ModelError:
    """The error that an HTTP status stands for.

    Args:
        headers: of the answer, their names in lower case.
        message: the vendor's own words.
        code: the vendor's own code or type of error, if it gave one.
    """
    told = f"HTTP {status}: {_KEY.sub('[key]', ' '.join(message.split()))[:SHOWN_CHARACTERS]}"
    if status == 402 or code in SPENT_CODES:
        return QuotaSpent(told)
    if status in (401, 403):
        return Unauthorized(told)
    if status == TOO_MANY_REQUESTS:
        return RateLimited(told, retry_after(headers))
    if status >= 500 or status in (408, 409):
        return Overloaded(told, retry_after(headers))
    if 300 <= status < 400:
        return InvalidRequest(f"HTTP {status}: a redirect, which no key follows", "set LLM_BASE_URL to where it leads")
    if status == 404:
        return InvalidRequest(told, "check LLM_MODEL, and whether LLM_BASE_URL is the vendor's base URL")
    return InvalidRequest(told)


def _number(value: str | None) -> float | None:
    try:
        number = float(value) if value is not None else None
    except ValueError:
        return None
    # nan and negative numbers are no time to wait.
    return number if number is not None and 0 <= number < float("inf") else None
