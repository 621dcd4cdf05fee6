"""What lies in a repository of the stand-in: contents, commits, branches, refs; ETags and pages of answers."""

from __future__ import annotations

import base64
from pathlib import Path

import httpx

from tests.conformance.hub import REPO, Hub, check, git

HERE = "/repos/acme/sums"


def test_files_and_folders_answer_as_github_does(hub: Hub, tmp_path: Path) -> None:
    hub.branch("work", tmp_path / "work", "deep\n", "note.txt")
    path = f"{REPO}/contents/{{path}}"
    one = hub.call("GET", f"{HERE}/contents/file")
    check("get", path, one)
    assert base64.b64decode(one.json()["content"]) == b"one\n"
    check("get", path, hub.call("GET", f"{HERE}/contents/"))
    assert [each["name"] for each in hub.call("GET", f"{HERE}/contents/?ref=work").json()] == ["file", "note.txt"]
    raw = hub.call("GET", f"{HERE}/contents/note.txt?ref=work", headers={"accept": "application/vnd.github.raw+json"})
    assert raw.content == b"deep\n"
    assert hub.call("GET", f"{HERE}/contents/note.txt").status_code == 404
    assert hub.call("GET", f"{HERE}/contents/file?ref=nowhere").status_code == 404


def test_commits_branches_refs_and_comparisons_answer_as_github_does(hub: Hub, tmp_path: Path) -> None:
    hub.branch("work", tmp_path / "work")
    one = hub.call("GET", f"{HERE}/commits/work")
    check("get", f"{REPO}/commits/{{ref}}", one)
    check("get", f"{REPO}/commits", hub.call("GET", f"{HERE}/commits?sha=work"))
    check("get", f"{REPO}/branches/{{branch}}", hub.call("GET", f"{HERE}/branches/work"))
    check("get", f"{REPO}/git/ref/{{ref}}", hub.call("GET", f"{HERE}/git/ref/heads/work"))
    compared = hub.call("GET", f"{HERE}/compare/main...work")
    check("get", f"{REPO}/compare/{{basehead}}", compared)
    assert (compared.json()["status"], compared.json()["ahead_by"]) == ("ahead", 1)
    assert [each["filename"] for each in compared.json()["files"]] == ["work"]
    assert hub.call("DELETE", f"{HERE}/git/refs/heads/work").status_code == 204
    assert hub.call("GET", f"{HERE}/git/ref/heads/work").status_code == 404
    assert hub.call("DELETE", f"{HERE}/git/refs/heads/main").status_code == 422


def test_a_branch_is_moved_forwards_and_not_past_the_rules(hub: Hub, tmp_path: Path) -> None:
    hub.branch("work", tmp_path / "work")
    before = hub.call("GET", f"{HERE}/git/ref/heads/main").json()["object"]["sha"]
    ahead = hub.call("GET", f"{HERE}/git/ref/heads/work").json()["object"]["sha"]
    moved = hub.call("PATCH", f"{HERE}/git/refs/heads/main", json={"sha": ahead})
    check("patch", f"{REPO}/git/refs/{{ref}}", moved)
    assert hub.call("GET", f"{HERE}/git/ref/heads/main").json()["object"]["sha"] == ahead
    back = hub.call("PATCH", f"{HERE}/git/refs/heads/main", json={"sha": before})
    assert (back.status_code, back.json()["message"]) == (422, "Update is not a fast forward")
    assert hub.call("PATCH", f"{HERE}/git/refs/heads/main", json={"sha": before, "force": True}).status_code == 200
    assert hub.call("PATCH", f"{HERE}/git/refs/heads/none", json={"sha": before}).status_code == 422
    hub.make("/_hub/rulesets", {"repository": "acme/sums", "required_checks": []})
    ruled = hub.call("PATCH", f"{HERE}/git/refs/heads/main", json={"sha": ahead})
    assert ruled.status_code == 422
    assert "Changes must be made through a pull request" in ruled.json()["message"]


def test_what_has_not_changed_is_not_sent_again(hub: Hub) -> None:
    first = hub.call("GET", HERE)
    headers = {"if-none-match": first.headers["etag"], "authorization": f"Bearer {hub.token}"}
    assert hub.http.get(HERE, headers=headers).status_code == 304
    issue = hub.call("GET", f"{HERE}/issues/1")
    hub.call("PATCH", f"{HERE}/issues/1", json={"title": "Other"})
    headers["if-none-match"] = issue.headers["etag"]
    assert hub.http.get(f"{HERE}/issues/1", headers=headers).status_code == 200


def test_tags_of_answers_are_weak_in_lists_too_and_pages_stay(hub: Hub) -> None:
    hub.make("/_hub/issues", {"repository": "acme/sums", "title": "Another"})
    path = f"{HERE}/issues?per_page=1"
    first = hub.call("GET", path)
    tag = first.headers["etag"]
    assert tag.startswith('W/"')
    for known in (tag, tag.removeprefix("W/"), f'"other", {tag}'):
        again = hub.call("GET", path, headers={"if-none-match": known})
        assert (again.status_code, again.content) == (304, b"")
        assert again.headers["link"] == first.headers["link"]
    assert hub.call("GET", f"{path}&page=2", headers={"if-none-match": tag}).status_code == 200
    assert "etag" not in hub.call("GET", f"{HERE}/issues/99").headers


def test_links_submodules_and_large_files_answer_as_github_does(hub: Hub, tmp_path: Path) -> None:
    work, path = tmp_path / "work", f"{REPO}/contents/{{path}}"
    hub.branch("work", work)
    (work / "deep").mkdir()
    (work / "deep" / "link").symlink_to("../file")
    (work / "out").symlink_to("../../etc/passwd")
    (work / "large").write_bytes(b"x" * (1 << 20) + b"y")
    (work / "module").mkdir()
    git("update-index", "--add", "--cacheinfo", f"160000,{'1' * 40},module", at=work)
    hub.branch("work", work, "again\n")

    def at(name: str, accept: str = "application/vnd.github+json") -> httpx.Response:
        answer = hub.call("GET", f"{HERE}/contents/{name}?ref=work", headers={"accept": accept})
        if accept.endswith("github+json"):
            check("get", path, answer)
        return answer

    assert base64.b64decode(at("deep/link").json()["content"]) == b"one\n"
    assert (at("out").json()["type"], at("out").json()["target"]) == ("symlink", "../../etc/passwd")
    assert (at("large").json()["encoding"], at("large").json()["content"]) == ("none", "")
    assert len(at("large", "application/vnd.github.raw+json").content) == (1 << 20) + 1
    assert at("module").json()["type"] == "submodule"
    assert {each["name"]: each["type"] for each in at("").json()}["module"] == "file"
    whole = at("deep", "application/vnd.github.object+json").json()
    assert (whole["type"], [each["name"] for each in whole["entries"]]) == ("dir", ["link"])
    for away in ("%2e%2e/x", "deep/%2e%2e/file", "nowhere"):
        assert at(away).status_code == 404


def test_lists_come_in_pages_that_name_each_other(hub: Hub) -> None:
    for number in range(4):
        hub.make("/_hub/issues", {"repository": "acme/sums", "title": f"{number}"})
    first = hub.call("GET", f"{HERE}/issues?per_page=2")
    assert len(first.json()) == 2
    second = hub.call("GET", first.links["next"]["url"].removeprefix(hub.address).removeprefix("/api/v3"))
    third = hub.call("GET", second.links["next"]["url"].removeprefix(hub.address).removeprefix("/api/v3"))
    titles = [each["title"] for answer in (first, second, third) for each in answer.json()]
    assert titles == ["3", "2", "1", "0", "It subtracts"]
    assert "next" not in third.links
