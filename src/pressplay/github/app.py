"""An App's credentials: its JWT, its installation on a repository, and tokens for one repository and one purpose.

PyGithub cannot restrict a token to repositories, so the endpoint is called here. Tokens have no fixed length or form.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import httpx
import jwt
from pydantic import SecretStr

from pressplay.github.errors import GitHubError, Invalid, NotFound, Refused, Unavailable, checked, error_of

# GitHub's clock may be behind ours, and it takes no JWT of more than ten minutes.
BACKDATED = 60
LIFETIME = 540
PAGE, MOST_PAGES = 100, 10
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
class About:
    """What GitHub says of an App.

    Attributes:
        page: its page for people; empty where GitHub does not tell.
    """

    app_id: int
    slug: str
    page: str


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


@dataclass(frozen=True)
class Covered:
    """A repository that an App is installed on."""

    name: str
    identity: int


@dataclass(frozen=True)
class Sent:
    """A webhook that GitHub has sent, or tried to.

    Attributes:
        guid: the same for all attempts of one.
        delivered_at: ISO 8601.
        status: of the answer, as in HTTP; 0 where there was none.
    """

    identity: int
    guid: str
    delivered_at: str
    status: int

    @property
    def arrived(self) -> bool:
        """Whether it was taken in."""
        return 200 <= self.status < 300


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
                "; mend `repository`, or install the App there; `pressplay doctor` tells where it is"
            ) from None
        return Installation(int(found["id"]), int(found["app_id"]), str(found["app_slug"]))

    async def about(self, app: AppCredential, now: float) -> tuple[About, list[str]]:
        """The App itself, and the accounts that it is installed on (the first hundred).

        Raises:
            AppRefused: GitHub does not accept the App.
            GitHubError: another of its kinds.
        """
        told = await self._as_app("GET", "/app", app, now)
        installed = await self._as_app("GET", "/app/installations?per_page=100", app, now)
        about = About(int(told["id"]), str(told["slug"]), str(told.get("html_url") or ""))
        return about, [str((each.get("account") or {}).get("login")) for each in installed]

    async def token(
        self,
        app: AppCredential,
        installation: int,
        repository: str | int,
        permissions: dict[str, str],
        now: float,
    ) -> InstallationToken:
        """A token for one repository with these permissions and no others.

        Args:
            repository: owner/name, or GitHub's id of it.

        Raises:
            GitHubError: one of its kinds; `Invalid` where the installation lacks a permission.
        """
        one: dict[str, Any] = (
            {"repository_ids": [repository]}
            if isinstance(repository, int)
            else {"repositories": [repository.partition("/")[2]]}
        )
        body = {**one, "permissions": permissions}
        made = await self._as_app("POST", f"/app/installations/{installation}/access_tokens", app, now, body)
        repositories = made.get("repositories") or [{}]
        return InstallationToken(SecretStr(made["token"]), made["expires_at"], int(repositories[0].get("id", 0)))

    async def repositories(self, app: AppCredential, now: float) -> list[Covered]:
        """The repositories that an App is installed on; of each installation the first thousand.

        Raises:
            GitHubError: one of its kinds.
        """
        found: list[Covered] = []
        for installed in await self._as_app("GET", "/app/installations?per_page=100", app, now):
            path = f"/app/installations/{installed['id']}/access_tokens"
            made = await self._as_app("POST", path, app, now, {"permissions": {"metadata": "read"}})
            token = SecretStr(made["token"])
            try:
                for page in range(1, MOST_PAGES + 1):
                    told = await self._with(token, f"/installation/repositories?per_page={PAGE}&page={page}")
                    part = told["repositories"]
                    found += [Covered(str(each["full_name"]), int(each["id"])) for each in part]
                    if len(part) < PAGE:
                        break
            finally:
                await self.revoke(token)
        return found

    async def deliveries(self, app: AppCredential, now: float) -> list[Sent]:
        """The latest hundred webhooks that GitHub sent for an App; none where it has no webhook.

        Raises:
            GitHubError: one of its kinds.
        """
        try:
            listed = await self._as_app("GET", f"/app/hook/deliveries?per_page={PAGE}", app, now)
        except (NotFound, Invalid):
            return []
        return [
            Sent(int(each["id"]), str(each["guid"]), str(each["delivered_at"]), int(each.get("status_code") or 0))
            for each in listed
        ]

    async def redeliver(self, app: AppCredential, delivery: int, now: float) -> None:
        """Have GitHub send a webhook once more.

        Raises:
            GitHubError: one of its kinds.
        """
        await self._as_app("POST", f"/app/hook/deliveries/{delivery}/attempts", app, now)

    async def _with(self, token: SecretStr, path: str) -> Any:
        headers = {**HEADERS, "Authorization": f"Bearer {token.get_secret_value()}"}
        answer = await self._send("GET", path, headers)
        if not answer.is_success:
            raise error_of(answer)
        return answer.json()

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
    ) -> Any:
        headers = {**HEADERS, "Authorization": f"Bearer {app_jwt(app, now)}"}
        answer = await self._send(method, path, headers, body)
        if answer.is_success:
            return answer.json() if answer.content else {}
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
            return checked(
                await self._http.request(
                    method, f"{self._api}{path}", headers=headers, json=body, follow_redirects=False
                )
            )
        except httpx.HTTPError as error:
            raise Unavailable(f"GitHub does not answer: {type(error).__name__}") from None
