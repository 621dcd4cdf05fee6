"""Which events belong to which flow, for people to see in the Sensor. What an event does is decided behind the inbox.

The kind of an event is asked first: it is always there (the EventSource writes it into the body), and events of the
kinds that are asked for their action all have one. A path that is not there would have the Sensor log the whole event.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from pressplay.github.events import Kind
from pressplay.policy.flows import (
    ALERT_ACTIONS,
    CHECK_ACTIONS,
    ISSUE_ACTIONS,
    PULL_ACTIONS,
    SAID_ACTIONS,
    Flow,
)
from pressplay.workflows.events.objects import DataFilter, Filters

KIND_PATH: Final = "body.X-GitHub-Event"
ACTION_PATH: Final = "body.action"

_PULLS = (Kind.PULL_REQUEST,)
_SAID = (Kind.ISSUE_COMMENT, Kind.REVIEW, Kind.REVIEW_COMMENT)
_ISSUES = (Kind.ISSUES,)
_CHECKS = (Kind.CHECK_RUN, Kind.WORKFLOW_RUN)
_ALERTS = (Kind.CODE_SCANNING, Kind.DEPENDABOT, Kind.SECRET_SCANNING)


def _of(kinds: tuple[str, ...], actions: tuple[str, ...] = (), *, other: bool = False) -> Filters:
    """Events of these kinds with one of these actions, or with any other."""
    by_kind = DataFilter(path=KIND_PATH, value=(_one_of(kinds),))
    if not actions:
        return Filters(data=(by_kind,))
    by_action = DataFilter(path=ACTION_PATH, comparator="!=" if other else None, value=(_one_of(actions),))
    return Filters(data=(by_kind, by_action))


def _one_of(words: tuple[str, ...]) -> str:
    return f"^({'|'.join(words)})$"


# By name of the dependency. The last one names the place in the stream where the Sensor reads on: Argo Events takes
# that place away when the filter of this name changes, so it is one that does not.
FILTERS: Final[Mapping[str, Filters]] = {
    Flow.PULL_REQUEST.value: _of(_PULLS, PULL_ACTIONS),
    Flow.COMMENT.value: _of(_SAID, SAID_ACTIONS),
    Flow.ISSUE.value: _of(_ISSUES, ISSUE_ACTIONS),
    Flow.CHECKS.value: _of(_CHECKS, CHECK_ACTIONS),
    Flow.SECURITY.value: _of(_ALERTS, ALERT_ACTIONS),
    "pull-requests-wake": _of(_PULLS, PULL_ACTIONS, other=True),
    "comments-wake": _of(_SAID, SAID_ACTIONS, other=True),
    "issues-wake": _of(_ISSUES, ISSUE_ACTIONS, other=True),
    "checks-wake": _of(_CHECKS, CHECK_ACTIONS, other=True),
    "pushes-wake": _of((Kind.PUSH,)),
    "ping": _of(("ping",)),
}
