"""What `pressplay doctor` looks at of events: how they come in, and with webhooks the parts of Argo Events.

What judges is pure. Of Secrets only is looked at whether there is something under the key.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any, Final, Literal

from pressplay.cli import system
from pressplay.cli.examine import Finding
from pressplay.cli.examine_flows import ASK, FLOWS, examine_definition, is_ready
from pressplay.cli.show import one_line
from pressplay.kube.access import Access, Refused, objects
from pressplay.kube.argo import API_VERSION

MODE: Final = "PRESSPLAY_EVENTS_MODE"
OURS: Final = "app.kubernetes.io/name=pressplay"
DEFINITION: Final = "eventsources.argoproj.io"
INSTALL_EVENTS: Final = (
    "install Argo Events (https://argoproj.github.io/argo-events/installation/), or set events.mode=poll"
)
BUS_GUIDE: Final = "docs/how-to/install-events.md has one"
Kind = Literal["EventSource", "Sensor"]
# Plurals, and the labels that Argo Events gives to the pods of each.
PARTS: Final[Mapping[Kind, tuple[str, str]]] = {
    "EventSource": ("eventsources", "eventsource-name"),
    "Sensor": ("sensors", "sensor-name"),
}


def examine_events(access: Access) -> list[Finding]:
    """How events come in, and whether they can."""
    try:
        processes = system.deployments(access)
    except Refused:
        return []
    gateway, operator = processes.get("gateway"), processes.get("operator")
    if gateway is None:
        return []
    mode = system.variables(gateway).get(MODE, "off")
    flows = bool(operator and system.variables(operator).get(FLOWS))
    found = [judge_mode(mode, flows=flows)]
    if mode == "webhook":
        found += _examine_webhook(access, str(gateway["metadata"]["namespace"]))
    return found


def judge_mode(mode: str, *, flows: bool) -> Finding:
    """Whether what comes in begins anything."""
    told = {
        "off": "off: nothing at GitHub begins a flow (events.mode)",
        "poll": "poll: the gateway asks GitHub",
        "webhook": "webhook: GitHub tells, through Argo Events",
    }.get(mode, mode)
    if mode != "off" and not flows:
        return Finding("events", "warning", f"{told}; nobody makes flows of them", "set flows.enabled=true")
    return Finding("events", "ok", told)


def _examine_webhook(access: Access, namespace: str) -> list[Finding]:
    definition = examine_definition(access, DEFINITION, INSTALL_EVENTS)
    if definition.state == "missing":
        return [definition]
    try:
        parts = {kind: _ours(access, namespace, plural) for kind, (plural, _) in PARTS.items()}
        source = parts["EventSource"]
        return [
            *_examine_bus(access, namespace, source),
            *([_examine_hook_secret(access, namespace, source)] if source else []),
            *(_examine_part(access, namespace, kind, parts[kind]) for kind in PARTS),
        ]
    except Refused as error:
        if error.status != HTTPStatus.FORBIDDEN:
            raise
        return [Finding("Argo Events", "warning", f"this user may not look at it: {error.message}", ASK)]


def _ours(access: Access, namespace: str, plural: str) -> Mapping[str, Any] | None:
    items = access.get(objects(API_VERSION, plural, namespace), labelSelector=OURS)["items"]
    return items[0] if items else None


def _examine_bus(access: Access, namespace: str, source: Mapping[str, Any] | None) -> list[Finding]:
    name = str(((source or {}).get("spec") or {}).get("eventBusName") or "default")
    return [judge_bus(namespace, name, access.find(objects(API_VERSION, "eventbus", namespace, name)))]


def judge_bus(namespace: str, name: str, bus: Mapping[str, Any] | None) -> Finding:
    """Whether the bus is there, and was set up."""
    if bus is None:
        return Finding("EventBus", "missing", f"there is no EventBus {name} in {namespace}", BUS_GUIDE)
    unmet = not_met(bus, ("Deployed", "Configured"))
    if unmet:
        look = f"`kubectl --namespace {namespace} describe eventbus {name}`, and the log of Argo Events' controller"
        return Finding("EventBus", "missing", f"{name} in {namespace} is not {unmet}", look)
    return Finding("EventBus", "ok", f"{name} in {namespace} is configured")


def _examine_part(access: Access, namespace: str, kind: Kind, part: Mapping[str, Any] | None) -> Finding:
    if part is None:
        return judge_part(namespace, kind, None, [])
    selector = f"{PARTS[kind][1]}={part['metadata']['name']}"
    return judge_part(
        namespace, kind, part, access.get(objects("v1", "pods", namespace), labelSelector=selector)["items"]
    )


def judge_part(
    namespace: str, kind: Kind, part: Mapping[str, Any] | None, pods: Sequence[Mapping[str, Any]]
) -> Finding:
    """Whether an EventSource or a Sensor was deployed, and its pod is ready."""
    if part is None:
        told = f"there is none of ours in {namespace}"
        return Finding(kind, "missing", told, "`helm upgrade` with events.mode=webhook makes it")
    name = part["metadata"]["name"]
    unmet = not_met(part, ("Deployed",))
    if unmet:
        look = f"`kubectl --namespace {namespace} describe {kind.lower()} {name}`; it waits for its EventBus, too"
        return Finding(kind, "missing", f"{name} is not {unmet}", look)
    if any(is_ready(pod) for pod in pods):
        return Finding(kind, "ok", f"{name} in {namespace} is deployed and ready")
    selector = f"{PARTS[kind][1]}={name}"
    look = f"`kubectl --namespace {namespace} describe pods -l {selector}` says why"
    return Finding(kind, "missing", f"{name} is deployed, and {'its pod is not ready' if pods else 'has no pod'}", look)


def not_met(of: Mapping[str, Any], wanted: Sequence[str]) -> str:
    """The first condition that does not hold, with its reason; empty where all do."""
    conditions = {each.get("type"): each for each in (of.get("status") or {}).get("conditions") or []}
    for name in wanted:
        found = conditions.get(name) or {}
        if found.get("status") != "True":
            why = one_line(": ".join(filter(None, (found.get("reason"), found.get("message")))))
            told = f" ({why})" if why else "" if found else " (Argo Events' controller has not looked at it)"
            return f"{name.lower()}{told}"
    return ""


def _examine_hook_secret(access: Access, namespace: str, source: Mapping[str, Any]) -> Finding:
    """Without it the EventSource does not start; with an empty one everything would pass for GitHub's."""
    hooks: Mapping[str, Mapping[str, Any]] = source["spec"].get("github") or {}
    asked = next((each.get("webhookSecret") or {} for each in hooks.values()), {})
    name, key = str(asked.get("name") or ""), str(asked.get("key") or "secret")
    try:
        data = (access.find(objects("v1", "secrets", namespace, name)) or {}).get("data") or {}
    except Refused as error:
        if error.status != HTTPStatus.FORBIDDEN:
            raise
        return Finding("webhook secret", "warning", f"this user may not read Secret {name}", ASK)
    if data.get(key):
        return Finding("webhook secret", "ok", f"Secret {name} in {namespace}")
    made = f"kubectl create secret generic {name} --namespace {namespace} --from-file={key}=/dev/stdin"
    remedy = f"`{made}`, the same as at GitHub"
    return Finding("webhook secret", "missing", f"Secret {name} in {namespace} has nothing under {key}", remedy)
