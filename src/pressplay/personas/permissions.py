"""GitHub's permissions of an App on a repository: which a persona may have, up to which level, and which it never has.

Names and levels are those of GitHub's schema `app-permissions` (https://docs.github.com/rest, "Create an installation
access token for an app"). Each stands in exactly one of the two tables, so that a new one is decided on, not let
through.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from typing import Final, Literal

Access = Literal["read", "write"]
LEVELS: Final[tuple[Access, ...]] = ("read", "write")

# The most of each, and why there is no more where GitHub has more.
MAY_HAVE: Final[Mapping[str, tuple[Access, str]]] = {
    "actions": ("read", "write starts and cancels workflows, which hold the repository's secrets"),
    "attestations": ("read", "an attestation says who built something, and that is CI"),
    "checks": ("write", ""),
    "code_quality": ("read", "what a scanner found is dismissed by a person"),
    "contents": ("write", ""),
    "deployments": ("read", "what is deployed is decided by people and their pipelines"),
    "issues": ("write", ""),
    "metadata": ("read", "there is nothing to write"),
    "pull_requests": ("write", ""),
    "security_events": ("read", "an alert is dismissed by a person"),
    "statuses": ("read", "a status could stand for a check that did not pass"),
    "vulnerability_alerts": ("read", "an alert is dismissed by a person"),
}

NEVER: Final[Mapping[str, str]] = {
    "administration": "it changes the rules of branches, who has access, and the repository itself",
    "artifact_metadata": "it changes what is recorded of built artifacts",
    "codespaces": "a codespace runs code with its owner's token",
    "custom_properties_for_organizations": "rules of the organization depend on them",
    "dependabot_secrets": "they are credentials",
    "discussions": "nothing that a persona does leads there",
    "environments": "they hold secrets and the approvals of deployments",
    "members": "who belongs to an organization is decided by people",
    "merge_queues": "personas do not merge",
    "packages": "a package reaches everyone who installs it, without a review",
    "pages": "it publishes without a review",
    "repository_custom_properties": "rules of the organization depend on them",
    "repository_hooks": "a hook sends what happens in the repository anywhere",
    "repository_projects": "nothing that a persona does leads there",
    "secret_scanning_alerts": "an alert shows the secret itself",
    "secrets": "they are credentials",
    "single_file": "it is a part of contents, which is enough",
    "workflows": "a workflow runs with the repository's secrets, and a person changes it",
}
OF_MORE: Final = "it is not of one repository, and a persona works on one"
# Of a person, of an organization or of an enterprise.
ELSEWHERE: Final = (
    "email_addresses", "enterprise_", "followers", "git_ssh_keys", "gpg_keys", "interaction_limits", "organization_",
    "profile", "starring",
)  # fmt: skip


def rank(level: str | None) -> int:
    """How much a level gives: 0 for none, 1 for read, 2 for write."""
    return LEVELS.index(level) + 1 if level in LEVELS else 0


def problem(name: str, level: str) -> str | None:
    """Why a persona may not have a permission on this level; None where it may."""
    if name in NEVER or name.startswith(ELSEWHERE):
        return f"no persona may have it: {NEVER.get(name, OF_MORE)}"
    if name not in MAY_HAVE:
        near = nearest(name, MAY_HAVE)
        return "GitHub has no such permission; " + (
            f"did you mean `{near}`?" if near else f"choose of: {', '.join(MAY_HAVE)}"
        )
    if level not in LEVELS:
        return f"`{level}` is no level; write read or write"
    most, why = MAY_HAVE[name]
    return f"no persona may have more than {most}: {why}" if rank(level) > rank(most) else None


def nearest(name: str, known: Iterable[str]) -> str | None:
    """Of known names the one that was perhaps meant."""
    return next(iter(get_close_matches(name, list(known), 1)), None)
