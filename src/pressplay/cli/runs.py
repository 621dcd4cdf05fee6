"""Runs in the cluster as the command line reads and writes them: dicts, of either kind.

Read as they are and not through the models: a newer operator may tell reasons that this command line does not know.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any

from pressplay.cli.failures import Exit, Problem
from pressplay.kube.access import Access, Refused, objects
from pressplay.resources.base import API_VERSION, PLURALS
from pressplay.resources.reasons import ConditionType, Phase

FINAL = (Phase.SUCCEEDED, Phase.FAILED, Phase.CANCELLED)

Run = dict[str, Any]


def path(kind: str, namespace: str | None, name: str = "", part: str = "") -> str:
    """The API's path of a run, or of all runs of a kind."""
    return objects(API_VERSION, PLURALS[kind], namespace, name, part)


def look(access: Access, name: str) -> Run | None:
    """The run of this name, whichever kind it is; None where there is none."""
    wanted_kind, _, bare = name.rpartition("/")
    kinds = [kind for kind, plural in PLURALS.items() if wanted_kind.lower() in ("", kind.lower(), plural)]
    for kind in kinds:
        try:
            return access.get(path(kind, access.namespace, bare))
        except Refused as error:
            if error.status != HTTPStatus.NOT_FOUND or not error.reason:
                raise
    return None


def find(access: Access, name: str) -> Run:
    """The same.

    Raises:
        Problem: there is none.
    """
    found = look(access, name)
    if found is not None:
        return found
    raise Problem(
        f"there is no run {name.rpartition('/')[2]!r} in namespace {access.namespace}",
        "`pressplay get` lists those there are; -n names another namespace",
    )


def every(access: Access, everywhere: bool = False) -> list[Run]:
    """All runs of both kinds, the youngest last."""
    found = [
        {"apiVersion": API_VERSION, "kind": kind, **item}
        for kind in PLURALS
        for item in access.get(path(kind, None if everywhere else access.namespace))["items"]
    ]
    return sorted(found, key=lambda run: str(run["metadata"].get("creationTimestamp")))


def changes(access: Access, run: Run, seconds: int) -> Iterator[Run | None]:
    """The run as it is at each change for some seconds; None when it is deleted. The first is the run as it is now."""
    meta = run["metadata"]
    for event in access.watch(
        path(run["kind"], meta["namespace"]), seconds, fieldSelector=f"metadata.name={meta['name']}"
    ):
        if event["type"] == "DELETED":
            yield None
            return
        if event["type"] in ("ADDED", "MODIFIED"):
            yield event["object"]


def phase(run: Run) -> str:
    """Where the run is, in one word."""
    return str(status(run).get("phase") or Phase.PENDING)


def finished(run: Run) -> bool:
    """Whether nothing more happens."""
    return phase(run) in FINAL


def exit_of(run: Run) -> Exit:
    """The exit code that says how the run ended."""
    match phase(run):
        case Phase.SUCCEEDED:
            return Exit.SUCCEEDED
        case Phase.CANCELLED:
            return Exit.CANCELLED
        case Phase.FAILED:
            return Exit.FAILED
        case _:
            return Exit.NOT_FINISHED


def status(run: Run) -> dict[str, Any]:
    """What is told of the run; empty where nobody has looked at it yet."""
    found: dict[str, Any] = run.get("status") or {}
    return found


def condition(run: Run, kind: ConditionType) -> dict[str, Any] | None:
    """One condition of the run."""
    found: list[dict[str, Any]] = status(run).get("conditions") or []
    return next((each for each in found if each.get("type") == kind), None)


def telling(run: Run) -> dict[str, Any] | None:
    """The condition that says best why the run is as it is now."""
    finished_condition = condition(run, ConditionType.FINISHED)
    if finished_condition and finished_condition.get("status") == "True":
        return finished_condition
    admitted, suspended = condition(run, ConditionType.ADMITTED), condition(run, ConditionType.SUSPENDED)
    if admitted and admitted.get("status") == "False":
        return admitted
    if suspended and suspended.get("status") == "True":
        return suspended
    # That it was admitted is no news once it is told how it goes on, also where that is not at all.
    return condition(run, ConditionType.RUNNING) or admitted or suspended


def moment(text: str | None) -> datetime | None:
    """A time as Kubernetes writes it."""
    return None if not text else datetime.fromisoformat(text)


def now() -> datetime:
    """The time, in UTC."""
    return datetime.now(UTC)


def name_of(run: Run) -> str:
    """As kubectl writes names: `coderun.agents.platform/NAME`."""
    group = str(run.get("apiVersion") or API_VERSION).partition("/")[0]
    return f"{run['kind'].lower()}.{group}/{run['metadata']['name']}"
