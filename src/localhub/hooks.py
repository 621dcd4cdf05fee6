"""Webhooks of Apps: signed, delivered once, and again when asked, as GitHub does (docs.github.com, "Webhooks").

What was sent is kept with the answer it got; GitHub itself tries nothing again.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import httpx

from localhub.state import State

ANSWER_SECONDS = 10.0  # GitHub waits no longer
MOST_KEPT = 500


class Hooks:
    """Sends what happens to the address that each App gave. Deliveries are tasks of the loop that serves requests."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._tasks: set[asyncio.Task[None]] = set()

    def fire(self, event: str, payload: dict[str, Any]) -> None:
        """Send an event to every App that has a webhook and is installed on the payload's repository."""
        for installation in self._state.installations.values():
            app = self._state.apps[str(installation["app"])]
            covered = installation["repositories"]
            name, identity = payload["repository"]["full_name"], payload["repository"]["id"]
            # An App that was made by its manifest hears what it asked for; one that was put there hears all.
            if (
                app.get("hook")
                and event in app.get("events", (event,))
                and (covered == "all" or name in covered or identity in covered)
            ):
                body = {**payload, "installation": {"id": installation["id"], "node_id": f"I{installation['id']}"}}
                self._deliver(self._kept(app, event, json.dumps(body), str(uuid4())), app)

    def again(self, app: dict[str, Any], identity: int) -> bool:
        """Send a delivery once more, under its own guid; False where there is none of this App's."""
        earlier = next((one for one in self.deliveries(app) if one["id"] == identity), None)
        if earlier is None:
            return False
        once_more = self._kept(app, earlier["event"], earlier["request"], earlier["guid"])
        once_more["redelivery"] = True
        self._deliver(once_more, app)
        return True

    def deliveries(self, app: dict[str, Any]) -> list[dict[str, Any]]:
        """What was sent for an App, the latest first."""
        return [one for one in reversed(self._state.deliveries) if one["app"] == app["id"]]

    def shown(self, one: dict[str, Any]) -> dict[str, Any]:
        """A delivery as GitHub lists it."""
        body = json.loads(one["request"])
        return {
            **{name: one[name] for name in ("id", "guid", "delivered_at", "redelivery", "duration", "status", "event")},
            "status_code": one["status_code"], "action": body.get("action"), "throttled_at": None,
            "installation_id": body["installation"]["id"], "repository_id": body["repository"]["id"],
        }  # fmt: skip

    def whole(self, one: dict[str, Any]) -> dict[str, Any]:
        """A delivery by its id, with what was sent and what was answered."""
        request = {"headers": {"X-GitHub-Event": one["event"]}, "payload": json.loads(one["request"])}
        return {**self.shown(one), "url": "", "request": request, "response": {"headers": None, "payload": None}}

    def _kept(self, app: dict[str, Any], event: str, request: str, guid: str) -> dict[str, Any]:
        told = {
            "id": self._state.number(), "app": app["id"], "guid": guid, "event": event, "request": request,
            "delivered_at": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"), "redelivery": False, "duration": 0.0,
            "status": "PENDING", "status_code": 0,
        }  # fmt: skip
        self._state.deliveries.append(told)
        del self._state.deliveries[:-MOST_KEPT]
        return told

    def _deliver(self, told: dict[str, Any], app: dict[str, Any]) -> None:
        task = asyncio.get_running_loop().create_task(self._send(told, app))
        # The loop itself keeps no hold of a task.
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _send(self, told: dict[str, Any], app: dict[str, Any]) -> None:
        body = told["request"].encode()
        headers = {
            "content-type": "application/json", "user-agent": "GitHub-Hookshot/localhub",
            "x-github-event": told["event"], "x-github-delivery": told["guid"], "x-github-hook-id": str(app["id"]),
            "x-github-hook-installation-target-id": str(app["id"]),
            "x-github-hook-installation-target-type": "integration",
            "x-hub-signature-256": signature(app["hook"]["secret"], body),
        }  # fmt: skip
        began = asyncio.get_running_loop().time()
        try:
            async with httpx.AsyncClient(timeout=ANSWER_SECONDS) as http:
                answer = await http.post(app["hook"]["url"], content=body, headers=headers)
            told["status"], told["status_code"] = ("OK" if answer.is_success else "Invalid"), answer.status_code
        except httpx.HTTPError as error:
            told["status"] = f"failed: {type(error).__name__}"
        told["duration"] = round(asyncio.get_running_loop().time() - began, 2)


def signature(secret: str, body: bytes) -> str:
    """The header X-Hub-Signature-256."""
    return f"sha256={hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()}"
