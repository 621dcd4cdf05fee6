"""The chart's values, their schema and their reference say the same, and wrong values are refused by name."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from tools.generate_values_reference import entries, reference

CHART = Path(__file__).resolve().parents[2] / "charts" / "pressplay"
VALUES: dict[str, Any] = yaml.safe_load((CHART / "values.yaml").read_text())
SCHEMA: dict[str, Any] = json.loads((CHART / "values.schema.json").read_text())


def objects(schema: dict[str, Any]) -> Iterator[dict[str, Any]]:
    if schema.get("type") == "object" and "properties" in schema:
        yield schema
    for sub in schema.get("properties", {}).values():
        yield from objects(sub)


def merged(base: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    both = {name: merged(base[name], new) for name, new in changes.items() if isinstance(base.get(name), dict)}
    return {**base, **changes, **both}


def refusals(changes: dict[str, Any]) -> list[str]:
    validator = jsonschema.Draft7Validator(SCHEMA)
    return [".".join(map(str, error.path)) for error in validator.iter_errors(merged(VALUES, changes))]


def test_the_defaults_are_allowed() -> None:
    assert refusals({}) == []


def test_no_object_takes_names_that_it_does_not_know() -> None:
    assert all(schema.get("additionalProperties") is False for schema in objects(SCHEMA))


def test_every_value_has_a_place_in_the_schema_and_the_other_way_round() -> None:
    def same(values: dict[str, Any], schema: dict[str, Any], where: str) -> None:
        known = schema["properties"]
        assert set(values) == set(known) - {"global"}, where or "the top"
        for name, value in values.items():
            if "properties" in known[name] and name != "resources":
                same(value, known[name], f"{where}.{name}")

    same(VALUES, SCHEMA, "")


def test_every_value_is_explained() -> None:
    assert [entry.name for entry in entries((CHART / "values.yaml").read_text()) if not entry.text] == []


def test_the_reference_names_every_value_with_its_default() -> None:
    text = reference((CHART / "values.yaml").read_text())
    assert "| `images.pullPolicy` | `IfNotPresent` |" in text
    assert "| `gateway.persistence.size` | `10Gi` |" in text
    assert "| `operator.resources` |" in text


@pytest.mark.parametrize(
    ("changes", "where"),
    [
        ({"imagse": {}}, ""),
        ({"images": {"pullPolicy": "Sometimes"}}, "images.pullPolicy"),
        ({"images": {"platform": {"digest": "sha256:abc"}}}, "images.platform.digest"),
        ({"watchNamespaces": "a"}, "watchNamespaces"),
        ({"watchNamespaces": ["A_b"]}, "watchNamespaces.0"),
        ({"operator": {"replicas": "2"}}, "operator.replicas"),
        ({"github": {"url": "github.com"}}, "github.url"),
        ({"github": {"url": "https://user@github.com"}}, "github.url"),
        ({"github": {"apps": [{"name": "default", "existingSecret": "a"}]}}, "github.apps.0.name"),
        ({"github": {"privateKey": "secret"}}, "github.privateKey"),
        ({"llm": {"provider": "acme"}}, "llm.provider"),
        ({"llm": {"rateLimit": 0}}, "llm.rateLimit"),
        ({"llm": {"timeout": "soon"}}, "llm.timeout"),
        ({"caBundle": {"pem": "x"}}, "caBundle.pem"),
        ({"flows": {"argoServer": {"caBundle": {"pem": "x"}}}}, "flows.argoServer.caBundle.pem"),
        ({"gateway": {"ledger": {"url": "mysql://x"}}}, "gateway.ledger.url"),
        ({"gateway": {"persistence": {"size": "ten"}}}, "gateway.persistence.size"),
        ({"events": {"mode": "push"}}, "events.mode"),
        ({"events": {"port": "12000"}}, "events.port"),
        ({"events": {"webhookSecret": ""}}, "events.webhookSecret"),
        ({"metrics": {"serviceMonitor": {"interval": "30"}}}, "metrics.serviceMonitor.interval"),
        ({"flows": {"limits": {"runs": 0}}}, "flows.limits.runs"),
        ({"flows": {"limits": {"pr-flows": 5}}}, "flows.limits"),
        ({"flows": {"namespace": "Team"}}, "flows.namespace"),
    ],
)
def test_wrong_values_are_refused_where_they_stand(changes: dict[str, Any], where: str) -> None:
    assert refusals(changes) == [where]


@pytest.mark.parametrize(
    "changes",
    [
        {"github": {"url": "http://localhub.localhub:8080", "apiUrl": "http://localhub.localhub:8080/api/v3"}},
        {"llm": {"rateLimit": 50, "timeout": 90.5, "model": "a,b"}},
        {"llm": {"rateLimit": "50"}},
        {"github": {"appId": 12345}},
        {"events": {"mode": False}},
        {"events": {"mode": "webhook"}},
        {"gateway": {"ledger": {"url": "postgresql+psycopg://u:p@db/pressplay"}}},
        {"global": {"anything": 1}},
        {"operator": {"resources": {"limits": {"memory": "1Gi", "example.com/gpu": 1}}}},
    ],
)
def test_values_that_people_need_are_allowed(changes: dict[str, Any]) -> None:
    assert refusals(changes) == []
