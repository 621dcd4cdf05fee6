"""What is told of a run: the status that follows from what is known. Pure."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from pressplay.operator.build import Run, job_name
from pressplay.protocol.control import Admission, Record
from pressplay.resources.conditions import Condition, Truth, phase_of, with_condition
from pressplay.resources.reasons import ConditionType, Reason
from pressplay.resources.run import Link, RunStatus, Usage


class Teller:
    """Collects what is told of a run in one step."""

    def __init__(self, run: Run, now: datetime) -> None:
        self._run = run
        # The API server keeps whole seconds.
        self._now = now.astimezone(UTC).replace(microsecond=0)
        self.status: RunStatus = run.status

    def condition(self, kind: ConditionType, status: Truth, reason: Reason, message: str = "") -> None:
        """Tell one thing."""
        new = Condition(
            type=kind, status=status, reason=reason, message=message[:32000], last_transition_time=self._now,
            observed_generation=self._run.metadata.generation,
        )  # fmt: skip
        self._set(conditions=list(with_condition(self.status.conditions, new)))

    def admitted(self, admission: Admission) -> None:
        """The run may begin."""
        self.condition(ConditionType.ADMITTED, "True", Reason.ADMITTED, admission.notice)
        self._set(
            persona=admission.persona, model=admission.model, branch=admission.branch, base=admission.base,
            base_sha=admission.base_sha,
        )  # fmt: skip
        self._tainted(admission.tainted)

    def attempt(self, number: int) -> None:
        """An attempt has begun."""
        self._set(attempts=number, job=job_name(self._run, number), start_time=self.status.start_time or self._now)

    def record(self, record: Record) -> None:
        """What the gateway knows."""
        usage = Usage(
            calls=record.usage.calls, input_tokens=record.usage.input_tokens,
            output_tokens=record.usage.output_tokens, cache_read_tokens=record.usage.cache_read_tokens,
            cache_write_tokens=record.usage.cache_write_tokens,
        )  # fmt: skip
        self._set(usage=usage, cost=f"{record.cost / 1_000_000:.4f}", cursor=str(record.cursor))
        if record.outcome is not None:
            self._set(verdict=record.verdict, summary=record.summary)
        if record.outcome == "pull_request":
            self._set(
                head_sha=record.head, pull_request=record.pull_request, pull_request_url=record.url,
                links=[Link(name="pull request", url=record.url or "")],
            )  # fmt: skip
            self.condition(ConditionType.PULL_REQUEST_READY, "True", Reason.PULL_REQUEST_OPENED, record.url or "")
        if record.backup_branch:
            self._set(backup_branch=record.backup_branch)
        self._tainted(record.tainted)

    def finished(self, reason: Reason, message: str) -> None:
        """Nothing more happens."""
        if self.status.attempts:
            self.condition(ConditionType.RUNNING, "False", reason)
        self.condition(ConditionType.FINISHED, "True", reason, message)
        self._set(completion_time=self._now)

    def changed(self) -> dict[str, Any] | None:
        """The status to be written; None where it says what it said."""
        self._set(phase=phase_of(self.status.conditions))
        if self.status.to_manifest() == self._run.status.to_manifest():
            return None
        self._set(observed_generation=self._run.metadata.generation)
        return self.status.to_manifest()

    def _tainted(self, why: str | None) -> None:
        if why is not None:
            self.condition(ConditionType.TAINTED, "True", Reason.STRANGERS_TEXT, why)

    def _set(self, **values: object) -> None:
        self.status = self.status.model_copy(update=values)
