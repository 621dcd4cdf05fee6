"""What follows from a push at the stand-in: events of branches and tags, and what becomes of pull requests."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from tests.conformance.hub import REPO, Hub, Receiver, check, check_hook, git

HERE = "/repos/acme/sums"


def hold(receiver: Receiver) -> None:
    for headers, body in receiver.came:
        check_hook(headers, body, "the secret")


def whole(hub: Hub, number: int) -> dict[str, Any]:
    answer = hub.call("GET", f"{HERE}/pulls/{number}")
    check("get", f"{REPO}/pulls/{{pull_number}}", answer)
    told: dict[str, Any] = answer.json()
    return told


def test_tags_are_told_unless_more_than_three_come_at_once(hub: Hub, receiver: Receiver, tmp_path: Path) -> None:
    work = tmp_path / "work"
    hub.branch("work", work)
    git("tag", "v1", at=work)
    git("tag", "--annotate", "v2", "--message", "Two", at=work)
    git("push", "--quiet", "origin", "v1", at=work)
    receiver.until(lambda: receiver.payload("push")["ref"] == "refs/tags/v1", "the first tag")
    told = receiver.payload("push")
    assert (told["created"], told["base_ref"], told["commits"]) == (True, "refs/heads/work", [])
    git("push", "--quiet", "origin", "v2", at=work)
    receiver.until(lambda: receiver.payload("push")["ref"] == "refs/tags/v2", "the second tag")
    assert receiver.payload("push")["head_commit"]["id"] == told["after"]
    ref = hub.call("GET", f"{HERE}/git/ref/tags/v2")
    check("get", f"{REPO}/git/ref/{{ref}}", ref)
    assert ref.json()["object"]["type"] == "tag"
    for number in range(4):
        git("tag", f"many-{number}", at=work)
    git("push", "--quiet", "origin", "--tags", at=work)
    hub.branch("work", work, "still more\n")
    receiver.until(lambda: receiver.payload("push")["ref"] == "refs/heads/work", "the branch")
    assert len(receiver.events()) == 4
    hold(receiver)


def test_a_branch_that_is_pushed_to_its_base_is_a_merged_pull_request(
    hub: Hub, receiver: Receiver, tmp_path: Path
) -> None:
    number = hub.pull(tmp_path / "work")
    base = whole(hub, number)["base"]["sha"]
    git("push", "--quiet", "origin", "HEAD:main", at=tmp_path / "work")
    closed = receiver.payload("pull_request", "closed")["pull_request"]
    assert (closed["merged"], closed["merged_by"]["login"]) == (True, "pressplay[bot]")
    assert closed["merge_commit_sha"] == closed["head"]["sha"]
    assert whole(hub, number)["base"]["sha"] == base
    hold(receiver)


def test_a_closed_pull_request_stays_as_it_was_and_opens_again_only_with_its_branches(
    hub: Hub, receiver: Receiver, tmp_path: Path
) -> None:
    number = hub.pull(tmp_path / "work")
    head = whole(hub, number)["head"]["sha"]
    one = f"{HERE}/pulls/{number}"
    assert hub.call("PATCH", one, json={"state": "closed"}).json()["closed_at"]
    hub.branch("work", tmp_path / "work", "later\n")
    assert whole(hub, number)["head"]["sha"] == head
    assert ("pull_request", "synchronize") not in receiver.events()
    assert hub.call("PATCH", one, json={"state": "open"}).json()["closed_at"] is None
    assert whole(hub, number)["head"]["sha"] != head
    hub.call("PATCH", one, json={"state": "closed"})
    assert hub.call("DELETE", f"{HERE}/git/refs/heads/work").status_code == 204
    refused = hub.call("PATCH", one, json={"state": "open"})
    check("patch", f"{REPO}/pulls/{{pull_number}}", refused)
    assert "work branch has been deleted" in refused.json()["errors"][0]["message"]
    again = hub.call("DELETE", f"{HERE}/git/refs/heads/work")
    check("delete", f"{REPO}/git/refs/{{ref}}", again)
    assert again.json()["message"] == "Reference does not exist"


def test_a_pull_request_goes_to_another_base_and_is_closed_with_it(
    hub: Hub, receiver: Receiver, tmp_path: Path
) -> None:
    hub.branch("release", tmp_path / "release", "released\n")
    number = hub.pull(tmp_path / "work")
    one = f"{HERE}/pulls/{number}"
    assert hub.call("PATCH", one, json={"base": "main"}).status_code == 200
    assert ("pull_request", "edited") not in receiver.events()
    main = whole(hub, number)["base"]["sha"]
    assert hub.call("PATCH", one, json={"base": "release"}).json()["base"]["ref"] == "release"
    told = receiver.payload("pull_request", "edited")
    assert told["changes"] == {"base": {"ref": {"from": "main"}, "sha": {"from": main}}}
    for wrong in ({"base": "nowhere"}, {"base": ["main"]}, {"title": 1}, {"title": ""}, {"state": "ajar"}):
        check("patch", f"{REPO}/pulls/{{pull_number}}", hub.call("PATCH", one, json=wrong))
    git("push", "--quiet", "origin", ":release", at=tmp_path / "release")
    assert receiver.payload("pull_request", "closed")["pull_request"]["merged"] is False
    assert whole(hub, number)["state"] == "closed"
    hold(receiver)


def test_a_head_may_be_named_with_its_owner_and_have_a_pull_request_for_each_base(hub: Hub, tmp_path: Path) -> None:
    hub.branch("release", tmp_path / "release", "released\n")
    hub.pull(tmp_path / "work")
    told = {"title": "More", "head": "acme:work", "base": "release"}
    opened = hub.call("POST", f"{HERE}/pulls", json=told)
    check("post", f"{REPO}/pulls", opened)
    assert opened.json()["head"]["label"] == "acme:work"
    again = hub.call("POST", f"{HERE}/pulls", json=told)
    check("post", f"{REPO}/pulls", again)
    assert "already exists" in again.json()["errors"][0]["message"]


def test_pushes_at_the_same_time_are_each_told_once(hub: Hub, receiver: Receiver, tmp_path: Path) -> None:
    names = [f"work-{number}" for number in range(4)]
    for name in names:
        hub.branch(f"first-{name}", tmp_path / name)
    receiver.until(lambda: len(receiver.came) == len(names), "the first pushes")
    receiver.came.clear()
    with ThreadPoolExecutor(len(names)) as pool:
        list(pool.map(lambda name: hub.branch(name, tmp_path / name, "again\n"), names))
    hub.branch("last", tmp_path / "last")
    receiver.until(lambda: len(receiver.came) > len(names), "a push each and the last")
    refs = sorted(receiver.refs())
    assert refs == ["refs/heads/last", *(f"refs/heads/{name}" for name in names)]
