"""GitHub as `pressplay github` asks it: hands an App over for a code, and says where the App is installed.

The key is used to sign and is otherwise only passed on. Every error is one line.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import httpx
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from pressplay.cli.app_manifest import lacking
from pressplay.cli.failures import Problem

HEADERS = {"Accept": "application/vnd.github+json", "X-GitHub-Api-Version": "2022-11-28", "User-Agent": "pressplay"}
# GitHub takes at most ten minutes; its clock may be behind ours.
VALID_SECONDS = 540
BEHIND_SECONDS = 60
PAGE = 100


@dataclass(frozen=True)
class NewApp:
    """What GitHub hands over, once."""

    id: int
    slug: str
    url: str
    pem: str
    webhook_secret: str


@dataclass(frozen=True)
class Installation:
    """One account that the App is installed on.

    Attributes:
        selection: all or selected repositories.
        lacks: permissions that it was not granted.
    """

    account: str
    selection: str
    lacks: tuple[str, ...]
    suspended: bool


def convert(http: httpx.Client, api: str, code: str) -> NewApp:
    """Take over the App that GitHub made for this code; it works once.

    Raises:
        Problem: GitHub does not know the code, or does not answer.
    """
    with _explained(api):
        answer = http.post(f"{api}/app-manifests/{code}/conversions", headers=HEADERS)
    told = _json(answer, "begin anew: a code works once, and for an hour")
    return NewApp(told["id"], told["slug"], told["html_url"], told["pem"], told.get("webhook_secret") or "")


def who(http: httpx.Client, api: str, app_id: str, pem: str, now: float) -> dict[str, Any]:
    """The App as GitHub sees it. Raises Problem where the key is not its key."""
    with _explained(api):
        answer = http.get(f"{api}/app", headers=_signed(app_id, pem, now))
    found: dict[str, Any] = _json(answer, "the key is not this App's, or the clock is wrong: generate a new key")
    return found


def installations(http: httpx.Client, api: str, app_id: str, pem: str, now: float) -> list[Installation]:
    """Where the App is installed, and what it lacks there."""
    with _explained(api):
        answer = http.get(f"{api}/app/installations", params={"per_page": str(PAGE)}, headers=_signed(app_id, pem, now))
    return [
        Installation(
            account=each["account"]["login"],
            selection=each.get("repository_selection", "selected"),
            lacks=tuple(lacking(each.get("permissions") or {})),
            suspended=bool(each.get("suspended_at")),
        )
        for each in _json(answer, "generate a new key for the App")
    ]


def sign(app_id: str, pem: str, now: float) -> str:
    """The App's JWT (RS256).

    Raises:
        Problem: the key is none that GitHub made.
    """
    try:
        key = load_pem_private_key(pem.encode(), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        key = None
    if not isinstance(key, RSAPrivateKey):
        raise Problem("the App's private key is no RSA key in PEM", "generate a new one on the App's page at GitHub")
    header = {"alg": "RS256", "typ": "JWT"}
    claims = {"iat": int(now) - BEHIND_SECONDS, "exp": int(now) + VALID_SECONDS, "iss": app_id}
    signed = ".".join(_base64(json.dumps(part, separators=(",", ":")).encode()) for part in (header, claims))
    return f"{signed}.{_base64(key.sign(signed.encode(), PKCS1v15(), hashes.SHA256()))}"


def _signed(app_id: str, pem: str, now: float) -> dict[str, str]:
    return {**HEADERS, "Authorization": f"Bearer {sign(app_id, pem, now)}"}


def _base64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _json(answer: httpx.Response, remedy: str) -> Any:
    if answer.is_success:
        return answer.json()
    try:
        message = str(answer.json().get("message"))
    except (ValueError, AttributeError):
        message = answer.reason_phrase
    raise Problem(f"GitHub says {answer.status_code}: {message}", remedy)


@contextmanager
def _explained(api: str) -> Iterator[None]:
    try:
        yield
    except httpx.HTTPError as error:
        problem = f"{api} does not answer: {str(error) or type(error).__name__}"
        raise Problem(problem, "check the network and proxy, or name another with --api-url") from None
