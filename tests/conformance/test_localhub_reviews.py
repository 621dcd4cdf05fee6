"""Reviews, threads, issues and labels of the stand-in, and who may do what."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from github import Auth, Github

from pressplay.github.client import REVIEW_THREADS
from tests.conformance.hub import REPO, Hub, Receiver, check, check_hook

HERE = "/repos/acme/sums"
PULL = f"{REPO}/pulls/{{pull_number}}"
RESOLVE = "mutation($threadId: ID!) { resolveReviewThread(input: {threadId: $threadId}) { thread { isResolved } } }"


def graphql(hub: Hub, query: str, token: str | None = None, **variables: Any) -> Any:
    headers = {"authorization": f"Bearer {token or hub.token}"}
    answer = hub.http.post(f"{hub.address}/api/graphql", json={"query": query, "variables": variables}, headers=headers)
    return answer.json()


def threads(hub: Hub, number: int) -> list[dict[str, Any]]:
    told = graphql(hub, REVIEW_THREADS, owner="acme", name="sums", number=number, after=None)
    found: list[dict[str, Any]] = told["data"]["repository"]["pullRequest"]["reviewThreads"]["nodes"]
    return found


def head_of(hub: Hub, number: int) -> str:
    return str(hub.call("GET", f"{HERE}/pulls/{number}").json()["head"]["sha"])


def test_reviews_and_their_comments_answer_as_github_does(hub: Hub, tmp_path: Path) -> None:
    number = hub.pull(tmp_path / "work")
    ann = hub.person("ann", "write")
    told = {"event": "REQUEST_CHANGES", "body": "Not yet", "comments": [{"path": "work", "line": 1, "body": "Why?"}]}
    review = hub.call("POST", f"{HERE}/pulls/{number}/reviews", ann, json=told)
    check("post", f"{PULL}/reviews", review)
    check("get", f"{PULL}/reviews", hub.call("GET", f"{HERE}/pulls/{number}/reviews"))
    assert review.json()["author_association"] == "COLLABORATOR"
    comments = hub.call("GET", f"{HERE}/pulls/{number}/comments")
    check("get", f"{PULL}/comments", comments)
    (first,) = comments.json()
    assert first["diff_hunk"].endswith("+more")
    head = hub.call("GET", f"{HERE}/pulls/{number}").json()["head"]["sha"]
    alone = {"path": "work", "line": 1, "body": "And this?", "commit_id": head}
    check("post", f"{PULL}/comments", hub.call("POST", f"{HERE}/pulls/{number}/comments", ann, json=alone))
    replied = hub.call("POST", f"{HERE}/pulls/{number}/comments/{first['id']}/replies", json={"body": "Because."})
    check("post", f"{PULL}/comments/{{comment_id}}/replies", replied)
    assert replied.json()["in_reply_to_id"] == first["id"]
    check("get", f"{PULL}/files", hub.call("GET", f"{HERE}/pulls/{number}/files"))
    check("get", f"{PULL}/commits", hub.call("GET", f"{HERE}/pulls/{number}/commits"))
    assert hub.call("GET", f"{HERE}/pulls/{number}").json()["review_comments"] == 3


def test_a_review_is_read_with_its_comments_and_dismissed(hub: Hub, receiver: Receiver, tmp_path: Path) -> None:
    number, ann = hub.pull(tmp_path / "work"), hub.person("ann", "write")
    comments = [{"path": "work", "line": 1, "body": "Why?"}]
    told = {"event": "REQUEST_CHANGES", "body": "Not yet", "comments": comments}
    made = hub.call("POST", f"{HERE}/pulls/{number}/reviews", ann, json=told).json()
    one, path = f"{HERE}/pulls/{number}/reviews/{made['id']}", f"{PULL}/reviews/{{review_id}}"
    check("get", path, hub.call("GET", one))
    check("get", f"{path}/comments", hub.call("GET", f"{one}/comments"))
    assert [each["body"] for each in hub.call("GET", f"{one}/comments").json()] == ["Why?"]
    check("put", f"{path}/dismissals", hub.call("PUT", f"{one}/dismissals", json={}))
    gone = hub.call("PUT", f"{one}/dismissals", json={"message": "Settled"})
    check("put", f"{path}/dismissals", gone)
    assert gone.json()["state"] == "DISMISSED"
    check("put", f"{path}/dismissals", hub.call("PUT", f"{one}/dismissals", json={"message": "Again"}))
    assert receiver.payload("pull_request_review", "dismissed")["review"]["state"] == "dismissed"
    check("get", path, hub.call("GET", f"{HERE}/pulls/{number}/reviews/1"))
    for headers, body in receiver.came:
        check_hook(headers, body, "the secret")


def test_a_push_dismisses_approvals_where_they_are_demanded(hub: Hub, receiver: Receiver, tmp_path: Path) -> None:
    number, ann = hub.pull(tmp_path / "work"), hub.person("ann", "write")

    def states() -> list[str]:
        return [each["state"] for each in hub.call("GET", f"{HERE}/pulls/{number}/reviews").json()]

    hub.call("POST", f"{HERE}/pulls/{number}/reviews", ann, json={"event": "APPROVE"})
    hub.branch("work", tmp_path / "work", "nobody demands them\n")
    assert states() == ["APPROVED"]
    hub.make("/_hub/rulesets", {"repository": "acme/sums", "approvals": 1})
    hub.call("POST", f"{HERE}/pulls/{number}/reviews", ann, json={"event": "APPROVE"})
    hub.branch("work", tmp_path / "work", "now somebody does\n")
    assert states() == ["DISMISSED", "DISMISSED"]
    assert receiver.payload("pull_request_review", "dismissed")["sender"]["login"] == "pressplay[bot]"


def test_threads_are_resolved_and_outdated_as_their_code_changes(hub: Hub, tmp_path: Path) -> None:
    number = hub.pull(tmp_path / "work")
    comment = {"path": "work", "line": 1, "body": "Why?", "commit_id": head_of(hub, number)}
    hub.call("POST", f"{HERE}/pulls/{number}/comments", json=comment)
    (thread,) = threads(hub, number)
    assert (thread["path"], thread["line"], thread["isResolved"], thread["isOutdated"]) == ("work", 1, False, False)
    assert thread["comments"]["nodes"][0]["author"]["login"] == "pressplay"
    hub.branch("work", tmp_path / "work", "something else\n")
    assert threads(hub, number)[0]["isOutdated"] is True
    graphql(hub, RESOLVE, threadId=thread["id"])
    assert threads(hub, number)[0]["isResolved"] is True
    wrong = graphql(hub, REVIEW_THREADS, owner="acme", name="sums", number=99, after=None)
    assert wrong["errors"][0]["type"] == "NOT_FOUND"


@pytest.mark.parametrize(
    ("told", "status"),
    [
        ({"event": "MAYBE", "body": "x"}, 422),
        ({"event": "APPROVE"}, 422),  # one's own
        ({"event": "COMMENT"}, 422),
        ({"body": "later"}, 422),
        ({"event": "COMMENT", "body": "x", "commit_id": "0" * 40}, 422),
        ({"event": "COMMENT", "comments": [{"path": "work", "line": 99, "body": "x"}]}, 422),
        ({"event": "COMMENT", "comments": [{"path": "file", "line": 1, "body": "x"}]}, 422),
    ],
)
def test_a_review_that_makes_no_sense_is_refused(hub: Hub, tmp_path: Path, told: dict[str, Any], status: int) -> None:
    number = hub.pull(tmp_path / "work")
    refused = hub.call("POST", f"{HERE}/pulls/{number}/reviews", json=told)
    check("post", f"{PULL}/reviews", refused)
    assert refused.status_code == status
    assert hub.call("GET", f"{HERE}/pulls/{number}/comments").json() == []


def test_issues_labels_and_comments_answer_as_github_does(hub: Hub) -> None:
    made = hub.call("POST", f"{HERE}/issues", json={"title": "Slow", "body": "It is.", "labels": ["bug"]})
    check("post", f"{REPO}/issues", made)
    number = made.json()["number"]
    check("get", f"{REPO}/issues", hub.call("GET", f"{HERE}/issues"))
    labels = f"{REPO}/issues/{{issue_number}}/labels"
    check("post", labels, hub.call("POST", f"{HERE}/issues/{number}/labels", json={"labels": ["agent"]}))
    check("get", labels, hub.call("GET", f"{HERE}/issues/{number}/labels"))
    assert [each["name"] for each in hub.call("DELETE", f"{HERE}/issues/{number}/labels/bug").json()] == ["agent"]
    check("get", f"{REPO}/labels", hub.call("GET", f"{HERE}/labels"))
    changed = hub.call("PATCH", f"{HERE}/issues/{number}", json={"state": "closed"})
    check("patch", f"{REPO}/issues/{{issue_number}}", changed)
    comment = hub.call("POST", f"{HERE}/issues/{number}/comments", json={"body": "Done"}).json()
    edited = hub.call("PATCH", f"{HERE}/issues/comments/{comment['id']}", json={"body": "Done, truly"})
    check("patch", f"{REPO}/issues/comments/{{comment_id}}", edited)
    assert edited.json()["body"] == "Done, truly"
    wrong = hub.call("POST", f"{HERE}/issues", json={})
    check("post", f"{REPO}/issues", wrong)
    assert wrong.json()["errors"][0]["code"] == "missing_field"


def test_people_may_do_what_their_role_allows(hub: Hub, tmp_path: Path) -> None:
    number = hub.pull(tmp_path / "work")
    roles = {login: hub.person(login, role) for login, role in (("ann", "admin"), ("bob", "read"), ("eve", "none"))}
    for login, role in (("ann", "admin"), ("bob", "read"), ("acme", "admin")):
        told = hub.call("GET", f"{HERE}/collaborators/{login}/permission")
        check("get", f"{REPO}/collaborators/{{username}}/permission", told)
        assert told.json()["permission"] == role
    assert hub.call("GET", f"{HERE}/collaborators/nobody/permission").status_code == 404
    # Whoever may read may say something, and nothing more: also they who are nobody here, for all may read.
    for login in ("bob", "eve"):
        said = hub.call("POST", f"{HERE}/issues/{number}/comments", roles[login], json={"body": "x"})
        check("post", f"{REPO}/issues/{{issue_number}}/comments", said)
        assert said.json()["author_association"] == "NONE"
        assert hub.call("POST", f"{HERE}/issues", roles[login], json={"title": "x"}).status_code == 201
        review = hub.call("POST", f"{HERE}/pulls/{number}/reviews", roles[login], json={"event": "APPROVE"})
        assert review.status_code == 200
        assert hub.call("POST", f"{HERE}/issues/1/labels", roles[login], json={"labels": ["x"]}).status_code == 403
        assert hub.call("PATCH", f"{HERE}/pulls/{number}", roles[login], json={"title": "x"}).status_code == 403
        assert hub.call("PUT", f"{HERE}/pulls/{number}/merge", roles[login]).status_code == 403
    commented = hub.call("POST", f"{HERE}/issues/{number}/comments", roles["ann"], json={"body": "x"})
    assert (commented.status_code, commented.json()["author_association"]) == (201, "COLLABORATOR")


def test_pygithub_reviews_labels_and_comments_with_it_unchanged(hub: Hub, tmp_path: Path) -> None:
    number = hub.pull(tmp_path / "work")
    with Github(auth=Auth.Token(hub.person("ann", "write")), base_url=f"{hub.address}/api/v3") as github:
        pull = github.get_repo("acme/sums").get_pull(number)
        pull.create_review(body="Fine", event="APPROVE")
        assert [each.state for each in pull.get_reviews()] == ["APPROVED"]
        pull.add_to_labels("ready")
        assert [each.name for each in pull.get_labels()] == ["ready"]
        assert [each.filename for each in pull.get_files()] == ["work"]
        assert github.get_repo("acme/sums").get_contents("file").decoded_content == b"one\n"  # type: ignore[union-attr]
        assert github.get_repo("acme/sums").get_collaborator_permission("ann") == "write"
