"""An App's credentials: its JWT, its installation on a repository, and tokens for one repository and one purpose.

PyGithub cannot restrict a token to repositories, so the endpoint is called here. Tokens have no fixed length or form.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import httpx
import jwt
from pydantic import SecretStr

from pressplay.github.errors import GitHubError, NotFound, Refused, Unavailable, error_of

# GitHub's clock may be behind ours, and it takes no JWT of more than ten minutes.
BACKDATED = 60
LIFETIME = 540
HEADERS = {"Accept": "application/vnd.github+json", "X-GitHub-Api-Version": "2022-11-28", "User-Agent": "pressplay"}


class NotInstalled(GitHubError):
    """The App is not installed on the repository, or there is no such repository."""


class AppRefused(GitHubError):
    """GitHub does not accept the App's id and key."""


@dataclass(frozen=True)
class AppCredential:
    """An App.

    Attributes:
        name: what it is called here; `default` is the shared one.
        key: its private key, PEM.
    """

    name: str
    app_id: int
    key: SecretStr


@dataclass(frozen=True)
class Installation:
    """An App's installation on an account."""

    identity: int
    app_id: int
    app_slug: str


@dataclass(frozen=True)
class InstallationToken:
    """A token. It is in no repr.

    Attributes:
        expires_at: as GitHub tells it, ISO 8601.
    """

    token: SecretStr
    expires_at: str
    repository_id: int


def app_jwt(app: AppCredential, now: float) -> str:
    """The App's JWT, good for ten minutes.

    Args:
        now: seconds since 1970.

    Raises:
        AppRefused: the key is no RSA key in PEM.
    """
    claims = {"iat": int(now) - BACKDATED, "exp": int(now) + LIFETIME, "iss": str(app.app_id)}
    try:
        return jwt.encode(claims, app.key.get_secret_value(), algorithm="RS256")
    except (ValueError, TypeError, jwt.PyJWTError):
        raise AppRefused(f"the private key of the App `{app.name}` is no RSA key in PEM") from None


class AppClient:
    """The calls that an App makes as itself.

    Args:
        http: a client that follows no redirect.
        api: address of GitHub's API, without a slash at its end.
    """

    def __init__(self, http: httpx.AsyncClient, api: str) -> None:
        self._http = http
        self._api = api

    async def installation(self, app: AppCredential, repository: str, now: float) -> Installation:
        """The App's installation that has a repository.

        Raises:
            NotInstalled: there is none.
            AppRefused: GitHub does not accept the App.
            GitHubError: another of its kinds.
        """
        try:
            found = await self._as_app("GET", f"/repos/{repository}/installation", app, now)
        except NotFound:
            raise NotInstalled(
                f"there is no repository {repository}, or the App `{app.name}` (id {app.app_id}) is not installed on it"
            ) from None
        return Installation(int(found["id"]), int(found["app_id"]), str(found["app_slug"]))

    async def token(
        self, app: AppCredential, installation: int, repository: str, permissions: dict[str, str], now: float
    ) -> InstallationToken:
        """A token for one repository with these permissions and no others.

        Raises:
            GitHubError: one of its kinds; `Invalid` where the installation lacks a permission.
        """
        body = {"repositories": [repository.partition("/")[2]], "permissions": permissions}
        made = await self._as_app("POST", f"/app/installations/{installation}/access_tokens", app, now, body)
        repositories = made.get("repositories") or [{}]
        return InstallationToken(SecretStr(made["token"]), made["expires_at"], int(repositories[0].get("id", 0)))

    async def revoke(self, token: SecretStr) -> None:
        """Have a token be worth nothing from now on; one that is worth nothing already is fine.

        Raises:
            GitHubError: one of its kinds.
        """
        headers = {**HEADERS, "Authorization": f"Bearer {token.get_secret_value()}"}
        answer = await self._send("DELETE", "/installation/token", headers)
        if answer.status_code not in (204, 401, 404):
            raise error_of(answer)

    async def _as_app(
        self, method: str, path: str, app: AppCredential, now: float, body: dict[str, Any] | None = None
    ) -> dict[str, Any]:
        headers = {**HEADERS, "Authorization": f"Bearer {app_jwt(app, now)}"}
        answer = await self._send(method, path, headers, body)
        if answer.is_success:
            found: dict[str, Any] = answer.json()
            return found
        error = error_of(answer)
        if isinstance(error, Refused) and answer.status_code == 401:
            raise AppRefused(
                f"GitHub does not accept the App `{app.name}` (id {app.app_id}): {error.message}", error.request_id
            )
        raise error

    async def _send(
        self, method: str, path: str, headers: dict[str, str], body: dict[str, Any] | None = None
    ) -> httpx.Response:
        try:
            return await self._http.request(
                method, f"{self._api}{path}", headers=headers, json=body, follow_redirects=False
            )
        except httpx.HTTPError as error:
            raise Unavailable(f"GitHub does not answer: {type(error).__name__}") from None
