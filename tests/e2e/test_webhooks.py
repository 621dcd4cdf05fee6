"""A GitHub webhook's way through Argo Events: EventSource, JetStream, Sensor, receiver."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from localkube.providers.kind import KindCluster
from localkube.shell import run
from tests.e2e.support.kube import Kube, is_ready
from tests.e2e.support.waiting import until
from tests.e2e.support.webhooks import Delivery, Pipeline, example, passed_on

# One EventSource, Sensor and receiver serve all of them.
pytestmark = pytest.mark.xdist_group("webhooks")

FIVE_MEGABYTES = 5 * 1024 * 1024


@pytest.fixture(scope="module")
def pipeline(kube: Kube, workbench: str) -> Iterator[Pipeline]:
    """Everything a webhook runs through, ready."""
    with kube.namespace("webhooks") as namespace:
        pipeline = Pipeline(kube, namespace, workbench)
        pipeline.install()
        yield pipeline


@pytest.mark.parametrize("event", ["issues", "pull_request", "push", "check_run", "issue_comment", "ping"])
def test_a_signed_webhook_reaches_the_receiver_as_it_was_sent(pipeline: Pipeline, event: str) -> None:
    assert_passed_on(pipeline, example(event))


def test_a_wrongly_signed_webhook_is_refused_and_goes_nowhere(pipeline: Pipeline) -> None:
    assert_refused(pipeline)


def test_a_webhook_whose_body_was_changed_on_its_way_is_refused(pipeline: Pipeline) -> None:
    assert pipeline.post(example("push"), body=example("issues").body) == 400


def test_a_webhook_of_five_megabytes_is_passed_on_whole(pipeline: Pipeline) -> None:
    assert_passed_on(pipeline, example("push", padding=FIVE_MEGABYTES))


def test_after_nats_was_killed_all_of_it_works_again(pipeline: Pipeline) -> None:
    kill_nats(pipeline.kube)
    pipeline.post_until_taken(example("ping"))
    assert_passed_on(pipeline, example("issues"))
    assert_refused(pipeline)
    assert_passed_on(pipeline, example("push", padding=FIVE_MEGABYTES))


def test_a_webhook_that_was_taken_outlives_nats(pipeline: Pipeline) -> None:
    told = example("issues")
    with pipeline.without_sensor():
        assert pipeline.post(told) == 200
        delete_nats(pipeline.kube)
    assert pipeline.await_arrival(told) == passed_on(told)


def assert_passed_on(pipeline: Pipeline, told: Delivery) -> None:
    assert pipeline.post(told) == 200
    assert pipeline.await_arrival(told) == passed_on(told)


def assert_refused(pipeline: Pipeline) -> None:
    forged, next_one = example("push"), example("push")
    assert pipeline.post(forged, secret="a guess") == 400
    # What was sent later has arrived: the forged one, had it been taken, would have, too.
    assert_passed_on(pipeline, next_one)
    assert forged.delivery not in [one.delivery for one in pipeline.received()]


def kill_nats(kube: Kube) -> None:
    """`kill -9` of the server; answers when another one is ready in its place."""
    before = running(kube)
    run(KindCluster.of(kube.record).in_node("pkill", "-KILL", "-x", "nats-server"))
    await_another(kube, before)


def delete_nats(kube: Kube) -> None:
    """The pod is gone from one moment to the next; answers when another one is ready in its place."""
    before = running(kube)
    kube.delete("Pod", "nats-0", "argo-events", grace=0)
    await_another(kube, before)


def running(kube: Kube) -> str | None:
    """The container in which NATS is ready; None while there is none."""
    pod = kube.find("Pod", "nats-0", "argo-events")
    return pod["status"]["containerStatuses"][0]["containerID"] if pod and is_ready(pod) else None


def await_another(kube: Kube, before: str | None) -> None:
    # The kubelet waits longer every time that a container dies within ten minutes.
    until("another NATS to be ready", lambda: running(kube) not in (None, before), seconds=200)
