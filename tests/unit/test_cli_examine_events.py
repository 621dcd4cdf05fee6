"""The doctor looks at what flows and events hang on: each part has its state and, where it is not well, its remedy."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pressplay.cli.examine import Finding
from pressplay.cli.examine_events import examine_events, judge_bus, judge_mode, judge_part, not_met
from pressplay.cli.examine_flows import examine_flows, judge_controller
from pressplay.kube.access import Access, connect
from pressplay.operator.checks import checked
from pressplay.operator.settings import from_environment
from tests.unit import an_api_server
from tests.unit.a_cluster import Cluster, api_server
from tests.unit.test_argo_tls import NEEDED

SYSTEM = "pressplay-system"
KINDS = (
    "deployments", "customresourcedefinitions", "pods", "secrets", "eventsources", "sensors", "eventbus", "workflows",
)  # fmt: skip
OURS = {"app.kubernetes.io/name": "pressplay"}


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    with api_server(tmp_path, plurals=KINDS) as found:
        yield found


@pytest.fixture
def access(cluster: Cluster) -> Access:
    return connect(cluster.kubeconfig)


def component(cluster: Cluster, name: str, **variables: str) -> None:
    env = [{"name": key, "value": value} for key, value in variables.items()]
    labels = {**OURS, "app.kubernetes.io/component": name}
    spec = {"template": {"spec": {"containers": [{"name": name, "env": env}]}}}
    cluster.put("deployments", {"metadata": {"name": f"p-{name}", "namespace": SYSTEM, "labels": labels}, "spec": spec})


def installed(cluster: Cluster, mode: str = "off", flows: str = "") -> None:
    component(cluster, "gateway", PRESSPLAY_EVENTS_MODE=mode)
    component(cluster, "operator", PRESSPLAY_FLOWS_NAMESPACE=flows)


def defined(cluster: Cluster, name: str) -> None:
    # What belongs to no namespace is asked for without one.
    cluster.put("customresourcedefinitions", {"metadata": {"name": name, "namespace": ""}})


def conditions(**told: str) -> dict[str, Any]:
    return {"conditions": [{"type": name, "status": status} for name, status in told.items()]}


def webhooks(cluster: Cluster) -> None:
    """All that Argo Events needs, and well."""
    installed(cluster, "webhook", "flows")
    defined(cluster, "eventsources.argoproj.io")
    hook = {"webhookSecret": {"name": "hook", "key": "secret"}}
    for plural, name, label, spec in (
        ("eventsources", "p-github", "eventsource-name", {"eventBusName": "bus", "github": {"app": hook}}),
        ("sensors", "p-inbox", "sensor-name", {}),
    ):
        meta = {"name": name, "namespace": SYSTEM, "labels": OURS}
        cluster.put(plural, {"metadata": meta, "spec": spec, "status": conditions(Deployed="True")})
        pod = {"name": f"{name}-x", "namespace": SYSTEM, "labels": {label: name}}
        cluster.put("pods", {"metadata": pod, "status": conditions(Ready="True")})
    bus = conditions(Deployed="True", Configured="True")
    cluster.put("eventbus", {"metadata": {"name": "bus", "namespace": SYSTEM}, "status": bus})
    cluster.put("secrets", {"metadata": {"name": "hook", "namespace": SYSTEM}, "data": {"secret": "eA=="}})


def by_name(found: list[Finding]) -> dict[str, Finding]:
    return {each.name: each for each in found}


def test_where_nothing_is_installed_there_is_nothing_to_look_at(access: Access) -> None:
    assert (examine_flows(access), examine_events(access)) == ([], [])


def test_an_installation_of_runs_alone_asks_for_nothing_of_argo(cluster: Cluster, access: Access) -> None:
    installed(cluster)
    found = [*examine_flows(access), *examine_events(access)]
    assert [each.state for each in found] == ["ok", "ok"]
    assert "flows.enabled" in found[0].detail
    assert found[1].detail.startswith("off:")


def test_flows_without_argo_workflows_are_told_what_to_install(cluster: Cluster, access: Access) -> None:
    installed(cluster, flows="flows")
    [found] = examine_flows(access)
    assert (found.name, found.state) == ("workflows.argoproj.io", "missing")
    assert "install Argo Workflows" in found.remedy


@pytest.mark.parametrize(
    "mark", [{"app": "workflow-controller"}, {"app.kubernetes.io/component": "workflow-controller"}]
)
def test_the_controller_is_found_as_upstream_and_as_argo_s_chart_install_it(
    cluster: Cluster, access: Access, mark: dict[str, str]
) -> None:
    installed(cluster, flows="flows")
    defined(cluster, "workflows.argoproj.io")
    assert by_name(examine_flows(access))["Argo controller"].state == "missing"
    meta = {"name": "c", "namespace": "argo", "labels": mark}
    cluster.put("pods", {"metadata": meta, "spec": {}, "status": conditions(Ready="True")})
    assert by_name(examine_flows(access))["Argo controller"] == Finding("Argo controller", "ok", "ready in argo")


def test_a_controller_that_is_not_ready_says_where_to_look() -> None:
    found = judge_controller([{"metadata": {"name": "c", "namespace": "argo"}, "status": {}}])
    assert (found.state, found.detail) == ("missing", "is not ready in argo")
    assert "describe pod c" in found.remedy


@pytest.mark.parametrize(
    ("mode", "flows", "state"), [("poll", True, "ok"), ("webhook", True, "ok"), ("poll", False, "warning")]
)
def test_the_way_in_is_named_and_events_of_which_nobody_makes_flows_are_warned_of(
    mode: str, state: str, *, flows: bool
) -> None:
    found = judge_mode(mode, flows=flows)
    assert found.state == state
    assert found.detail.startswith(f"{mode}:")
    assert ("flows.enabled=true" in found.remedy) is (state == "warning")


def test_webhooks_that_are_well_are_told_part_by_part(cluster: Cluster, access: Access) -> None:
    webhooks(cluster)
    found = by_name(examine_events(access))
    assert {name: each.state for name, each in found.items()} == dict.fromkeys(
        ("events", "EventBus", "webhook secret", "EventSource", "Sensor"), "ok"
    )
    assert found["Sensor"].detail == f"p-inbox in {SYSTEM} is deployed and ready"
    assert found["EventBus"].detail == f"bus in {SYSTEM} is configured"


def test_webhooks_without_argo_events_are_told_what_to_install(cluster: Cluster, access: Access) -> None:
    installed(cluster, "webhook", "flows")
    found = examine_events(access)[-1]
    assert (found.name, found.state) == ("eventsources.argoproj.io", "missing")
    assert "events.mode=poll" in found.remedy


def test_a_webhook_s_secret_that_is_not_there_is_named_with_the_command_that_makes_it(
    cluster: Cluster, access: Access
) -> None:
    webhooks(cluster)
    del cluster.objects["secrets", SYSTEM, "hook"]
    found = by_name(examine_events(access))["webhook secret"]
    assert found.state == "missing"
    assert f"kubectl create secret generic hook --namespace {SYSTEM} --from-file=secret=/dev/stdin" in found.remedy


def test_a_bus_that_lies_elsewhere_is_missed_by_the_name_that_the_event_source_has(
    cluster: Cluster, access: Access
) -> None:
    webhooks(cluster)
    del cluster.objects["eventbus", SYSTEM, "bus"]
    found = by_name(examine_events(access))["EventBus"]
    assert (found.state, found.detail) == ("missing", f"there is no EventBus bus in {SYSTEM}")
    assert "install-events.md" in found.remedy


def test_parts_that_are_not_well_say_which_condition_and_where_to_look() -> None:
    half = {"status": {"conditions": [
        {"type": "Deployed", "status": "True"},
        {"type": "Configured", "status": "False", "reason": "NoAuth", "message": "no\npassword"}]}}  # fmt: skip
    bus = judge_bus("s", "default", half)
    assert (bus.state, bus.detail) == ("missing", "default in s is not configured (NoAuth: no password)")
    assert "describe eventbus default" in bus.remedy
    named = {"metadata": {"name": "p-inbox"}, "status": conditions(Deployed="True")}
    assert judge_part("s", "Sensor", named, []).detail == "p-inbox is deployed, and has no pod"
    unready = judge_part("s", "Sensor", named, [{"status": conditions(Ready="False")}])
    assert unready.detail.endswith("its pod is not ready")
    assert "describe pods -l sensor-name=p-inbox" in unready.remedy
    assert judge_part("s", "EventSource", None, []).state == "missing"
    assert "has not looked at it" in not_met({}, ("Deployed",))


@pytest.mark.parametrize(
    ("refusal", "ok", "words"),
    [
        (None, True, "answers the operator at http://127.0.0.1"),
        ((401, "token not valid"), False, "--auth-mode=client"),
        ((403, "workflows is forbidden"), False, "pressplay-operator-flows"),
        ((502, "bad gateway"), False, "flows.argoServer.url"),
    ],
)
def test_the_operator_says_whether_the_argo_server_answers_it(
    tmp_path: Path, refusal: tuple[int, str] | None, words: str, *, ok: bool
) -> None:
    (tmp_path / "token").write_text("of the operator")
    with an_api_server.cluster() as server:
        server.control["GET /api/v1/workflows/flows"] = {"items": []}
        if refusal:
            server.refusals["GET /api/v1/workflows/flows"] = refusal
        settings = from_environment({
            **NEEDED, "PRESSPLAY_FLOWS_NAMESPACE": "flows", "PRESSPLAY_ARGO_SERVER": server.address,
            "PRESSPLAY_ARGO_TOKEN": str(tmp_path / "token"),
        })  # fmt: skip
        [check] = asyncio.run(checked(settings)).checks
    assert check.ok is ok
    assert words in (check.detail if ok else check.remedy)
    assert refusal is None or refusal[1] in check.detail


def test_an_operator_without_flows_has_no_argo_server_to_ask() -> None:
    assert asyncio.run(checked(from_environment(NEEDED))).checks == ()
