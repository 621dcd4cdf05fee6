"""One real call to each service that keys are for: GitHub as each App, and the model's vendor. Nothing is paid for."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass

import httpx

from pressplay.gateway.signer.apps import Apps
from pressplay.github.app import AppClient
from pressplay.github.errors import GitHubError
from pressplay.llm.config import ConfigurationError, Settings, SettingsSource
from pressplay.protocol.checks import Check

SECONDS = 15.0
PAUSES = (0.5, 2.0)
SETUP = "`pressplay github setup` makes an App and puts its key into the cluster"
NEW_KEY = "put a valid key into the Secret that the chart's llm.existingSecret names (pressplay-llm)"


@dataclass(frozen=True)
class Outside:
    """Calls what is outside."""

    apps: Apps
    github: AppClient
    vendors: httpx.AsyncClient

    async def apps_checked(self, now: float) -> list[Check]:
        """GitHub, as each App."""
        names = self.apps.names()
        if not names:
            return [Check(name="GitHub App", ok=False, detail="no App's key is there", remedy=SETUP)]
        return list(await asyncio.gather(*(self._app(name, now) for name in names)))

    async def _app(self, name: str, now: float) -> Check:
        title = f"GitHub as {name}"
        try:
            about, installed = await self.github.about(self.apps.find(name), now)
        except GitHubError as error:
            return Check(name=title, ok=False, detail=str(error), remedy=f"see that its key is right, or {SETUP}")
        told = f"{about.slug} (id {about.app_id})"
        if not installed:
            where = f"{about.page}/installations/new" if about.page else "its page on GitHub"
            return Check(name=title, ok=False, detail=f"{told} is installed nowhere", remedy=f"install it on {where}")
        return Check(name=title, ok=True, detail=f"{told}, installed on {', '.join(installed)}")

    async def model_checked(self, address: str, headers: Mapping[str, str]) -> Check:
        """The vendor: its list of models costs nothing and takes the same key.

        Args:
            address: of the vendor.
            headers: with the key.
        """
        host = httpx.URL(address).host
        try:
            answer = await self._models_listed(f"{address}/v1/models", dict(headers))
        except httpx.HTTPError as error:
            told = f"{host} does not answer: {type(error).__name__} ({error})"
            return Check(name="model", ok=False, detail=told, remedy="see llm.baseUrl, proxy and caBundle of the chart")
        if answer.status_code in (401, 403):
            told = f"{host} refuses the key ({answer.status_code})"
            return Check(name="model", ok=False, detail=told, remedy=NEW_KEY)
        if answer.status_code >= 500:
            told = f"{host} answers {answer.status_code}"
            return Check(name="model", ok=False, detail=told, remedy="try again later; the vendor has a fault")
        said = "takes the key" if answer.is_success else "answers; it has no list of models to try the key with"
        return Check(name="model", ok=True, detail=f"{host} {said}")

    async def _models_listed(self, page: str, headers: dict[str, str]) -> httpx.Response:
        """As patient as calls of runs are: a name that is not resolved once, or one lost connection, is no finding."""
        for pause in PAUSES:
            try:
                return await self.vendors.get(page, headers=headers, timeout=SECONDS, follow_redirects=False)
            except httpx.NetworkError:
                await asyncio.sleep(pause)
        return await self.vendors.get(page, headers=headers, timeout=SECONDS, follow_redirects=False)


def configured(source: SettingsSource) -> Settings | Check:
    """The settings for models, or what is wrong with them."""
    try:
        settings = source.current()
        settings.key()
    except ConfigurationError as error:
        return Check(name="model", ok=False, detail=str(error), remedy=NEW_KEY)
    return settings
