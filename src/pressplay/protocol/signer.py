"""What the gateway asks of the signer, which alone holds keys. Over a Unix socket.

| route | what |
| --- | --- |
| GET /apps | `Apps`: which Apps there are |
| POST /tokens | `TokenRequest` → `Token`, or 4xx/5xx with `run.Refusal` |
| DELETE /tokens | `Revocation` |
| POST /tokens/sweep | every token that was given out and not revoked is revoked |
| GET /repositories | `Repositories` that the shared App is installed on |
| GET /deliveries | `Deliveries`: webhooks that GitHub sent for it lately |
| POST /deliveries/ID | GitHub sends that one once more |
| POST /models/WIRE | a checked body → the vendor's answer, streamed; the signer adds address and key |
| GET /check | `checks.Checks`: GitHub and the vendor are really called |
| GET /models | `Models`: which wire and models are set up, and whether there is a key |

The signer parses none of the bodies that it passes on.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field, SecretStr

from pressplay.protocol.base import Message

Access = Literal["read", "write"]


class Apps(Message):
    """Names of the Apps whose keys are there, and their ids at GitHub.

    Attributes:
        logins: of their users, `SLUG[bot]`, as far as GitHub has told them.
        unknown: Apps of which GitHub did not answer just now; of those that it refuses nothing can come.
    """

    apps: dict[str, int]
    logins: dict[str, str] = Field(default_factory=dict)
    unknown: tuple[str, ...] = ()


class TokenRequest(Message):
    """One token for one effect.

    Attributes:
        app: the App's name; `default` is the shared one.
        repository: owner/name; the installation is found by it.
        repository_id: what the token is restricted to, once it is known: a name can come to stand for another one.
        permissions: as GitHub names them, for example {"contents": "write"}.
        purpose: for the ledger.
    """

    app: str = "default"
    repository: str
    repository_id: int | None = None
    permissions: dict[str, Access] = Field(min_length=1)
    purpose: str


class Token(Message):
    """A token. Never logged, and kept nowhere but in the signer's memory, until it is revoked."""

    token: SecretStr
    expires_at: str
    app_id: int
    app_slug: str
    repository_id: int | None = None


class Revocation(Message):
    """A token that is not needed any more."""

    token: SecretStr


class Repository(Message):
    """A repository, owner/name, with GitHub's id of it."""

    name: str
    id: int


class Repositories(Message):
    """What an App is installed on."""

    repositories: tuple[Repository, ...]


class Delivery(Message):
    """A webhook that GitHub sent, or tried to.

    Attributes:
        guid: the same for all attempts of one.
        delivered_at: ISO 8601.
        arrived: whether it was taken in.
    """

    id: int
    guid: str
    delivered_at: str
    arrived: bool


class Deliveries(Message):
    """Webhooks, the latest first."""

    deliveries: tuple[Delivery, ...]


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
