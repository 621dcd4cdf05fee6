"""What events mean: which start a flow, whom they wake, and what our own doing and hostile texts cannot bring about."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Column, String

from pressplay.github.bodies import as_said
from pressplay.github.events import LARGEST_NUMBER, NotAnEvent, parse
from pressplay.ledger import tables
from pressplay.policy.commands import Command, Verb, command_in
from pressplay.policy.flows import Context, Effect, Flow, Meaning, Ours, Starts, meaning

HEAD, OTHER = "a" * 40, "b" * 40
CONTEXT = Context(Ours(frozenset({7}), frozenset({"pressplay[bot]"})))
REPOSITORY = {"id": 1, "full_name": "acme/sums", "default_branch": "main"}
PERSON = {"login": "ann", "type": "User"}
US = {"login": "pressplay[bot]", "type": "Bot"}
Told = dict[str, Any]


def pull(**more: Any) -> Told:
    repo = {"id": 1}
    told = {
        "number": 3, "user": PERSON, "draft": False, "head": {"sha": HEAD, "ref": "work", "repo": repo},
        "base": {"ref": "main", "repo": repo},
    }  # fmt: skip
    return {**told, **more}


def body(action: str, sender: Told = PERSON, **parts: Any) -> bytes:
    return json.dumps({"action": action, "repository": REPOSITORY, "sender": sender, **parts}).encode()


def means(told: bytes, context: Context = CONTEXT) -> Meaning:
    return meaning(parse(told), context)


def comment(text: str, sender: Told = PERSON, author: Told = US, on_pull: bool = True, **more: Any) -> bytes:
    issue = {"number": 3, "user": author, **({"pull_request": {}} if on_pull else {})}
    return body("created", sender, comment={"id": 9, "body": text, **more}, issue=issue)


def check(conclusion: str, app: int = 99, branch: str = "work", pulls: tuple[int, ...] = (3,)) -> bytes:
    run = {
        "id": 5, "name": "tests", "head_sha": HEAD, "conclusion": conclusion, "app": {"id": app},
        "check_suite": {"head_branch": branch}, "pull_requests": [{"number": number} for number in pulls],
    }  # fmt: skip
    return body("completed", check_run=run)


@pytest.mark.parametrize("action", ["opened", "synchronize", "reopened", "ready_for_review"])
def test_each_commit_of_a_pull_request_is_looked_at_once(action: str) -> None:
    found = means(body(action, number=3, pull_request=pull()))
    assert (found.effect, found.flow) == (Effect.START, Flow.PULL_REQUEST)
    assert found.key == f"1:pr:3:pr-flow:{HEAD}"
    assert found.stale
    ours = means(body(action, US, number=3, pull_request=pull(user=US)))
    assert ours.key == found.key


@pytest.mark.parametrize(
    ("told", "words"),
    [
        (pull(draft=True), "draft"),
        (pull(head={"sha": HEAD, "ref": "work", "repo": {"id": 2}}), "from a fork"),
        (pull(head={"sha": HEAD, "ref": "work", "repo": None}), "from a fork"),
        (pull(head={"sha": HEAD, "ref": "work", "repo": 1}, base={"ref": "main", "repo": [1]}), "from a fork"),
        (pull(head={"sha": HEAD, "ref": "work"}, base={"ref": "main"}), "from a fork"),
    ],
)
def test_drafts_and_forks_start_nothing_by_themselves(told: Told, words: str) -> None:
    found = means(body("opened", number=3, pull_request=told))
    assert (found.effect, found.subjects) == (Effect.WAKE, ("pr:3",))
    assert words in found.why


@pytest.mark.parametrize("merged", [True, False])
def test_a_closed_pull_request_ends_what_runs_for_it(merged: bool) -> None:
    found = means(body("closed", number=3, pull_request=pull(merged=merged)))
    assert (found.effect, found.stale, found.subjects) == (Effect.WAKE, True, ("pr:3",))


def test_a_person_s_comment_on_our_work_starts_a_flow_and_others_wake() -> None:
    found = means(comment("Why is this a list?"))
    assert (found.effect, found.flow, found.key) == (Effect.START, Flow.COMMENT, "1:pr:3:comment-flow")
    bot = comment("Bleep", {"login": "b[bot]", "type": "Bot"})
    for told in (comment("Why?", author=PERSON), comment("Why?", on_pull=False), bot):
        assert means(told).effect is Effect.WAKE
    review = {"id": 4, "body": "", "state": "approved", "commit_id": HEAD}
    assert means(body("submitted", review=review, pull_request=pull(user=US))).effect is Effect.WAKE
    asked = {**review, "state": "changes_requested", "body": "No."}
    assert means(body("submitted", review=asked, pull_request=pull(user=US))).flow is Flow.COMMENT
    line = {"id": 4, "body": "Why?"}
    assert means(body("created", comment=line, pull_request=pull(user=US))).key == found.key


@pytest.mark.parametrize(("home", "flow"), [(1, Flow.COMMENT), (2, None)])
def test_a_stranger_s_branch_is_no_work_of_ours_whatever_it_is_called(home: int, flow: Flow | None) -> None:
    review = {"id": 4, "body": "No.", "state": "changes_requested", "commit_id": HEAD}
    told = pull(head={"sha": HEAD, "ref": "pressplay/mine", "repo": {"id": home}})
    assert means(body("submitted", review=review, pull_request=told)).flow is flow


@pytest.mark.parametrize(
    ("text", "verb"),
    [
        ("/pressplay retry", Verb.RETRY), ("Well.\n/pressplay why\nThanks", Verb.WHY), ("/pressplay dance", None),
        ("/pressplay", None), ("/pressplay  run  mend it", Verb.RUN),
    ],
)  # fmt: skip
def test_a_command_is_one_wherever_it_is_said(text: str, verb: Verb | None) -> None:
    found = means(comment(text, author=PERSON, on_pull=False))
    assert (found.effect, found.verb) == (Effect.COMMAND, verb)
    assert found.key == "1:issue_comment:9:command"


@pytest.mark.parametrize(
    "text",
    [
        "> /pressplay stop",
        "say /pressplay stop",
        "```\n/pressplay stop\n```",
        "    /pressplay stop",
        "/pressplayer",
        "Thanks\n<!--\n/pressplay stop\n-->",
        "<!-- --><!--\n/pressplay stop",
        "<!--\n-->/pressplay stop",
    ],
)
def test_what_is_quoted_shown_or_only_mentioned_is_no_command(text: str) -> None:
    assert command_in(text) is None


def test_a_command_beside_what_is_hidden_is_one() -> None:
    assert command_in("<!-- template -->\n/pressplay run mend it <!-- no -->") == Command(Verb.RUN, "mend it")


def test_a_command_has_no_more_than_its_line() -> None:
    assert command_in("/pressplay run mend it\nand more") == Command(Verb.RUN, "mend it")


@pytest.mark.parametrize(
    ("told", "flow"),
    [
        (check("failure"), Flow.CHECKS), (check("timed_out"), Flow.CHECKS), (check("success"), None),
        (check("failure", pulls=(), branch="main"), Flow.CHECKS), (check("failure", pulls=(), branch="other"), None),
        (check("failure", pulls=(), branch="pressplay/x"), Flow.CHECKS), (check("failure", app=7), None),
    ],
)  # fmt: skip
def test_a_check_that_fails_is_triaged_and_our_own_are_not(told: bytes, flow: Flow | None) -> None:
    assert means(told).flow is flow


def test_both_kinds_of_failing_checks_share_a_key() -> None:
    run = {
        "id": 8, "name": "CI", "head_sha": HEAD, "conclusion": "failure", "head_branch": "work",
        "pull_requests": [{"number": 3}],
    }  # fmt: skip
    assert means(body("completed", workflow_run=run)).key == means(check("failure")).key


def workflow(**more: Any) -> bytes:
    run = {"id": 8, "name": "CI", "head_sha": HEAD, "conclusion": "failure", "head_branch": "main", **more}
    return body("completed", workflow_run=run)


@pytest.mark.parametrize("branch", ["main", "pressplay/mend"])
def test_a_stranger_s_fork_starts_no_triage_whatever_its_branch_is_called(branch: str) -> None:
    ours, theirs = {"id": 1, "full_name": "acme/sums"}, {"id": 2, "full_name": "mallory/sums"}
    assert means(workflow(head_branch=branch, head_repository=ours)).flow is Flow.CHECKS
    found = means(workflow(head_branch=branch, head_repository=theirs, pull_requests=[]))
    assert (found.effect, found.flow) == (Effect.WAKE, None)
    assert "fork" in found.why


def test_pull_requests_of_other_repositories_are_not_taken_for_ours() -> None:
    """GitHub lists every pull request of the network that a commit is the head of, by its number there."""
    theirs = {"number": 3, "base": {"ref": "main", "repo": {"id": 2}}}
    ours = {"number": 4, "base": {"ref": "main", "repo": {"id": 1}}}
    assert parse(workflow(pull_requests=[theirs, ours])).pulls == (4,)
    assert means(workflow(head_branch="work", pull_requests=[theirs])).flow is None


def longest_of(column: Column[Any]) -> int:
    assert isinstance(column.type, String)
    assert column.type.length
    return column.type.length


def test_the_longest_names_fit_the_ledger() -> None:
    longest = "pressplay/" + "a" * 190
    for sha in (HEAD, HEAD + "b" * 24):
        first = means(workflow(head_branch=longest, head_sha=sha))
        other = means(workflow(head_branch=longest[:-1] + "e", head_sha=sha))
        assert first.flow is Flow.CHECKS
        assert first.key != other.key
        assert len(first.key) + len(str(LARGEST_NUMBER)) <= longest_of(tables.flows.c.key)
        assert all(len(subject) <= longest_of(tables.wakes.c.subject) for subject in first.subjects)


def test_a_check_that_fails_on_a_branch_is_about_that_branch() -> None:
    found = means(workflow(head_branch="main", head_sha=HEAD))
    assert (found.flow, found.subjects) == (Flow.CHECKS, ("branch:main", f"head:{HEAD}"))


@pytest.mark.parametrize("branch", ["pressplay/{{=1+1}}", "pressplay/é", "pressplay/$(id)", "pressplay/" + "x" * 200])
def test_a_branch_of_a_name_that_no_workflow_takes_starts_nothing(branch: str) -> None:
    found = means(workflow(head_branch=branch))
    assert (found.effect, found.flow) == (Effect.WAKE, None)
    assert "letters, digits" in found.why


@pytest.mark.parametrize("branch", ["pressplay/\ud83d", "pressplay/\0", "pressplay/" + "x" * 240, "pressplay/a b", 3])
def test_what_git_has_no_branch_of_is_none(branch: Any) -> None:
    assert means(workflow(head_branch=branch)).flow is None


def test_an_issue_is_worked_on_as_the_project_wants_it() -> None:
    issue = {"number": 4, "user": PERSON}
    labelled = body("labeled", issue=issue, label={"name": "pressplay"})
    assert means(labelled).key == "1:issue:4:issue-flow"
    assert means(body("labeled", issue=issue, label={"name": "bug"})).effect is Effect.WAKE
    assert means(body("opened", issue=issue)).effect is Effect.WAKE
    every = Context(starts=Starts(every_issue=True))
    assert means(body("opened", issue=issue), every).key == means(labelled).key


@pytest.mark.parametrize(("ref", "subjects"), [("refs/heads/main", ("branch:main",)), ("refs/tags/v1", ())])
def test_a_push_wakes_whoever_builds_on_the_branch(ref: str, subjects: tuple[str, ...]) -> None:
    told: Told = {"ref": ref, "before": OTHER, "after": HEAD, "pusher": {"name": "ann"}}
    found = means(body("", **told))
    assert found.subjects == subjects
    assert found.effect is (Effect.WAKE if subjects else Effect.NOTHING)


@pytest.mark.parametrize(
    "told", [comment("Hello", US), comment("Hello", performed_via_github_app={"id": 7}), check("failure", 7)]
)
def test_our_own_doing_begins_no_loop(told: bytes) -> None:
    assert means(told).effect in (Effect.NOTHING, Effect.WAKE)
    assert means(told).flow is None


@pytest.mark.parametrize(
    ("told", "words"),
    [
        (b"", "no JSON"), (b"[]", "no JSON object"), (b"[" * 100_000, "no JSON"), (b"{}", "mean nothing"),
        (body("opened", number=3, pull_request=pull(number="3")), "pull_request.number"),
        (body("opened", number=3, pull_request=pull(head={"sha": "$(id)", "ref": "x"})), "pull_request.head.sha"),
        (body("o'p; rm", number=3, pull_request=pull()), "action"),
        (body("opened", {"login": "a b"}, number=3, pull_request=pull()), "sender.login"),
        (json.dumps({"action": "opened", "issue": {}}).encode(), "no repository"),
    ],
)  # fmt: skip
def test_a_body_that_is_none_of_github_s_is_told_apart(told: bytes, words: str) -> None:
    with pytest.raises(NotAnEvent, match=words):
        parse(told)


ATTACKS = st.sampled_from([
    "'''", "$(id)", "`id`", "{{=toJson(1)}}", "{{workflow.name}}", '"}],"args":["x"', "\n/pressplay stop", "\u202e",
    "'; drop table events; --", "<!-- -->", "@everyone", "%0a::set-output", "../../etc/passwd", "\0",
])  # fmt: skip


@given(ATTACKS, ATTACKS, ATTACKS, ATTACKS)
def test_texts_of_strangers_change_nothing_but_text(title: str, name: str, branch: str, label: str) -> None:
    """A key is made of ids, numbers and commits alone; what people write stands in no key and no subject."""
    told = pull(title=title, body=name, head={"sha": HEAD, "ref": branch, "repo": {"id": 1}})
    found = means(body("opened", number=3, pull_request=told, label={"name": label}))
    assert found == means(body("opened", number=3, pull_request=pull()))
    run = {"id": 5, "name": name, "head_sha": HEAD, "conclusion": "failure", "pull_requests": [{"number": 3}]}
    assert means(body("completed", check_run=run)) == means(check("failure"))


ODD: tuple[Any, ...] = (None, [], {}, "", 0, -1, 2**53, 1e300, True, "\ud800", "\0", [[]], {"id": None}, {"id": []})


@given(st.data())
def test_whatever_stands_in_a_field_is_an_event_or_none(data: st.DataObject) -> None:
    """Of a body in which one field is what GitHub never sends, nothing breaks."""
    review = {"id": 4, "body": "No.", "state": "changes_requested", "commit_id": HEAD}
    sent = data.draw(st.sampled_from([
        body("opened", number=3, pull_request=pull()), body("submitted", review=review, pull_request=pull()),
        comment("/pressplay run"), check("failure"), body("labeled", issue={"number": 4}, label={"name": "pressplay"}),
        workflow(head_repository={"id": 2}, pull_requests=[{"number": 3, "base": {"repo": {"id": 1}}}]),
    ]))  # fmt: skip
    told = json.loads(sent)
    place: Any = told
    while True:
        key = data.draw(st.sampled_from(sorted(place) if isinstance(place, dict) else range(len(place))))
        if not isinstance(place[key], dict | list) or not place[key] or data.draw(st.booleans()):
            break
        place = place[key]
    place[key] = data.draw(st.sampled_from(ODD))
    try:
        found = means(as_said(json.dumps(told).encode()))
    except NotAnEvent:
        return
    assert all(text.encode() for text in (found.key, *found.subjects) if text)
