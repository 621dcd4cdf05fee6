"""The GitHub App that Pressplay works as: what it may do, as GitHub's manifest and as a table for people. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

# The union of what tokens are minted with; each token gets less, for one repository and one purpose.
PERMISSIONS: Mapping[str, str] = {
    "actions": "write",
    "checks": "write",
    "contents": "write",
    "issues": "write",
    "metadata": "read",
    "pull_requests": "write",
    "statuses": "read",
}
PURPOSES: Mapping[str, str] = {
    "actions": "see why a workflow failed, run a failed job once more",
    "checks": "tell verdicts as check runs",
    "contents": "read the repository, push the run's branch",
    "issues": "read the task, answer in comments",
    "metadata": "every App has it",
    "pull_requests": "open pull requests, read reviews",
    "statuses": "see what other systems say of a commit",
}
LEVELS = ("read", "write", "admin")
NOWHERE = "https://example.com/pressplay"


@dataclass(frozen=True)
class Host:
    """A GitHub: github.com or an Enterprise server.

    Attributes:
        url: where people go.
        api: where programs go.
    """

    url: str = "https://github.com"
    api: str = "https://api.github.com"

    def creation_page(self, organization: str | None) -> str:
        """Where a browser sends the manifest."""
        base = f"{self.url}/organizations/{quote(organization, safe='')}" if organization else self.url
        return f"{base}/settings/apps/new"


def build_manifest(name: str, redirect: str, webhook: str | None) -> dict[str, Any]:
    """The manifest as GitHub takes it; without an address for webhooks they are switched off."""
    return {
        "name": name,
        "url": "https://github.com/pressplay",
        "redirect_url": redirect,
        "public": False,
        "hook_attributes": {"url": webhook or NOWHERE, "active": webhook is not None},
        "default_permissions": dict(PERMISSIONS),
        "default_events": list(EVENTS) if webhook else [],
    }


EVENTS = (
    "check_run",
    "issue_comment",
    "issues",
    "pull_request",
    "pull_request_review",
    "pull_request_review_comment",
    "push",
    "workflow_run",
)


def lacking(granted: Mapping[str, str]) -> list[str]:
    """What an installation was not granted of PERMISSIONS, as `contents: write`."""
    return [
        f"{name}: {level}"
        for name, level in PERMISSIONS.items()
        if name not in granted or LEVELS.index(granted[name]) < LEVELS.index(level)
    ]


def manual(host: Host, organization: str | None, namespace: str, secret: str) -> str:
    """How to make the App by hand."""
    width = max(map(len, PERMISSIONS))
    rows = [f"     {name:<{width}}  {level:<5}  {PURPOSES[name]}" for name, level in PERMISSIONS.items()]
    return "\n".join(
        [
            f"1. Open {host.creation_page(organization)}",
            "2. Name: any that is free. Homepage URL: any. Webhook: not active (unless you have an ingress for it).",
            "   Repository permissions:",
            *rows,
            "   Where it can be installed: only on this account. Create it.",
            "3. Generate a private key; the browser saves it as a .pem file. Note the App ID at the top of the page.",
            "4. Install App (on the left), on the repositories that agents may work on.",
            "5. Store both:",
            f"     kubectl create secret generic {secret} --namespace {namespace} \\",
            "       --from-literal=app-id=APP_ID --from-file=private-key.pem=FILE.pem",
            f"6. pressplay github check --system-namespace {namespace}",
        ]
    )
