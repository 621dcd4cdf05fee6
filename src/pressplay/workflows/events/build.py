"""The EventSource that GitHub sends to, and the Sensor that brings its events to the inbox. Pure.

One trigger for all events, with a filter a flow: each further trigger would have every event sent to it once more (a
webhook of 20 MB takes 240 MB of the Sensor's memory by one trigger, 1.3 GB by eleven), and have a place in the stream
of its own, lost with every change of its filter. What an event says stands in no template:
its body is sent as it is, and the inbox knows the rest.
"""

from __future__ import annotations

from typing import Any, Final

from pressplay.protocol.inbox import DEAD_LETTERS, EVENTS, MINIMAL
from pressplay.resources.names import EVENTS_PORT
from pressplay.workflows.events.filters import FILTERS
from pressplay.workflows.events.objects import (
    HTTP,
    Backoff,
    Container,
    Dependency,
    EventSource,
    EventSourceSpec,
    FromSecret,
    GitHubSource,
    Metadata,
    Parameter,
    Pod,
    Policy,
    Repositories,
    SecretKey,
    SecureHeader,
    Sensor,
    SensorSpec,
    Service,
    ServicePort,
    Source,
    Status,
    Template,
    Trigger,
    Webhook,
)

# A stream knows EventSources and Sensors by their names alone, from whatever namespace they are; the chart has a value.
SOURCE: Final = "pressplay-github"
EVENT: Final = "app"
SENSOR: Final = "pressplay-inbox"
TRIGGER: Final = "inbox"
BUS: Final = "default"
ACCOUNT: Final = "pressplay-events"
PORT: Final = 12000
ENDPOINT: Final = "/github"
WEBHOOK_SECRET: Final = SecretKey(name="pressplay-webhook", key="secret")
TOKEN: Final = SecretKey(name="pressplay-events", key="token")

# GitHub sends some more at most (25 MiB), but NATS stores no message above 32 MiB, in which a body lies in base64. What
# is larger is refused at once: GitHub shows the delivery as failed, and what it told is read from GitHub's state.
LARGEST_BODY: Final = 25_000_000

# The user of Argo Events' image.
USER: Final = 9731
# Both have some 75 MiB; with one of GitHub's largest events at hand, which lies in memory several times over, 450.
LIMITS: Final = {"requests": {"cpu": "10m", "memory": "64Mi"}, "limits": {"memory": "1Gi"}}
MEMORY: Final = {"name": "GOMEMLIMIT", "value": "640MiB"}

# The gateway keeps an event before it answers 204; what is too large to be an event stays so.
TAKEN: Final = (202, 204, 413)
ANSWER_SECONDS: Final = 30
# For an hour: a gateway that starts anew is away for less, and the events behind this one wait on the bus.
RETRIES: Final = Backoff(duration="2s", factor=1, jitter=0.1, steps=1700)
LAST_RETRIES: Final = Backoff(duration="5s", factor=1, jitter=0.1, steps=60)


def event_source() -> EventSource:
    """Where GitHub's webhooks arrive: signatures are checked here, and what is taken lies on the bus."""
    github = GitHubSource(
        # It must name one; without a token of GitHub's it registers a hook nowhere. The App has the one.
        repositories=(Repositories(owner="none", names=("registers-no-hook",)),),
        events=("*",),
        content_type="json",
        webhook=Webhook(endpoint=ENDPOINT, method="POST", port=str(PORT), max_payload_size=LARGEST_BODY),
        webhook_secret=WEBHOOK_SECRET,
    )
    spec = EventSourceSpec(
        event_bus_name=BUS,
        replicas=1,
        service=Service(ports=(ServicePort(port=PORT, target_port=PORT),)),
        template=_pod("eventsource"),
        github={EVENT: github},
    )
    told = {"description": "Where GitHub's webhooks arrive; their signatures are checked here."}
    return EventSource(metadata=Metadata(name=SOURCE, annotations=told), spec=spec)


def sensor() -> Sensor:
    """What brings each event to the inbox, once it lies on the bus, until the inbox has kept it."""
    dependencies = tuple(
        Dependency(name=name, event_source_name=SOURCE, event_name=EVENT, filters=filters)
        for name, filters in FILTERS.items()
    )
    dead = Trigger(
        template=Template(name="dead-letters", http=_request(DEAD_LETTERS)),
        policy=Policy(status=Status(allow=TAKEN)),
        retry_strategy=LAST_RETRIES,
        at_least_once=True,
    )
    trigger = Trigger(
        template=Template(name=TRIGGER, conditions=" || ".join(FILTERS), http=_request(EVENTS)),
        policy=Policy(status=Status(allow=TAKEN)),
        retry_strategy=RETRIES,
        at_least_once=True,
        dlq_trigger=dead,
    )
    spec = SensorSpec(
        event_bus_name=BUS, replicas=1, template=_pod("sensor"), dependencies=dependencies, triggers=(trigger,)
    )
    told = {"description": "Brings GitHub's events to the inbox; each filter says which flow they belong to."}
    return Sensor(metadata=Metadata(name=SENSOR, annotations=told), spec=spec)


def _request(path: str) -> HTTP:
    """The body of whichever event came, to the inbox."""
    return HTTP(
        url=f"http://pressplay-gateway:{EVENTS_PORT}{path}",
        method="POST",
        timeout=ANSWER_SECONDS,
        headers={"Content-Type": "application/json", "Prefer": MINIMAL},
        secure_headers=(SecureHeader(name="Authorization", value_from=FromSecret(secret_key_ref=TOKEN)),),
        payload=tuple(Parameter(src=Source(dependency_name=name, data_key="body")) for name in FILTERS),
    )


def _pod(component: str) -> Pod:
    """A pod as the pod security standard `restricted` wants it."""
    alone: dict[str, Any] = {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    user = {
        "runAsNonRoot": True,
        "runAsUser": USER,
        "runAsGroup": USER,
        "fsGroup": USER,
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    return Pod(
        metadata=Metadata(labels={"app.kubernetes.io/name": "pressplay", "app.kubernetes.io/component": component}),
        service_account_name=ACCOUNT,
        security_context=user,
        container=Container(env=(MEMORY,), resources=LIMITS, security_context=alone),
    )
