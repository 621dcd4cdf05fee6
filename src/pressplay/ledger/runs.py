"""Runs and their attempts: what was admitted, who may still speak, how it ended."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, Row, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from pressplay.ledger import tables
from pressplay.ledger.base import Base
from pressplay.ledger.taints import Taint, mark
from pressplay.protocol.control import Admission, AdmissionRequest
from pressplay.resources.reasons import Reason


@dataclass(frozen=True)
class RunRow:
    """A run that was admitted."""

    uid: str
    namespace: str
    name: str
    kind: str
    repository: str
    repository_id: int
    admission: Admission
    plan: str
    finished: str | None
    began: float


class Runs(Base):
    """What is kept of runs and attempts."""

    def admit(
        self, request: AdmissionRequest, admission: Admission, plan: str, subject: str = "", taint: Taint | None = None
    ) -> RunRow:
        """Keep an admitted run; one that is there already stays as it is.

        Args:
            subject: what its task is, `pr:7` or `issue:3`; "" where it is words.
            taint: why it is tainted from its beginning.
        """
        values = {
            "uid": request.uid, "namespace": request.namespace, "name": request.name, "kind": request.kind,
            "repository_id": admission.repository_id, "repository": admission.repository,
            "admission": admission.model_dump_json(), "plan": plan, "began": self._now(),
        }  # fmt: skip
        try:
            with self.transaction() as connection:
                connection.execute(insert(tables.runs).values(values))
                if request.flow is not None and _is_flow(connection, request.flow, admission.repository_id):
                    belongs = {"run": request.uid, "flow": request.flow, "repository_id": admission.repository_id}
                    connection.execute(insert(tables.flow_runs).values(**belongs, branch=admission.branch))
                self._note(connection, request.uid, "operator", "admitted", {"repository": admission.repository})
                if taint is not None:
                    where = (admission.repository_id, subject, admission.branch)
                    mark(connection, self._now(), request.uid, *where, taint)
        except IntegrityError:
            pass
        found = self.run(request.uid)
        if found is None:
            raise LookupError(f"run {request.uid} was not kept")
        return found

    def run(self, uid: str) -> RunRow | None:
        """A run that was admitted."""
        with self.transaction() as connection:
            row = connection.execute(select(tables.runs).where(tables.runs.c.uid == uid)).first()
        return None if row is None else _run(row)

    def count_runs(self) -> int:
        """How many runs were admitted so far."""
        with self.transaction() as connection:
            return int(connection.execute(select(func.count()).select_from(tables.runs)).scalar_one())

    def find_run(self, namespace: str, name: str) -> RunRow | None:
        """The latest run of a name."""
        wanted = select(tables.runs).where(tables.runs.c.namespace == namespace, tables.runs.c.name == name)
        with self.transaction() as connection:
            row = connection.execute(wanted.order_by(tables.runs.c.began.desc())).first()
        return None if row is None else _run(row)

    def begin_attempt(self, run: str, number: int) -> bool:
        """Note that an attempt speaks for the first time; False where it has been closed."""
        with self.transaction() as connection:
            where = (tables.attempts.c.run == run) & (tables.attempts.c.number == number)
            row = connection.execute(select(tables.attempts).where(where)).first()
            if row is None:
                connection.execute(insert(tables.attempts).values(run=run, number=number, closed=False))
                return True
            return not row.closed

    def told_end(self, run: str, number: int, reason: Reason, message: str) -> None:
        """What a runner gave as the reason of its end."""
        self._update_attempt(run, number, reason=reason.value, message=message)

    def close_attempt(self, run: str, number: int, reason: Reason) -> None:
        """An attempt's token is worth nothing from now on; what it had reserved is booked."""
        self._update_attempt(run, number, closed=True)
        with self.transaction() as connection:
            mine = (tables.calls.c.run == run) & (tables.calls.c.attempt == number)
            connection.execute(update(tables.calls).where(mine & ~tables.calls.c.settled).values(settled=True))
            self._note(connection, run, "operator", "attempt-ended", {"attempt": number, "reason": reason.value})

    def _update_attempt(self, run: str, number: int, **values: object) -> None:
        with self.transaction() as connection:
            where = (tables.attempts.c.run == run) & (tables.attempts.c.number == number)
            if not connection.execute(update(tables.attempts).where(where).values(values)).rowcount:
                connection.execute(
                    insert(tables.attempts).values({"run": run, "number": number, "closed": False, **values})
                )

    def finish(self, run: str, reason: Reason, backup_branch: str | None) -> None:
        """The run has ended for good."""
        with self.transaction() as connection:
            values: dict[str, object] = {"finished": reason.value}
            if backup_branch:
                values["backup_branch"] = backup_branch
            connection.execute(update(tables.runs).where(tables.runs.c.uid == run).values(values))
            self._note(connection, run, "operator", "finished", {"reason": reason.value, "backup": backup_branch})


def _is_flow(connection: Connection, flow: int, repository_id: int) -> bool:
    """Whether there is such a flow of the repository: a label that says so is anybody's to write."""
    where = (tables.flows.c.id == flow) & (tables.flows.c.repository_id == repository_id)
    return connection.execute(select(tables.flows.c.id).where(where)).first() is not None


def _run(row: Row[tuple[object, ...]]) -> RunRow:
    return RunRow(
        uid=row.uid, namespace=row.namespace, name=row.name, kind=row.kind, repository=row.repository,
        repository_id=row.repository_id, admission=Admission.model_validate_json(row.admission), plan=row.plan,
        finished=row.finished, began=row.began,
    )  # fmt: skip
