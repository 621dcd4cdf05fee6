"""The operator's settings, from its environment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class OperatorSettings:
    """What the chart says.

    Attributes:
        namespaces: in which runs are carried out; all where there are none.
        control, runs: addresses of the gateway's two listeners.
    """

    namespace: str
    identity: str
    namespaces: tuple[str, ...]
    control: str
    runs: str
    token: Path
    runner_image: str
    workbench_image: str
    pull_policy: str
    pull_secrets: tuple[str, ...]
    priority_class: str


def from_environment(variables: Mapping[str, str]) -> OperatorSettings:
    """Settings from variables."""
    return OperatorSettings(
        namespace=variables.get("PRESSPLAY_NAMESPACE", "pressplay-system"),
        identity=variables.get("PRESSPLAY_POD", "operator"),
        namespaces=_listed(variables.get("PRESSPLAY_WATCH_NAMESPACES", "")),
        control=variables["PRESSPLAY_GATEWAY_CONTROL"],
        runs=variables["PRESSPLAY_GATEWAY_RUNS"],
        token=Path(variables.get("PRESSPLAY_CONTROL_TOKEN", "/var/run/secrets/pressplay-control/token")),
        runner_image=variables["PRESSPLAY_RUNNER_IMAGE"],
        workbench_image=variables["PRESSPLAY_WORKBENCH_IMAGE"],
        pull_policy=variables.get("PRESSPLAY_PULL_POLICY") or "IfNotPresent",
        pull_secrets=_listed(variables.get("PRESSPLAY_PULL_SECRETS", "")),
        priority_class=variables.get("PRESSPLAY_PRIORITY_CLASS", ""),
    )


def _listed(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())
