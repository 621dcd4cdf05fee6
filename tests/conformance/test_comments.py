"""`pressplay comments` reads a pull request of the stand-in's as its user."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from pressplay.cli.comments import comments
from tests.conformance.hub import Hub

HERE = "/repos/acme/sums"


@pytest.fixture
def number(hub: Hub, tmp_path: Path) -> int:
    number = hub.pull(tmp_path / "work")
    ann = hub.person("ann", "write")
    hub.call("POST", f"{HERE}/issues/{number}/comments", ann, json={"body": "Looks good."})
    head = hub.call("GET", f"{HERE}/pulls/{number}").json()["head"]["sha"]
    for line, body in ((1, "Why?"), (None, "And the rest?")):
        told = {"path": "work", "line": line, "body": body, "commit_id": head}
        assert hub.call("POST", f"{HERE}/pulls/{number}/comments", ann, json=told).status_code == 201
    return number


def call(hub: Hub, *words: str, token: str = "of-ann") -> Result:  # noqa: S107 - of the stand-in
    env = {"GITHUB_TOKEN": token, "GH_TOKEN": "", "NO_COLOR": "1"}
    words = (*words, "--repo", "acme/sums", "--api-url", f"{hub.address}/api/v3")
    return CliRunner().invoke(comments, words, env=env)


def test_comments_and_open_threads_come_with_their_code(hub: Hub, number: int) -> None:
    said = call(hub, str(number))
    assert said.exit_code == 0, said.output
    assert f"Pull request #{number} by pressplay[bot]: More" in said.output
    assert "ann wrote:\nLooks good." in said.output
    assert re.search(r"^Review thread \S+ \(open\) at work:1$", said.output, re.MULTILINE)
    assert "+more" in said.output


def test_json_is_for_programs_and_resolved_threads_only_where_they_are_asked_for(hub: Hub, number: int) -> None:
    query = "mutation($threadId: ID!) { resolveReviewThread(input: {threadId: $threadId}) { thread { isResolved } } }"
    listed = json.loads(call(hub, str(number), "-o", "json").output)
    assert [each["comments"][0]["body"] for each in listed["reviews"]] == ["Why?", "And the rest?"]
    threads = hub.http.post(
        f"{hub.address}/api/graphql",
        json={"query": "reviewThreads", "variables": {"owner": "acme", "name": "sums", "number": number}},
        headers={"authorization": "Bearer of-ann"},
    ).json()["data"]["repository"]["pullRequest"]["reviewThreads"]["nodes"]
    hub.http.post(
        f"{hub.address}/api/graphql", json={"query": query, "variables": {"threadId": threads[0]["id"]}},
        headers={"authorization": "Bearer of-ann"},
    )  # fmt: skip
    left = json.loads(call(hub, str(number), "-o", "json").output)
    assert [each["comments"][0]["body"] for each in left["reviews"]] == ["And the rest?"]
    assert len(json.loads(call(hub, str(number), "-o", "json", "--all").output)["reviews"]) == 2


@pytest.mark.parametrize(
    ("words", "token", "told"),
    [(("99",), "of-ann", "cannot be read"), (("1",), "wrong", "cannot be read"), (("0",), "of-ann", "0 is not in")],
)
def test_what_cannot_be_read_is_told_with_what_to_check(
    hub: Hub, number: int, words: tuple[str, ...], token: str, told: str
) -> None:
    said = call(hub, *words, token=token)
    assert said.exit_code != 0
    assert told in said.output
    assert "Traceback" not in said.output
