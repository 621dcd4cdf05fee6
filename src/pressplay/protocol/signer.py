"""What the gateway asks of the signer, which alone holds keys. Over a Unix socket.

| route | what |
| --- | --- |
| GET /apps | `Apps`: which Apps there are |
| POST /tokens | `TokenRequest` → `Token`, or 4xx/5xx with `run.Refusal` |
| DELETE /tokens | `Revocation` |
| POST /models/WIRE | a checked body → the vendor's answer, streamed; the signer adds address and key |
| GET /models | `Models`: which wire and models are set up, and whether there is a key |

The signer parses none of the bodies that it passes on.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field, SecretStr

from pressplay.protocol.base import Message

Access = Literal["read", "write"]


class Apps(Message):
    """Names of the Apps whose keys are there, and their ids at GitHub."""

    apps: dict[str, int]


class TokenRequest(Message):
    """One token for one effect.

    Attributes:
        app: the App's name; `default` is the shared one.
        repository: owner/name; the installation is found by it, the token restricted to it by its id.
        permissions: as GitHub names them, for example {"contents": "write"}.
        purpose: for the ledger.
    """

    app: str = "default"
    repository: str
    permissions: dict[str, Access] = Field(min_length=1)
    purpose: str


class Token(Message):
    """A token. Never logged, never kept."""

    token: SecretStr
    expires_at: str
    app_id: int
    app_slug: str
    repository_id: int | None = None


class Revocation(Message):
    """A token that is not needed any more."""

    token: SecretStr


class Models(Message):
    """How models are set up; no key in it.

    Attributes:
        models: the preferred one first, then its fallbacks.
        rate_limit: calls a minute.
        idle_seconds: without a byte, after which a call is given up.
        problem: why no model can be called, in words for the user; None where one can.
    """

    wire: Literal["anthropic", "openai"]
    models: tuple[str, ...]
    rate_limit: int | None = None
    idle_seconds: float = 120.0
    problem: str | None = None
