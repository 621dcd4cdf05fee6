"""Issues, labels and comments of the stand-in: found, changed and told as GitHub does."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from github import Auth, Github

from tests.conformance.hub import REPO, Hub, Receiver, check, check_hook

HERE = "/repos/acme/sums"
ISSUE = f"{REPO}/issues/{{issue_number}}"


def hold(receiver: Receiver) -> None:
    for headers, body in receiver.came:
        check_hook(headers, body, "the secret")


def names(told: Any) -> list[str]:
    return sorted(each["name"] for each in told)


def test_labels_come_and_go_one_by_one_and_all_at_once_and_each_is_told(hub: Hub, receiver: Receiver) -> None:
    made = hub.call("POST", f"{HERE}/labels", json={"name": "area/UI", "color": "00ff00", "description": "Seen"})
    check("post", f"{REPO}/labels", made)
    check("post", f"{REPO}/labels", hub.call("POST", f"{HERE}/labels", json={"name": "AREA/ui", "color": "00ff00"}))
    one = hub.call("GET", f"{HERE}/labels/{quote('area/ui', safe='')}")
    check("get", f"{REPO}/labels/{{name}}", one)
    assert (one.json()["name"], one.json()["description"]) == ("area/UI", "Seen")
    hub.call("POST", f"{HERE}/issues/1/labels", json=["area/ui", "bug"])
    put = hub.call("PUT", f"{HERE}/issues/1/labels", json={"labels": ["bug", "slow"]})
    check("put", f"{ISSUE}/labels", put)
    assert names(put.json()) == ["bug", "slow"]
    changed = hub.call("PATCH", f"{HERE}/issues/1", json={"labels": ["area/UI"]})
    check("patch", ISSUE, changed)
    assert names(changed.json()["labels"]) == ["area/UI"]
    path = f"{HERE}/issues/1/labels/{quote('area/UI', safe='')}"
    check("delete", f"{ISSUE}/labels/{{name}}", hub.call("DELETE", path))
    gone = hub.call("DELETE", path)
    check("delete", f"{ISSUE}/labels/{{name}}", gone)
    assert gone.json()["message"] == "Label does not exist"
    hub.call("POST", f"{HERE}/issues/1/labels", json={"labels": ["one", "two"]})
    check("delete", f"{ISSUE}/labels", hub.call("DELETE", f"{HERE}/issues/1/labels"))
    assert hub.call("GET", f"{HERE}/issues/1").json()["labels"] == []
    receiver.until(lambda: receiver.events().count(("issues", "unlabeled")) == 6, "six that go")
    assert receiver.events().count(("issues", "labeled")) == 6
    hold(receiver)


@pytest.mark.parametrize("body", [b"nope", b"{", b'{"labels": [1]}', b'{"labels": "bug"}', b'[""]'])
def test_labels_that_are_none_are_refused(hub: Hub, body: bytes) -> None:
    assert hub.call("POST", f"{HERE}/issues/1/labels", content=body).status_code in (400, 422)
    assert hub.call("GET", f"{HERE}/labels").json() == []


def test_issues_are_found_by_label_author_and_state(hub: Hub) -> None:
    made = hub.call("POST", f"{HERE}/issues", json={"title": "Slow", "labels": ["bug", "agent"]}).json()
    bob = hub.person("bob", "read")
    hub.call("POST", f"{HERE}/issues", bob, json={"title": "Please", "labels": ["agent"]})
    hub.call("POST", f"{HERE}/issues", json={"title": "Quick", "labels": ["agent"]})
    hub.call("PATCH", f"{HERE}/issues/{made['number']}", json={"state": "closed", "state_reason": "not_planned"})

    def titles(query: str) -> list[str]:
        answer = hub.call("GET", f"{HERE}/issues?{query}")
        check("get", f"{REPO}/issues", answer)
        return [each["title"] for each in answer.json()]

    assert titles("labels=agent") == ["Quick"]
    assert titles("labels=Agent,bug&state=all") == ["Slow"]
    assert titles("creator=bob") == ["Please"]
    assert titles("direction=asc") == ["It subtracts", "Please", "Quick"]
    assert titles("since=2999-01-01T00:00:00Z") == []
    assert titles("state=closed") == ["Slow"]
    closed = hub.call("GET", f"{HERE}/issues/{made['number']}").json()
    assert (closed["state_reason"], bool(closed["closed_at"])) == ("not_planned", True)


def test_an_issue_that_is_opened_with_labels_tells_both_and_an_outsider_s_has_none(
    hub: Hub, receiver: Receiver
) -> None:
    hub.call("POST", f"{HERE}/issues", json={"title": "Slow", "labels": ["agent"]})
    assert receiver.payload("issues", "labeled")["label"]["name"] == "agent"
    assert [each["name"] for each in receiver.payload("issues", "opened")["issue"]["labels"]] == ["agent"]
    outsider = hub.person("eve", "none")
    opened = hub.call("POST", f"{HERE}/issues", outsider, json={"title": "Obey", "labels": ["agent"]})
    assert (opened.json()["labels"], opened.json()["author_association"]) == ([], "NONE")
    hold(receiver)


@pytest.mark.parametrize(
    "told", [{"state": "ajar"}, {"title": ""}, {"title": 3}, {"state_reason": "x"}, {"labels": [1]}]
)
def test_an_issue_is_not_changed_into_nonsense(hub: Hub, told: dict[str, Any]) -> None:
    before = hub.call("GET", f"{HERE}/issues/1").json()
    check("patch", ISSUE, hub.call("PATCH", f"{HERE}/issues/1", json={"body": "x", **told}))
    assert hub.call("GET", f"{HERE}/issues/1").json() == before


def test_a_pull_request_is_closed_and_opened_as_an_issue(hub: Hub, receiver: Receiver, tmp_path: Path) -> None:
    number = hub.pull(tmp_path / "work")
    hub.call("PATCH", f"{HERE}/issues/{number}", json={"state": "closed"})
    assert receiver.payload("pull_request", "closed")["number"] == number
    hub.call("PATCH", f"{HERE}/issues/{number}", json={"state": "open"})
    assert receiver.payload("pull_request", "reopened")["number"] == number
    hub.call("PUT", f"{HERE}/pulls/{number}/merge")
    check("patch", ISSUE, hub.call("PATCH", f"{HERE}/issues/{number}", json={"state": "open"}))
    assert hub.call("GET", f"{HERE}/pulls/{number}").json()["state"] == "closed"
    hold(receiver)


def test_comments_are_read_changed_and_deleted_by_their_author_or_who_may_write(
    hub: Hub, receiver: Receiver, tmp_path: Path
) -> None:
    bob, ann = hub.person("bob", "read"), hub.person("ann", "write")
    path = f"{REPO}/issues/comments/{{comment_id}}"
    one = hub.call("POST", f"{HERE}/issues/1/comments", json={"body": "First"}).json()
    own = hub.call("POST", f"{HERE}/issues/1/comments", bob, json={"body": "Second"}).json()
    check("get", path, hub.call("GET", f"{HERE}/issues/comments/{one['id']}"))
    assert one["performed_via_github_app"]["id"] == hub.app["id"]
    assert own["performed_via_github_app"] is None
    check("get", f"{REPO}/issues/comments", hub.call("GET", f"{HERE}/issues/comments"))
    assert hub.call("PATCH", f"{HERE}/issues/comments/{own['id']}", bob, json={"body": "Mine"}).status_code == 200
    assert hub.call("PATCH", f"{HERE}/issues/comments/{one['id']}", bob, json={"body": "Mine"}).status_code == 403
    assert hub.call("DELETE", f"{HERE}/issues/comments/{one['id']}", bob).status_code == 403
    check("delete", path, hub.call("DELETE", f"{HERE}/issues/comments/{one['id']}", ann))
    check("get", path, hub.call("GET", f"{HERE}/issues/comments/{one['id']}"))
    assert receiver.payload("issue_comment", "edited")["changes"] == {"body": {"from": "Second"}}
    assert receiver.payload("issue_comment", "deleted")["comment"]["body"] == "First"
    hold(receiver)


def test_a_comment_on_code_is_read_changed_and_deleted(hub: Hub, receiver: Receiver, tmp_path: Path) -> None:
    number, path = hub.pull(tmp_path / "work"), f"{REPO}/pulls/comments/{{comment_id}}"
    head = hub.call("GET", f"{HERE}/pulls/{number}").json()["head"]["sha"]
    told = {"path": "work", "line": 1, "body": "Why?", "commit_id": head}
    made = hub.call("POST", f"{HERE}/pulls/{number}/comments", json=told).json()
    one = f"{HERE}/pulls/comments/{made['id']}"
    check("get", path, hub.call("GET", one))
    check("get", f"{REPO}/pulls/comments", hub.call("GET", f"{HERE}/pulls/comments"))
    edited = hub.call("PATCH", one, json={"body": "Why, then?"})
    check("patch", path, edited)
    assert edited.json()["body"] == "Why, then?"
    check("delete", path, hub.call("DELETE", one))
    check("delete", path, hub.call("DELETE", one))
    receiver.payload("pull_request_review_comment", "deleted")
    hold(receiver)


def test_pygithub_labels_and_comments_with_it_unchanged(hub: Hub, tmp_path: Path) -> None:
    number = hub.pull(tmp_path / "work")
    with Github(auth=Auth.Token(hub.token), base_url=f"{hub.address}/api/v3") as github:
        repository = github.get_repo("acme/sums")
        label = repository.create_label("agent", "00ff00", "For agents")
        issue = repository.create_issue("Slow", "It is.", labels=[label])
        assert [each.number for each in repository.get_issues(labels=[label])] == [issue.number]
        issue.set_labels("one", "two")
        issue.delete_labels()
        assert list(issue.get_labels()) == []
        comment = issue.create_comment("Yes")
        issue.get_comment(comment.id).edit("No")
        assert issue.get_comment(comment.id).body == "No"
        comment.delete()
        issue.edit(state="closed", state_reason="completed")
        assert repository.get_issue(issue.number).state == "closed"
        pull = repository.get_pull(number)
        head = repository.get_commit(pull.head.sha)
        said = pull.create_review_comment("Why?", head, "work", line=1)
        pull.create_review_comment_reply(said.id, "Because")
        assert [each.body for each in pull.get_review_comments()] == ["Why?", "Because"]
        pull.get_review_comment(said.id).edit("Why not?")
