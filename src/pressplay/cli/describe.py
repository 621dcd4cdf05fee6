"""Runs in words: the one line of progress, the lines of a list, and what keeps a run from going on. Pure."""

from __future__ import annotations

from datetime import datetime, timedelta

from pressplay.cli.failures import Exit
from pressplay.cli.runs import Run, condition, exit_of, finished, moment, phase, status, telling
from pressplay.cli.show import age, duration, money, one_line
from pressplay.resources.reasons import ConditionType, Reason
from pressplay.resources.remedies import REMEDIES

RESUME = '{"spec":{"suspend":false}}'
HEADER = ("NAME", "KIND", "PHASE", "REASON", "PERSONA", "PR", "COST", "AGE")
# So long an operator that runs has looked at a new run.
NOBODY_LOOKS_AFTER = timedelta(seconds=20)


def row(run: Run, now: datetime) -> tuple[str, ...]:
    """The run's line in a list, below HEADER."""
    told = status(run)
    number = told.get("pullRequest")
    return (
        run["metadata"]["name"],
        run["kind"],
        phase(run),
        (telling(run) or {}).get("reason") or "-",
        told.get("persona") or run["spec"].get("persona") or run["spec"].get("githubApp") or "-",
        f"#{number}" if number else "-",
        money(told.get("cost")),
        age(moment(run["metadata"].get("creationTimestamp")), now),
    )


def progress(run: Run) -> str:
    """Where the run is, in one line."""
    told = status(run)
    why = telling(run) or {}
    parts = [f"{phase(run):<9} {why.get('reason') or 'Waiting'}"]
    if told.get("attempts"):
        parts.append(f"attempt {told['attempts']} of {run['spec'].get('attempts', 3)}")
    if usage := told.get("usage"):
        parts.append(f"{usage.get('calls', 0)} calls")
    if told.get("cost"):
        parts.append(money(told["cost"]))
    # The operator's message may say no more than the number that stands there already.
    if (message := why.get("message")) and message != f"attempt {told.get('attempts')}":
        parts.append(one_line(message))
    return " · ".join(parts)


def ending(run: Run) -> list[str]:
    """How the run ended, what came of it and where to look."""
    told = status(run)
    why = telling(run) or {}
    began = moment(told.get("startTime"))
    took = f"after {duration(began, moment(told.get('completionTime')))}" if began else "before it began"
    lines = [f"{run['metadata']['name']} {phase(run).lower()} ({why.get('reason', '-')}) {took}"]
    if why.get("message") and exit_of(run) is not Exit.SUCCEEDED:
        lines.append(f"  {one_line(why['message'])}")
    if told.get("pullRequestUrl"):
        lines.append(f"  pull request  {told['pullRequestUrl']}")
    if told.get("summary"):
        lines.append(f"  summary       {one_line(told['summary'])}")
    if told.get("backupBranch"):
        lines.append(f"  work is kept  {told['backupBranch']}")
    if told.get("cost"):
        lines.append(f"  cost          {money(told['cost'])}")
    return [*lines, *_taint(run)]


def _taint(run: Run) -> list[str]:
    """Whose words the run has read that may not write."""
    found = condition(run, ConditionType.TAINTED) or {}
    return [f"  tainted       {found.get('message', '')}"] if found.get("status") == "True" else []


def _remedy(run: Run) -> list[str]:
    """What to do where the message is the agent's own words, or counts what it did; all others say it themselves."""
    reason = (telling(run) or {}).get("reason")
    if reason not in (Reason.GAVE_UP, Reason.NOT_CONVERGING):
        return []
    return [f"  {REMEDIES[Reason(reason)].remedy.replace('NAME', run['metadata']['name'])}, in a new run"]


def why_now(run: Run, now: datetime) -> list[str]:
    """What holds the run up, or how it ended: one line, and one with what to do where that is known."""
    name = run["metadata"]["name"]
    if finished(run):
        return [*ending(run), *_remedy(run)]
    since = moment(run["metadata"].get("creationTimestamp"))
    if not status(run).get("conditions"):
        if since and now - since > NOBODY_LOOKS_AFTER:
            return [
                f"{name}: no operator has looked at it for {age(since, now)}",
                "  `pressplay doctor` says whether one runs and which namespaces it watches",
            ]
        return [f"{name}: it was just made; the operator will look at it"]
    if run["spec"].get("cancel"):
        return [f"{name}: it is being cancelled; what it did is being saved"]
    if run["spec"].get("suspend"):
        return [
            f"{name}: held by spec.suspend; its work is kept",
            f"  `kubectl patch {run['kind'].lower()} {name} --type=merge -p '{RESUME}'` lets it go on",
        ]
    why = telling(run) or {}
    since = moment(why.get("lastTransitionTime"))
    admitted = condition(run, ConditionType.ADMITTED) or {}
    told = why.get("message") or admitted.get("message") or "nothing holds it up"
    return [f"{name}: {why.get('reason', 'Waiting')} for {age(since, now)}: {one_line(told)}", *_taint(run)]
