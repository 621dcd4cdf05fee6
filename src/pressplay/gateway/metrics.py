"""What the gateway measures of itself, for Prometheus. Nothing in it names a run, a repository or a person."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, PlatformCollector, ProcessCollector

from pressplay.llm.usage import Usage

MICRO = 1_000_000


class Metrics:
    """All measures, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        PlatformCollector(registry=self.registry)
        self.admissions = Counter(
            "pressplay_gateway_admissions", "Runs that asked to begin, by the reason of the answer.", ["reason"],
            registry=self.registry,
        )  # fmt: skip
        self.outputs = Counter(
            "pressplay_gateway_outputs", "What runs handed over, by what became of it or the reason of its refusal.",
            ["outcome"], registry=self.registry,
        )  # fmt: skip
        self.events = Counter(
            "pressplay_gateway_events", "Events that came in, by what they did; `again` for one that came before.",
            ["kind", "effect"], registry=self.registry,
        )  # fmt: skip
        self._calls = Counter(
            "pressplay_gateway_model_calls", "Calls of models that were tried, by how they ended.", ["model", "ended"],
            registry=self.registry,
        )  # fmt: skip
        self._tokens = Counter(
            "pressplay_gateway_model_tokens", "Tokens as the vendor counted them.", ["model", "kind"],
            registry=self.registry,
        )  # fmt: skip
        self._dollars = Counter(
            "pressplay_gateway_model_cost_dollars", "Cost by the price file, in US dollars.", ["model"],
            registry=self.registry,
        )  # fmt: skip

    def answered(self, model: str, usage: Usage, cost: int, ended: str = "answered") -> None:
        """A model answered.

        Args:
            cost: in millionths of a US dollar.
            ended: how, in words.
        """
        self._calls.labels(model, ended).inc()
        kinds = (
            ("input", usage.input), ("output", usage.output), ("cache_read", usage.cache_read),
            ("cache_write", usage.cache_write),
        )  # fmt: skip
        for kind, count in kinds:
            self._tokens.labels(model, kind).inc(count)
        self._dollars.labels(model).inc(cost / MICRO)

    def unanswered(self, model: str, reason: str) -> None:
        """A model did not answer."""
        self._calls.labels(model, reason).inc()
