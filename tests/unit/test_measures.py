"""What operator and gateway say of themselves: ready or not, and measures that Prometheus can read."""

from __future__ import annotations

import asyncio

import pytest
from prometheus_client.parser import text_string_to_metric_families
from starlette.testclient import TestClient

from pressplay.gateway.metrics import Metrics as GatewayMetrics
from pressplay.kube.access import Unreachable
from pressplay.llm.usage import Usage
from pressplay.operator.health import SILENT_SECONDS, application
from pressplay.operator.metrics import Metrics
from pressplay.operator.queue import Queue
from pressplay.operator.worker import Key


def told(text: str) -> dict[tuple[str, str], float]:
    """Samples by name and labels."""
    return {
        (sample.name, ",".join(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


@pytest.mark.parametrize(("silent", "status"), [(0.0, 200), (SILENT_SECONDS + 1, 503)])
def test_an_operator_that_cannot_reach_the_api_server_is_not_ready_and_still_alive(silent: float, status: int) -> None:
    client = TestClient(application(Metrics(), lambda: silent))
    assert client.get("/readyz").status_code == status
    assert client.get("/healthz").status_code == 200


def test_looks_are_timed_failures_counted_and_what_waits_is_seen() -> None:
    metrics = Metrics()

    async def look(key: Key) -> float | None:
        if key[2] == "bad":
            raise Unreachable("no answer")
        return None

    async def work() -> None:
        queue = Queue(look, metrics)
        for name in ("good", "bad"):
            queue.add(("CodeRun", "here", name))
        waiting = told(TestClient(application(metrics, lambda: 0.0)).get("/metrics").text)
        assert waiting["pressplay_operator_queue_length", ""] == 2
        queue.leadership.tell(True)
        running = asyncio.create_task(queue.run())
        async with asyncio.timeout(10):
            while metrics.failures.labels("CodeRun")._value.get() < 1:  # noqa: ASYNC110 - a counter tells nobody
                await asyncio.sleep(0)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)

    asyncio.run(work())
    measures = told(TestClient(application(metrics, lambda: 0.0)).get("/metrics").text)
    assert measures["pressplay_operator_look_seconds_count", "CodeRun"] == 2
    assert measures["pressplay_operator_look_failures_total", "CodeRun"] == 1
    assert measures["pressplay_operator_queue_length", ""] == 0
    assert measures["process_resident_memory_bytes", ""] > 0


def test_tokens_and_cost_of_models_are_counted_in_the_units_that_their_names_say() -> None:
    metrics = GatewayMetrics()
    metrics.answered("m", Usage(input=10, output=5, cache_read=100), 2_500_000)
    metrics.unanswered("m", "ModelUnavailable")
    value = metrics.registry.get_sample_value
    assert value("pressplay_gateway_model_cost_dollars_total", {"model": "m"}) == 2.5
    assert value("pressplay_gateway_model_tokens_total", {"model": "m", "kind": "cache_read"}) == 100
    assert value("pressplay_gateway_model_calls_total", {"model": "m", "ended": "answered"}) == 1
    assert value("pressplay_gateway_model_calls_total", {"model": "m", "ended": "ModelUnavailable"}) == 1
