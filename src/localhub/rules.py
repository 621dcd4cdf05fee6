"""Rulesets: what a branch demands before a merge, and what is still lacking. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

Record = dict[str, Any]

# GitHub counts these as passed; a check that has not reported is lacking.
PASSED = frozenset({"success", "neutral", "skipped"})


ENFORCEMENTS = ("active", "evaluate", "disabled")


def ruleset_of(found: Record, branch: str) -> Record | None:
    """The ruleset that is enforced for a branch."""
    enforced = (each for each in found["rulesets"] if each.get("enforcement", "active") == "active")
    return next((each for each in enforced if each["branch"] == branch), None)


def rules_of(found: Record, branch: str) -> list[Record]:
    """The rules that are enforced for a branch, as GitHub tells them."""
    ruleset = ruleset_of(found, branch)
    if ruleset is None:
        return []
    source = {"ruleset_source_type": "Repository", "ruleset_source": found["full_name"], "ruleset_id": ruleset["id"]}
    return [{**each, **source} for each in rules_in(ruleset)]


def closed_to(found: Record, login: str) -> list[str]:
    """The branches that somebody may not push to: their rules are that pull requests lead there."""
    branches = {each["branch"] for each in found["rulesets"]}
    enforced = [each for name in sorted(branches) if (each := ruleset_of(found, name))]
    return [each["branch"] for each in enforced if login not in each.get("pushers", [])]


def rules_in(ruleset: Record) -> list[Record]:
    """What a ruleset demands."""
    rules: list[Record] = []
    if ruleset["required_checks"]:
        checks = [
            {"context": each["context"], **({"integration_id": each["app_id"]} if each.get("app_id") else {})}
            for each in ruleset["required_checks"]
        ]
        parameters = {
            "required_status_checks": checks,
            "strict_required_status_checks_policy": ruleset["up_to_date"],
            "do_not_enforce_on_create": False,
        }
        rules.append({"type": "required_status_checks", "parameters": parameters})
    review = {
        "dismiss_stale_reviews_on_push": True, "require_code_owner_review": False, "require_last_push_approval": False,
        "required_approving_review_count": ruleset["approvals"], "required_review_thread_resolution": False,
        "allowed_merge_methods": ruleset["methods"],
    }  # fmt: skip
    rules.append({"type": "pull_request", "parameters": review})
    return rules


def violations(found: Record, number: str, head: str, method: str, behind: int) -> list[str]:
    """What a merge lacks, in GitHub's words.

    Args:
        head: the commit that would be merged.
        behind: how many commits of the base it has not.
    """
    ruleset = ruleset_of(found, found["pulls"][number]["base"])
    if ruleset is None:
        return []
    lacking = [
        f'Required status check "{each["context"]}" is {"expected" if state is None else "failing"}.'
        for each in ruleset["required_checks"]
        if (state := _state(found, each, head)) not in PASSED
    ]
    if method not in ruleset["methods"]:
        lacking.append(f"{method.capitalize()} merges are not allowed on this repository.")
    if ruleset["up_to_date"] and behind:
        lacking.append("The head branch is not up to date with the base branch.")
    reviews = found["reviews"].get(number, [])
    given = len(approvals(reviews, head))
    if ruleset["approvals"] and objections(reviews):
        lacking.append("Changes were requested by reviewers with write access.")
    if given < ruleset["approvals"]:
        missing = ruleset["approvals"] - given
        lacking.append(f"At least {missing} approving review is required by reviewers with write access.")
    return lacking


def standing(found: Record, number: str, head: str, behind: int) -> str:
    """How a pull request without conflicts stands, in the words of `mergeable_state`."""
    one = found["pulls"][number]
    ruleset = ruleset_of(found, one["base"])
    method = ruleset["methods"][0] if ruleset else ""
    if one.get("draft"):
        return "draft"
    if violations(found, number, head, method, 0):
        return "blocked"
    if violations(found, number, head, method, behind):
        return "behind"
    return "unstable" if _unwell(found, head) else "clean"


def _unwell(found: Record, head: str) -> bool:
    """Whether a check or status of a commit has failed or is not done; which of them are required does not matter."""
    runs = {(each["name"], each["app"]): each for each in found["check_runs"] if each["head_sha"] == head}
    statuses = {each["context"]: each["state"] for each in found["statuses"] if each["sha"] == head}
    return (
        any(each["conclusion"] not in PASSED for each in runs.values()) or set(statuses.values()) - {"success"} != set()
    )


def approvals(reviews: Iterable[Record], head: str) -> set[str]:
    """Who approves this very commit and has not said otherwise since."""
    last: dict[str, str] = {}
    for each in reviews:
        if each["state"] in ("APPROVED", "CHANGES_REQUESTED", "DISMISSED") and each.get("counts"):
            last[each["login"]] = each["state"] if each["commit_id"] == head else "STALE"
    return {login for login, state in last.items() if state == "APPROVED"}


def objections(reviews: Iterable[Record]) -> set[str]:
    """Who asks for changes and has not approved since; new commits do not answer that."""
    last = {each["login"]: each["state"] for each in reviews if each["state"] != "COMMENTED" and each.get("counts")}
    return {login for login, state in last.items() if state == "CHANGES_REQUESTED"}


def _state(found: Record, required: Record, head: str) -> str | None:
    """The latest word of a required check on a commit; None where there is none."""
    for run in reversed(found["check_runs"]):
        right = run["name"] == required["context"] and required.get("app_id") in (None, run["app"])
        if right and run["head_sha"] == head:
            return str(run["conclusion"]) if run["status"] == "completed" else None
    if required.get("app_id"):
        return None
    for status in reversed(found["statuses"]):
        if status["context"] == required["context"] and status["sha"] == head:
            return None if status["state"] == "pending" else str(status["state"])
    return None
