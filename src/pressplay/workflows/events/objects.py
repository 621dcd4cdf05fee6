"""The few objects of Argo Events that are used here, with the few fields that are used of them.

Their definitions in the cluster take any field (`x-kubernetes-preserve-unknown-fields`), and a misspelt one does
nothing in silence: so they are typed here. Names and meanings follow Argo Events 1.9.10, pkg/apis/events/v1alpha1.
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

API_VERSION = "argoproj.io/v1alpha1"


class _Object(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", alias_generator=to_camel, populate_by_name=True)


class Metadata(_Object):
    """Name, labels and annotations."""

    name: str | None = None
    labels: dict[str, str] | None = None
    annotations: dict[str, str] | None = None


class SecretKey(_Object):
    """A key of a Secret. Argo Events mounts all of the Secret: nothing else should stand in it."""

    name: str
    key: str


class Container(_Object):
    """What is said of the one container of an EventSource or Sensor."""

    env: tuple[dict[str, str], ...] = ()
    resources: dict[str, Any] | None = None
    security_context: dict[str, Any]


class Pod(_Object):
    """The pod of an EventSource or Sensor."""

    metadata: Metadata
    service_account_name: str
    security_context: dict[str, Any]
    container: Container


class ServicePort(_Object):
    """A port of the Service before an EventSource."""

    port: int
    target_port: int


class Service(_Object):
    """The Service before an EventSource; it is called NAME-eventsource-svc."""

    ports: tuple[ServicePort, ...]


class Webhook(_Object):
    """Where an EventSource listens.

    Attributes:
        port: a number, as text.
        max_payload_size: bytes; what is larger is refused with 400. 1 MiB where nothing is said.
    """

    endpoint: str
    method: str
    port: str
    max_payload_size: int


class Repositories(_Object):
    """Repositories in which an EventSource registers hooks; it must name some even where it registers none."""

    owner: str
    names: tuple[str, ...]


class GitHubSource(_Object):
    """GitHub's webhooks, their signature checked; without a token it registers no hook."""

    repositories: tuple[Repositories, ...]
    events: tuple[str, ...]
    content_type: Literal["json", "form"]
    webhook: Webhook
    webhook_secret: SecretKey


class EventSourceSpec(_Object):
    """What an EventSource takes in."""

    event_bus_name: str
    replicas: int
    service: Service
    template: Pod
    github: dict[str, GitHubSource]


class EventSource(_Object):
    """Takes events from outside and puts them on the bus."""

    api_version: str = API_VERSION
    kind: Literal["EventSource"] = "EventSource"
    metadata: Metadata
    spec: EventSourceSpec


class DataFilter(_Object):
    """A filter on what an event holds. Where its path is not there the Sensor logs the whole event: use such that are.

    Attributes:
        path: as gjson has it.
        value: regular expressions of which one must match somewhere, or with `!=` none of which one.
    """

    path: str
    type: Literal["string"] = "string"
    comparator: Literal["!="] | None = None
    value: tuple[str, ...] = Field(min_length=1)


class Filters(_Object):
    """Filters that must all let an event through; they are asked in this order, until one does not."""

    data: tuple[DataFilter, ...]


class Dependency(_Object):
    """Events that a Sensor is interested in."""

    name: str
    event_source_name: str
    event_name: str
    filters: Filters


class Source(_Object):
    """What is taken from an event."""

    dependency_name: str
    data_key: str


class Parameter(_Object):
    """A part of what a trigger sends; with an empty `dest` it is all of it, as it stands in the event."""

    src: Source
    dest: str = ""


class FromSecret(_Object):
    """A value that stands in a Secret."""

    secret_key_ref: SecretKey


class SecureHeader(_Object):
    """A header whose whole value stands in a Secret."""

    name: str
    value_from: FromSecret


class HTTP(_Object):
    """A request.

    Attributes:
        timeout: seconds.
    """

    url: str
    method: str
    timeout: int
    headers: dict[str, str]
    secure_headers: tuple[SecureHeader, ...]
    payload: tuple[Parameter, ...]


class Template(_Object):
    """What a trigger does.

    Attributes:
        conditions: which dependencies it waits for; `a || b` for either.
    """

    name: str
    conditions: str | None = None
    http: HTTP


class Backoff(_Object):
    """How often something is tried, and how long it waits in between. With a wrong one events are lost without a trial.

    Attributes:
        factor, jitter: numbers; Argo Events takes texts, and fails on them when it should try.
    """

    duration: str
    factor: float
    jitter: float
    steps: int


class Status(_Object):
    """Statuses of HTTP that mean success."""

    allow: tuple[int, ...]


class Policy(_Object):
    """What is success; without it every answer is, 500 too."""

    status: Status


class Trigger(_Object):
    """What a Sensor does with an event.

    Attributes:
        at_least_once: the event is acknowledged only after that.
        dlq_trigger: what is done with an event that was tried for the last time.
    """

    template: Template
    policy: Policy
    retry_strategy: Backoff
    at_least_once: bool
    dlq_trigger: Trigger | None = None


class SensorSpec(_Object):
    """What a Sensor listens for, and what it does."""

    event_bus_name: str
    replicas: int
    template: Pod
    dependencies: tuple[Dependency, ...]
    triggers: tuple[Trigger, ...]


class Sensor(_Object):
    """Takes events from the bus and does something."""

    api_version: str = API_VERSION
    kind: Literal["Sensor"] = "Sensor"
    metadata: Metadata
    spec: SensorSpec


def as_manifest(built: EventSource | Sensor) -> dict[str, Any]:
    """The object as the API server takes it."""
    return built.model_dump(mode="json", by_alias=True, exclude_none=True)
