"""The gateway's settings, from its environment."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

RETENTION_DAYS = 90
POLL_SECONDS = 30.0
# A look takes a token of its own, three requests that always count: many repositories are looked at less often.
POLL_SECONDS_EACH = 5.0


@dataclass(frozen=True)
class GatewaySettings:
    """Where things are.

    Attributes:
        web: GitHub's address for people and git, without a slash at its end.
        agents: folders of personas; each goes before those that are named before it.
        operator: the operator's user name at the API server.
        events_mode: off; poll, where GitHub is asked what is new; webhook, where it tells.
        poll_seconds: between two times that GitHub is asked; poll_seconds_each: at least so many for each repository.
        events: a file with the secret of whoever brings events; nobody may where it is not there.
        retention_days: how long transcripts and work of ended runs are kept.
    """

    ledger: str
    web: str
    api: str
    agents: tuple[Path, ...]
    policy: Path
    signer: Path
    quarantine: Path
    operator: str
    events: Path
    events_mode: str
    poll_seconds: float
    poll_seconds_each: float
    retention_days: int
    debug: bool


def from_environment(variables: Mapping[str, str]) -> GatewaySettings:
    """Settings from variables; what is not set has the chart's value."""
    namespace = variables.get("PRESSPLAY_NAMESPACE", "pressplay-system")
    account = f"system:serviceaccount:{namespace}:pressplay-operator"
    return GatewaySettings(
        ledger=variables.get("PRESSPLAY_LEDGER_URL") or "sqlite:////data/ledger/ledger.db",
        web=(variables.get("PRESSPLAY_GITHUB_URL") or "https://github.com").rstrip("/"),
        api=(variables.get("PRESSPLAY_GITHUB_API_URL") or "https://api.github.com").rstrip("/"),
        agents=tuple(Path(each) for each in (variables.get("PRESSPLAY_AGENTS") or "/app/agents").split(os.pathsep)),
        policy=Path(variables.get("PRESSPLAY_POLICY") or "/etc/pressplay/policy/policy.yaml"),
        signer=Path(variables.get("PRESSPLAY_SIGNER_SOCKET") or "/run/pressplay/signer/signer.sock"),
        quarantine=Path(variables.get("PRESSPLAY_QUARANTINE_SOCKET") or "/run/pressplay/quarantine/quarantine.sock"),
        operator=variables.get("PRESSPLAY_OPERATOR_ACCOUNT") or account,
        events=Path(variables.get("PRESSPLAY_EVENTS_SECRET") or "/etc/pressplay/events/token"),
        events_mode=variables.get("PRESSPLAY_EVENTS_MODE") or "off",
        poll_seconds=float(variables.get("PRESSPLAY_POLL_SECONDS") or POLL_SECONDS),
        poll_seconds_each=float(variables.get("PRESSPLAY_POLL_SECONDS_EACH") or POLL_SECONDS_EACH),
        retention_days=int(variables.get("PRESSPLAY_RETENTION_DAYS") or RETENTION_DAYS),
        debug=variables.get("PRESSPLAY_DEBUG", "") == "true",
    )
