"""The gateway's settings, from its environment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class GatewaySettings:
    """Where things are.

    Attributes:
        web: GitHub's address for people and git, without a slash at its end.
        operator: the operator's user name at the API server.
    """

    ledger: str
    web: str
    api: str
    agents: Path
    policy: Path
    signer: Path
    quarantine: Path
    operator: str
    debug: bool


def from_environment(variables: Mapping[str, str]) -> GatewaySettings:
    """Settings from variables; what is not set has the chart's value."""
    namespace = variables.get("PRESSPLAY_NAMESPACE", "pressplay-system")
    account = f"system:serviceaccount:{namespace}:pressplay-operator"
    return GatewaySettings(
        ledger=variables.get("PRESSPLAY_LEDGER_URL") or "sqlite:////data/ledger/ledger.db",
        web=(variables.get("PRESSPLAY_GITHUB_URL") or "https://github.com").rstrip("/"),
        api=(variables.get("PRESSPLAY_GITHUB_API_URL") or "https://api.github.com").rstrip("/"),
        agents=Path(variables.get("PRESSPLAY_AGENTS") or "/app/agents"),
        policy=Path(variables.get("PRESSPLAY_POLICY") or "/etc/pressplay/policy/policy.yaml"),
        signer=Path(variables.get("PRESSPLAY_SIGNER_SOCKET") or "/run/pressplay/signer/signer.sock"),
        quarantine=Path(variables.get("PRESSPLAY_QUARANTINE_SOCKET") or "/run/pressplay/quarantine/quarantine.sock"),
        operator=variables.get("PRESSPLAY_OPERATOR_ACCOUNT") or account,
        debug=variables.get("PRESSPLAY_DEBUG", "") == "true",
    )
