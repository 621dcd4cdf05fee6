"""What gates make of what GitHub tells: nothing passes that is not known to have passed, and only people have a say."""

from __future__ import annotations

import pytest

from pressplay.github.checks import CheckRun, Required, Status
from pressplay.github.reviews import Pull, Review
from pressplay.policy.flows import Ours
from pressplay.policy.gates import judge_approval, judge_checks, judge_reviews

HEAD, OLD = "a" * 40, "b" * 40
CI, OTHER, US = 7, 8, 9
OURS = Ours(frozenset({US}), frozenset({"pressplay[bot]"}))
TESTS = Required("tests", CI)
PULL = Pull(3, open=True, head=HEAD, branch="work", base="main", author="pressplay[bot]")
WRITERS = frozenset({"ann", "bob", "cat", "pressplay[bot]"})


def run(
    conclusion: str, name: str = "tests", app: int | None = CI, identity: int = 1, status: str = "completed"
) -> CheckRun:  # fmt: skip
    return CheckRun(identity, name, app, "ci", status, conclusion, HEAD)


def checks(*runs: CheckRun, required: Required | None = TESTS, waited: float = 0.0) -> str | None:
    demanded = [required] if required else []
    return judge_checks(HEAD, PULL, demanded, runs, [], OURS, waited).verdict


@pytest.mark.parametrize(
    ("conclusion", "verdict"),
    [
        ("success", "passed"), ("failure", "failed"), ("timed_out", "failed"), ("cancelled", "failed"),
        ("action_required", "failed"), ("startup_failure", "failed"), ("stale", "failed"), ("skipped", "failed"),
        ("neutral", "failed"),
    ],
)  # fmt: skip
def test_a_required_check_has_passed_only_where_it_says_so(conclusion: str, verdict: str) -> None:
    assert checks(run(conclusion)) == verdict


def test_a_required_check_that_is_missing_or_not_done_is_waited_for() -> None:
    assert checks(waited=9_999.0) is None
    assert checks(run("", status="in_progress")) is None
    # One of another name, or of another App, is another check.
    assert checks(run("success", name="lint")) is None
    assert checks(run("success", app=OTHER)) is None


def test_the_latest_result_of_a_check_counts() -> None:
    assert checks(run("failure", identity=1), run("success", identity=2)) == "passed"
    assert checks(run("success", identity=1), run("failure", identity=2)) == "failed"
    assert checks(run("success", identity=1), run("", identity=2, status="queued")) is None


def test_where_any_app_may_tell_a_check_a_good_word_hides_no_bad_one() -> None:
    assert checks(run("failure"), run("success", app=OTHER), required=Required("tests")) == "failed"
    assert checks(run("success"), run("success", app=OTHER), required=Required("tests")) == "passed"


def test_what_our_own_apps_say_is_no_evidence() -> None:
    assert checks(run("success", app=US), required=Required("tests")) is None
    assert checks(run("success", app=US), required=Required("tests", US)) is None
    told = [Status("tests", "success", "pressplay[bot]")]
    assert judge_checks(HEAD, PULL, [Required("tests")], [], told, OURS, 0.0).verdict is None


@pytest.mark.parametrize(
    ("state", "verdict"), [("success", "passed"), ("pending", None), ("failure", "failed"), ("error", "failed")]
)
def test_a_status_is_a_check_too(state: str, verdict: str | None) -> None:
    told = [Status("tests", state, "ci[bot]", CI)]
    assert judge_checks(HEAD, PULL, [Required("tests", CI)], [], told, OURS, 0.0).verdict == verdict
    by_a_person = [Status("tests", state, "ann")]
    assert judge_checks(HEAD, PULL, [Required("tests", CI)], [], by_a_person, OURS, 0.0).verdict is None


def test_without_required_checks_all_that_report_count_and_none_is_waited_for_a_while() -> None:
    assert checks(run("success"), run("failure", name="lint"), required=None) == "failed"
    assert checks(run("success"), run("skipped", name="lint"), required=None) == "passed"
    assert checks(required=None, waited=5.0) is None
    assert checks(required=None, waited=600.0) == "passed"


def test_what_is_optional_stands_in_nobodys_way_where_something_is_required() -> None:
    assert checks(run("success"), run("failure", name="lint")) == "passed"


def test_a_commit_that_was_left_and_a_closed_pull_request_have_no_verdict_of_their_own() -> None:
    left = Pull(3, open=True, head=OLD, branch="work", base="main", author="ann")
    closed = Pull(3, open=False, head=HEAD, branch="work", base="main", author="ann")
    for pull, verdict in ((left, "stale"), (closed, "closed")):
        assert judge_checks(HEAD, pull, [], [run("success")], [], OURS, 999.0).verdict == verdict
        assert judge_reviews(HEAD, pull, [said("bob")], WRITERS, frozenset(), OURS).verdict == verdict
        assert judge_approval(HEAD, pull, [said("bob")], WRITERS, frozenset(), frozenset(), OURS).verdict == "rejected"


def said(
    login: str, state: str = "APPROVED", commit: str = HEAD, at: float = 1.0, kind: str = "User"
) -> Review:  # fmt: skip
    return Review(int(at), login, kind, state, commit, at)


def reviews(*given: Review, makers: frozenset[str] = frozenset(), needed: int = 1, since: float = 0.0) -> str | None:
    return judge_reviews(HEAD, PULL, given, WRITERS, makers, OURS, needed=needed, since=since).verdict


def test_a_person_who_may_write_approves() -> None:
    assert reviews(said("ann")) == "approved"
    assert reviews() is None


@pytest.mark.parametrize(
    ("review", "why"),
    [
        (said("eve"), "may not write"), (said("ann", commit=OLD), "an earlier commit"),
        (said("pressplay[bot]", kind="Bot"), "our own App"), (said("bob", kind="Bot"), "no person"),
        (said("ann", "DISMISSED"), "dismissed"), (said("ann", "PENDING"), "not submitted"),
    ],
)  # fmt: skip
def test_what_does_not_count_as_a_review(review: Review, why: str) -> None:
    assert reviews(review) is None, why


def test_who_opened_or_made_the_commit_does_not_judge_it() -> None:
    assert reviews(said("ann"), makers=frozenset({"ann"})) is None
    mine = Pull(3, open=True, head=HEAD, branch="work", base="main", author="ann")
    assert judge_reviews(HEAD, mine, [said("ann")], WRITERS, frozenset(), OURS).verdict is None


def test_the_latest_word_of_a_person_counts_and_a_comment_takes_nothing_back() -> None:
    assert reviews(said("ann", at=1), said("ann", "CHANGES_REQUESTED", at=2)) == "changes-requested"
    assert reviews(said("ann", "CHANGES_REQUESTED", at=1), said("ann", at=2)) == "approved"
    assert reviews(said("ann", at=1), said("ann", "COMMENTED", at=2)) == "approved"
    assert reviews(said("ann", at=1), said("ann", "DISMISSED", at=2)) is None


def test_one_objection_outweighs_approvals_and_stands_until_its_author_has_looked_again() -> None:
    assert reviews(said("ann"), said("bob", "CHANGES_REQUESTED")) == "changes-requested"
    assert reviews(said("ann"), said("bob", "CHANGES_REQUESTED", OLD)) is None


def test_as_many_approve_as_the_branch_demands() -> None:
    assert reviews(said("ann"), needed=2) is None
    assert reviews(said("ann"), said("bob"), needed=2) == "approved"


def test_a_comment_counts_where_it_came_since_somebody_waits() -> None:
    assert reviews(said("ann", "COMMENTED", at=5.0), since=4.0) == "commented"
    assert reviews(said("ann", "COMMENTED", at=3.0), since=4.0) is None


@pytest.mark.parametrize(
    ("given", "verdict", "actor"),
    [
        ((said("ann"),), "approved", "ann"), ((said("bob"),), None, ""), ((said("cat"),), None, ""),
        ((said("ann"), said("ann", "CHANGES_REQUESTED", at=2.0)), "rejected", "ann"),
        ((said("eve"),), None, ""), ((said("ann", commit=OLD),), None, ""),
    ],
)  # fmt: skip
def test_who_answers_for_a_commit_neither_made_it_nor_asked_for_it(
    given: tuple[Review, ...], verdict: str | None, actor: str
) -> None:
    found = judge_approval(HEAD, PULL, given, WRITERS, frozenset({"bob"}), frozenset({"cat"}), OURS)
    assert (found.verdict, found.actor) == (verdict, actor)


def test_a_check_s_name_shows_as_text_alone() -> None:
    found = judge_checks(HEAD, PULL, [Required("@ann <img src=x> closes #1\n/pressplay stop")], [], [], OURS, 0.0)
    assert "<img" not in found.message
    assert "@ann" not in found.message
    assert "\n" not in found.message
