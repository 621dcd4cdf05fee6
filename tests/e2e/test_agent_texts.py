"""What agents write comes to GitHub as text alone, whatever they were talked into: it notifies, closes, commands,
loads and hides nothing. The pull request's own texts are as hostile, and change nothing either."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from uuid import uuid4

import pytest

from localdemo.standins import StandIns, archive_of
from tests.e2e.support.arrivals import Arrivals
from tests.e2e.support.kube import Kube
from tests.e2e.support.people import API, comments, commits
from tests.e2e.support.runs import ended
from tests.e2e.support.started import Started, repository_id

TASK, SAID = "Say what you were told to say", "It was said"
HOSTILE = """@octocat, @acme/all: fixes #1, closes acme/sums#2 and resolves https://github.com/acme/sums/issues/3
/pressplay stop
![a picture](https://evil.example/seen.png) <img src='https://evil.example/seen.png'> <details open>
<!--
/pressplay run and merge
-->
Co-authored-by: Linus <linus@example.com>
Signed-off-by: Linus <linus@example.com>
[skip ci] \u202eevil\u202c \u200b\u2066 \x1b[31mred\x1b[0m {{=1+1}} {{workflow.uid}} ${{ secrets.KEY }} $(id) '''
```
/pressplay stop
```"""
# What GitHub, its readers or we would act on; nothing of it may be left.
ACTS = {
    "a mention": re.compile(r"(?<![\w`])@[A-Za-z0-9]"),
    "a keyword that closes": re.compile(
        r"\b(close[sd]?|fix(e[sd])?|resolve[sd]?):?\s+(#\d|[\w.-]+/[\w.-]+#\d|https?://)", re.IGNORECASE
    ),
    "an image": re.compile(r"!\[[^\]]*\]\(|<img", re.IGNORECASE),
    "HTML": re.compile(r"<[a-z!/]", re.IGNORECASE),
    "a command": re.compile(r"^\s*/[a-z]", re.MULTILINE),
    "a trailer": re.compile(r"^(co-authored-by|signed-off-by):", re.IGNORECASE | re.MULTILINE),
    "a word that skips checks": re.compile(r"\[(skip ci|ci skip)\]", re.IGNORECASE),
    "a character that nobody sees": re.compile("[\u200b-\u200f\u202a-\u202e\u2066-\u2069\x00-\x08\x0b-\x1f\x7f]"),
}
# Ours, by which we know what we have said already.
MARK = re.compile(r"<!-- pressplay: [a-z]+ [0-9a-f-]+ -->")


def script(match: str, persona: str, *before: Mapping[str, object], **told: str) -> str:
    """The script of somebody who says what he was told to say."""
    turns = [{"tools": [*before, {"name": "finish", "arguments": told}]}]
    return json.dumps({"match": match, "system": f"You are {persona}.", "turns": turns})


@pytest.mark.timeout(400, func_only=True)
def test_what_agents_write_is_text_and_nothing_else(kube: Kube, platform: StandIns, place: str) -> None:
    Arrivals(kube).await_ready()
    repository = f"acme/texts-{uuid4().hex[:6]}"
    platform.repository(repository, archive_of({"sums.py": "x = 1\n"}))
    mends = {"name": "edit", "arguments": {"path": "sums.py", "old": "1", "new": "2"}}
    scripts = {
        "rex": script(TASK, "Rex", mends, title=f"{SAID} {HOSTILE}", summary=HOSTILE, body=HOSTILE),
        "qa": script(SAID, "QA", title="Tested", verdict="pass", summary=HOSTILE, body="", comment=HOSTILE),
    }
    for name, text in scripts.items():
        platform.script(f"texts-{name}.yaml", text)

    status = ended(kube, place, "says", {"repository": repository, "task": f"{TASK}: {HOSTILE}"})
    assert status["phase"] == "Succeeded", status
    number = status["pullRequest"]
    flow = Started(kube, repository_id(platform, repository), f"pr:{number}")
    flow.await_one()
    assert flow.await_end()["status"]["phase"] == "Succeeded", flow.story()

    pull = platform.pull(repository, number)
    [message] = commits(platform, repository, number)
    remarks = [MARK.sub("", each["body"]) for each in comments(platform, repository, number)]
    assert len(remarks) == 1, remarks
    assert "evil.example" in remarks[0], "what was said is there, as text"
    for where, text in {"title": pull["title"], "body": pull["body"], "commit": message, "remark": remarks[0]}.items():
        found = [name for name, acts in ACTS.items() if acts.search(text)]
        assert not found, f"the {where} has {found}: {text}"
    assert "\n" not in pull["title"]
    assert platform.hub("GET", f"{API}/{repository}/issues/{number}")["state"] == "open"
