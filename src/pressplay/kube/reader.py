"""What the gateway asks of the cluster: whose a token is, and what pod, Job and run stand behind it."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

from pressplay.kube.access import Access, objects
from pressplay.resources.base import API_VERSION, PLURALS

REVIEWS = objects("authentication.k8s.io/v1", "tokenreviews")


@dataclass(frozen=True)
class TokenOwner:
    """Whom the API server takes the bearer of a token for.

    Attributes:
        extra: what it tells besides, the pod among it (`authentication.kubernetes.io/pod-name`).
    """

    username: str
    extra: dict[str, list[str]]


class ClusterReader:
    """Reads, each in a thread: the client is a synchronous one."""

    def __init__(self, access: Access) -> None:
        self._access = access

    async def review(self, token: str, audience: str) -> TokenOwner | None:
        """Whose a token is; None where it is not good for the audience."""
        body = {
            "apiVersion": "authentication.k8s.io/v1",
            "kind": "TokenReview",
            "spec": {"token": token, "audiences": [audience]},
        }
        told = (await asyncio.to_thread(self._access.create, REVIEWS, body)).get("status", {})
        if not told.get("authenticated") or audience not in told.get("audiences", []):
            return None
        return TokenOwner(told["user"]["username"], told["user"].get("extra") or {})

    async def pod(self, namespace: str, name: str) -> dict[str, Any] | None:
        """A pod."""
        return await self._find(objects("v1", "pods", namespace, name))

    async def job(self, namespace: str, name: str) -> dict[str, Any] | None:
        """A Job."""
        return await self._find(objects("batch/v1", "jobs", namespace, name))

    async def run(self, kind: str, namespace: str, name: str) -> dict[str, Any] | None:
        """A CodeRun or DocsRun."""
        plural = PLURALS.get(kind)
        return None if plural is None else await self._find(objects(API_VERSION, plural, namespace, name))

    async def _find(self, path: str) -> dict[str, Any] | None:
        return await asyncio.to_thread(self._access.find, path)
