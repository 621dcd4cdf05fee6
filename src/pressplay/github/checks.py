"""Checks of a commit as GitHub tells them: check runs, statuses, which of them a branch demands, jobs and their logs.

Reads are typed and say nothing of what follows from them; `pressplay.policy.gates` judges.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from pressplay.github.client import GitHub
from pressplay.github.errors import NotFound, Refused

# GitHub's own runner of workflows: the id of its check run is the id of the job that it stands for.
ACTIONS = "github-actions"
LOG_TAIL = 64 * 1024
# Of merges, as rules and the call that merges name them.
METHODS: tuple[str, ...] = ("merge", "squash", "rebase")
_BOT = re.compile(r"[A-Za-z0-9-]{1,80}\[bot\]")


@dataclass(frozen=True)
class CheckRun:
    """A check run.

    Attributes:
        app: id of the App that made it; None for one that is gone.
        status: queued, in_progress, completed and GitHub's others.
        conclusion: "" while it is not completed.
        started: ISO 8601; "" where it has not begun.
    """

    identity: int
    name: str
    app: int | None
    app_slug: str
    status: str
    conclusion: str
    head: str
    started: str = ""


@dataclass(frozen=True)
class Status:
    """The latest status of a context.

    Attributes:
        state: error, failure, pending or success.
        login: of who told it.
        app: id of the App that told it, where it was one.
    """

    context: str
    state: str
    login: str
    app: int | None = None


@dataclass(frozen=True)
class Required:
    """A check that a branch demands.

    Attributes:
        app: id of the App that it must come from; None for any.
    """

    context: str
    app: int | None = None


@dataclass(frozen=True)
class Demands:
    """What a branch demands before a merge.

    Attributes:
        approvals: how many reviews must approve.
        methods: of merges that the rules allow: merge, squash, rebase.
        up_to_date: whether a commit must have all of the branch in it.
        queued: whether merges go through a merge queue.
    """

    checks: tuple[Required, ...] = ()
    approvals: int = 0
    methods: tuple[str, ...] = METHODS
    up_to_date: bool = False
    queued: bool = False


@dataclass(frozen=True)
class Job:
    """A job of a workflow's run."""

    identity: int
    run: int
    name: str
    conclusion: str


async def check_runs(github: GitHub, repository: str, commit: str, name: str = "") -> list[CheckRun]:
    """The latest check runs of a commit, or of the branch that it names.

    Args:
        name: of the check, where only one is wanted.
    """
    params = {"filter": "latest", **({"check_name": name} if name else {})}
    path = f"/repos/{repository}/commits/{quote(commit, safe='')}/check-runs"
    return [run_of(each) for each in await github.every(path, params, "check_runs")]


async def statuses(github: GitHub, repository: str, commit: str) -> list[Status]:
    """The latest status of each context of a commit; an App's with its id, so that no other passes for it."""
    latest: dict[str, Mapping[str, Any]] = {}
    for told in await github.every(f"/repos/{repository}/commits/{commit}/statuses", {}):
        # The latest comes first.
        latest.setdefault(str(told["context"]), told)
    apps: dict[str, int | None] = {}
    found = []
    for context, each in latest.items():
        login = _login(each.get("creator"))
        if login not in apps:
            apps[login] = await _app_of(github, login)
        found.append(Status(context, str(each["state"]), login, apps[login]))
    return found


async def _app_of(github: GitHub, login: str) -> int | None:
    """The App whose user it is."""
    if not _BOT.fullmatch(login):
        return None
    try:
        return int((await github.read(f"/apps/{login.removesuffix('[bot]')}"))["id"])
    except (NotFound, Refused):
        return None


async def demands(github: GitHub, repository: str, branch: str) -> Demands:
    """What a branch demands: by all rulesets that hold for it, and by its protection of the older kind."""
    checks: dict[Required, None] = {}
    approvals, methods, up_to_date, queued = 0, METHODS, False, False
    name = quote(branch, safe="")
    for rule in await github.every(f"/repos/{repository}/rules/branches/{name}", {}):
        parameters = rule.get("parameters") or {}
        if rule.get("type") == "required_status_checks":
            for each in parameters.get("required_status_checks") or []:
                checks[Required(str(each["context"]), each.get("integration_id"))] = None
            up_to_date = up_to_date or bool(parameters.get("strict_required_status_checks_policy"))
        elif rule.get("type") == "pull_request":
            approvals = max(approvals, int(parameters.get("required_approving_review_count") or 0))
            allowed = parameters.get("allowed_merge_methods") or METHODS
            methods = tuple(each for each in methods if each in allowed)
        elif rule.get("type") == "required_linear_history":
            methods = tuple(each for each in methods if each != "merge")
        elif rule.get("type") == "merge_queue":
            queued = True
    told: Mapping[str, Any] = (await github.read(f"/repos/{repository}/branches/{name}")).get("protection") or {}
    protected: Mapping[str, Any] = told.get("required_status_checks") or {}
    known = [Required(str(each["context"]), _app_id(each.get("app_id"))) for each in protected.get("checks") or []]
    named = {each.context for each in known}
    # The same checks as names alone, from servers that tell no Apps.
    known += [Required(str(each)) for each in protected.get("contexts") or [] if each not in named]
    checks.update(dict.fromkeys(known))
    return Demands(tuple(checks), approvals, methods, up_to_date or bool(protected.get("strict")), queued)


def _app_id(told: object) -> int | None:
    # GitHub writes -1 for any App.
    return told if isinstance(told, int) and told > 0 else None


async def job(github: GitHub, repository: str, identity: int) -> Job:
    """One job.

    Raises:
        NotFound: there is none of that id.
    """
    return job_of(await github.read(f"/repos/{repository}/actions/jobs/{identity}"))


async def log_tail(github: GitHub, repository: str, identity: int, most: int = LOG_TAIL) -> str:
    """The end of a job's log; what it says is the repository's code's, and hostile.

    Raises:
        NotFound: GitHub keeps it no more.
    """
    found = await github.tail(f"/repos/{repository}/actions/jobs/{identity}/logs", most)
    return found.decode(errors="replace")


async def run_again(github: GitHub, repository: str, run: CheckRun) -> None:
    """Have a failed check be run once more: of a workflow that job alone, of another App by asking that App.

    Raises:
        GitHubError: it cannot be, or not now.
    """
    of_workflow = run.app_slug == ACTIONS
    path = f"actions/jobs/{run.identity}/rerun" if of_workflow else f"check-runs/{run.identity}/rerequest"
    await github.change("POST", f"/repos/{repository}/{path}")


def run_of(told: Mapping[str, Any]) -> CheckRun:
    """A check run from GitHub's own answer."""
    app = told.get("app") or {}
    return CheckRun(
        int(told["id"]), str(told["name"]), app.get("id"), str(app.get("slug") or ""), str(told["status"]),
        str(told.get("conclusion") or ""), str(told["head_sha"]), str(told.get("started_at") or ""),
    )  # fmt: skip


def job_of(told: Mapping[str, Any]) -> Job:
    """A job from GitHub's own answer."""
    return Job(int(told["id"]), int(told["run_id"]), str(told["name"]), str(told.get("conclusion") or ""))


def _login(user: object) -> str:
    return str(user.get("login", "ghost")) if isinstance(user, Mapping) else "ghost"
