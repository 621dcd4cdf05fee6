"""The stand-in's webhooks: signed, of GitHub's shapes, for everything that happens, and again when asked."""

from __future__ import annotations

from pathlib import Path

from tests.conformance.hub import Hub, Receiver, check, check_hook, git

HERE = "/repos/acme/sums"


def hold(receiver: Receiver) -> None:
    for headers, body in receiver.came:
        check_hook(headers, body, "the secret")


def test_pull_requests_comments_issues_and_merges_are_told(hub: Hub, receiver: Receiver, tmp_path: Path) -> None:
    number = hub.pull(tmp_path / "work")
    hub.call("POST", f"{HERE}/issues/{number}/comments", json={"body": "/retry"})
    hub.call("POST", f"{HERE}/issues/1/labels", json={"labels": ["agent"]})
    hub.call("PATCH", f"{HERE}/pulls/{number}", json={"title": "Even more"})
    hub.call("PATCH", f"{HERE}/pulls/{number}", json={"state": "closed"})
    hub.call("PATCH", f"{HERE}/pulls/{number}", json={"state": "open"})
    hub.call("PUT", f"{HERE}/pulls/{number}/merge")
    hub.make("/_hub/issues", {"repository": "acme/sums", "title": "Another"})
    hub.call("PATCH", f"{HERE}/issues/1", json={"state": "closed"})
    wanted = {
        ("push", ""), ("pull_request", "opened"), ("issue_comment", "created"), ("issues", "labeled"),
        ("pull_request", "edited"), ("pull_request", "closed"), ("pull_request", "reopened"), ("issues", "opened"),
        ("issues", "closed"),
    }  # fmt: skip
    receiver.until(lambda: wanted <= set(receiver.events()), str(wanted))
    assert receiver.payload("issues", "labeled")["label"]["name"] == "agent"
    assert receiver.payload("pull_request", "closed")["pull_request"]["merged"] is True
    hold(receiver)


def test_a_push_is_told_with_its_commits_and_its_pull_request_is_synchronized(
    hub: Hub, receiver: Receiver, tmp_path: Path
) -> None:
    number = hub.pull(tmp_path / "work")
    before = receiver.payload("push")
    assert (before["ref"], before["created"], before["forced"]) == ("refs/heads/work", True, False)
    assert [commit["added"] for commit in before["commits"]] == [["work"]]
    hub.branch("work", tmp_path / "work", "still more\n")
    told = receiver.payload("pull_request", "synchronize")
    assert (told["number"], told["before"]) == (number, before["after"])
    assert told["pull_request"]["head"]["sha"] == told["after"]
    git("reset", "--quiet", "--hard", "HEAD~2", at=tmp_path / "work")
    hub.branch("work", tmp_path / "work", "another way\n")
    receiver.until(lambda: receiver.payload("push")["forced"], "a push that rewinds")
    git("push", "--quiet", "origin", ":work", at=tmp_path / "work")
    receiver.until(lambda: receiver.payload("push")["deleted"], "a push that deletes")
    assert receiver.payload("pull_request", "closed")["pull_request"]["merged"] is False
    hold(receiver)


def test_reviews_their_comments_checks_and_statuses_are_told(hub: Hub, receiver: Receiver, tmp_path: Path) -> None:
    number = hub.pull(tmp_path / "work")
    head = hub.call("GET", f"{HERE}/pulls/{number}").json()["head"]["sha"]
    comments = [{"path": "work", "line": 1, "body": "Why?"}]
    ann = hub.person("ann", "write")
    told = {"event": "REQUEST_CHANGES", "body": "Not yet", "comments": comments}
    assert hub.call("POST", f"{HERE}/pulls/{number}/reviews", ann, json=told).status_code == 200
    output = {"title": "One failed", "summary": "test_add"}
    run = {"name": "tests", "head_sha": head, "status": "completed", "conclusion": "failure", "output": output}
    made = hub.call("POST", f"{HERE}/check-runs", json=run).json()
    hub.call("POST", f"{HERE}/check-runs/{made['id']}/rerequest")
    hub.call("POST", f"{HERE}/statuses/{head}", json={"state": "success", "context": "lint"})
    wanted = {("pull_request_review", "submitted"), ("pull_request_review_comment", "created"),
              ("check_run", "completed"), ("check_run", "rerequested"), ("status", "")}  # fmt: skip
    receiver.until(lambda: wanted <= set(receiver.events()), str(wanted))
    assert receiver.payload("pull_request_review", "submitted")["review"]["state"] == "changes_requested"
    assert receiver.payload("check_run", "completed")["check_run"]["pull_requests"][0]["number"] == number
    hold(receiver)


def test_a_delivery_comes_again_when_it_is_asked_for_under_its_own_guid(hub: Hub, receiver: Receiver) -> None:
    hub.make("/_hub/issues", {"repository": "acme/sums", "title": "Another"})
    receiver.payload("issues", "opened")
    listed = hub.http.get("/app/hook/deliveries", headers=hub.as_app())
    check("get", "/app/hook/deliveries", listed)
    (first,) = listed.json()
    again = hub.http.post(f"/app/hook/deliveries/{first['id']}/attempts", headers=hub.as_app())
    assert again.status_code == 202
    receiver.until(lambda: len(receiver.came) == 2, "the second delivery")
    guids = {headers["x-github-delivery"] for headers, _ in receiver.came}
    assert guids == {first["guid"]}
    whole = hub.http.get(f"/app/hook/deliveries/{first['id']}", headers=hub.as_app()).json()
    assert whole["request"]["payload"]["issue"]["title"] == "Another"
