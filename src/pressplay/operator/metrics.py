"""What the operator measures of itself, for Prometheus (https://prometheus.io/docs/instrumenting/exposition_formats/)."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, PlatformCollector, ProcessCollector

BUCKETS = (0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 120.0)


class Metrics:
    """All measures, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        PlatformCollector(registry=self.registry)
        self.looks = Histogram(
            "pressplay_operator_look_seconds", "Seconds that a look at a run or a Workflow took.", ["kind"],
            buckets=BUCKETS, registry=self.registry,
        )  # fmt: skip
        self.failures = Counter(
            "pressplay_operator_look_failures", "Looks that were cut short; each is made again.", ["kind"],
            registry=self.registry,
        )  # fmt: skip
        self.waiting = Gauge(
            "pressplay_operator_queue_length", "Runs and Workflows that wait to be looked at.", registry=self.registry
        )
        self.leading = Gauge(
            "pressplay_operator_leading", "1 where this operator is the one at work, else 0.", registry=self.registry
        )
        self.attempts = Counter(
            "pressplay_operator_attempts", "Jobs that were made for attempts.", ["kind"], registry=self.registry
        )
        self.finished = Counter(
            "pressplay_operator_runs_finished", "Runs that have ended, by the reason of their condition Finished.",
            ["kind", "reason"], registry=self.registry,
        )  # fmt: skip
        self.flows = Counter(
            "pressplay_operator_flows", "Workflows that were made for events, were stopped, or have ended.",
            ["flow", "what"], registry=self.registry,
        )  # fmt: skip
        self.nodes = Counter(
            "pressplay_operator_nodes", "Suspended nodes of Workflows that were completed.", ["operation", "phase"],
            registry=self.registry,
        )  # fmt: skip
