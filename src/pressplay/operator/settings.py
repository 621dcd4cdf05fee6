"""The operator's settings, from its environment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pressplay.resources.names import HEALTH_PORT


@dataclass(frozen=True)
class OperatorSettings:
    """What the chart says.

    Attributes:
        namespaces: in which runs are carried out; all where there are none.
        control, runs: addresses of the gateway's two listeners.
        flows: namespace of Workflows; empty where there are none.
        argo_server: address of the Argo server; `argo_token` is a file with what it is asked with, `argo_authority`
            one with the certificate of who signed its own; None for the public authorities.
        health_port: for the kubelet and Prometheus.
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
    flows: str
    argo_server: str
    argo_token: Path
    health_port: int = HEALTH_PORT
    argo_authority: Path | None = None


def from_environment(variables: Mapping[str, str]) -> OperatorSettings:
    """Settings from variables."""
    authority = variables.get("PRESSPLAY_ARGO_CA", "")
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
        flows=variables.get("PRESSPLAY_FLOWS_NAMESPACE", ""),
        argo_server=variables.get("PRESSPLAY_ARGO_SERVER", ""),
        health_port=int(variables.get("PRESSPLAY_HEALTH_PORT") or HEALTH_PORT),
        argo_token=Path(variables.get("PRESSPLAY_ARGO_TOKEN", "/var/run/secrets/kubernetes.io/serviceaccount/token")),
        argo_authority=Path(authority) if authority else None,
    )


def _listed(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())
