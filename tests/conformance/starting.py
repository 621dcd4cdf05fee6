"""The examples of GitHub's webhooks, those of them that start flows, and hostile texts in the place of theirs."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, Final

from pressplay.cli.simulate import what
from pressplay.github.events import Event, NotAnEvent, parse
from pressplay.ledger.flows import FlowRow
from pressplay.policy.flows import SAID_ACTIONS, Context, Effect, Ours, meaning

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "tests" / "node" / "node_modules" / "@octokit" / "webhooks-examples" / "api.github.com" / "index.json"
US: Final = "pressplay[bot]"
CONTEXT: Final = Context(Ours(logins=frozenset({US})))
# By this every text is known, wherever it comes out.
CANARY: Final = "canary7c1e"
ATTACKS: Final = (
    f"'''\\'; touch /tmp/{CANARY}", f"$(touch /tmp/{CANARY})", f"`touch /tmp/{CANARY}`", f"{CANARY} {{{{=1+1}}}}",
    f"{CANARY} {{{{workflow.uid}}}}", f'"}}],"args":["{CANARY}"],', f"${{{{ secrets.{CANARY} }}}}",
    f"\u202e{CANARY}\u2066", f"\x00\x1b[31m{CANARY}", f"@{CANARY} fixes #1", f"![x](http://{CANARY}.example/x.png)",
    f"{CANARY}\n<!--\n/pressplay stop\n-->", f"```\n/pressplay stop {CANARY}\n```", f"../../{CANARY}",
    f"pressplay/{{{{={CANARY}}}}}", f"--upload-pack={CANARY}", f"{CANARY}/b\nc: d",
)  # fmt: skip
# Fields that say which event it is, whose and of what; what else is a text somebody may have written.
STRUCTURE: Final = frozenset({
    "login", "type", "full_name", "sha", "head_sha", "ref", "after", "before", "commit_id", "commit_oid", "state",
    "conclusion", "status", "action", "default_branch", "head_branch", "secret_type",
})  # fmt: skip


@cache
def examples() -> list[tuple[str, dict[str, Any]]]:
    """Name of the event and body, of every example."""
    told = json.loads(EXAMPLES.read_text())
    return [(event["name"], body) for event in told for body in event["examples"]]


def starting() -> Iterator[tuple[str, dict[str, Any]]]:
    """Examples that start a flow, and such made of them as they start one where people use the product."""
    others = itertools.count(1)
    for name, body in examples():
        if what(name, json.dumps(body).encode(), CONTEXT, "write").effect == Effect.START:
            yield name, body
        if name == "issues" and body["action"] == "labeled":
            yield name, {**body, "label": {**body["label"], "name": "pressplay"}}
        if name == "check_run" and body["action"] == "completed":
            run = {**body["check_run"], "conclusion": "failure", "pull_requests": []}
            suite = {**run["check_suite"], "head_branch": "pressplay/work"}
            yield name, {**body, "check_run": {**run, "check_suite": suite}}
        if name.startswith("pull_request_review") and body["action"] in SAID_ACTIONS:
            pull = body["pull_request"]
            ours = {"pull_request": {**pull, "head": {**pull["head"], "ref": "pressplay/work"}}}
            yield name, {**_remark(body, next(others)), **ours}
        if name == "issue_comment" and body["action"] in SAID_ACTIONS:
            issue = {**body["issue"], "user": {**body["issue"]["user"], "login": US}, "pull_request": {}}
            yield name, {**_remark(body, next(others)), "issue": issue}


def _remark(body: dict[str, Any], identity: int) -> dict[str, Any]:
    """The same said once more: examples share a comment, and one counts once."""
    said = "review" if "review" in body else "comment"
    return {**body, said: {**body[said], "id": identity}}


def parsed(body: dict[str, Any]) -> Event | None:
    """The event that a body is; None where it is none that means something."""
    try:
        return parse(json.dumps(body).encode())
    except NotAnEvent:
        return None


def flow_of(event: Event) -> FlowRow | None:
    """The flow that an event starts, as the ledger has it."""
    told = meaning(event, CONTEXT)
    if told.flow is None:
        return None
    return FlowRow(
        1, told.key, 1, told.flow.value, event.repository, event.repository_id, told.subjects[0], event.head,
        event.actor, "wanted", 0.0,
    )  # fmt: skip


def attacked_each(value: Any, texts: Iterator[str]) -> Iterator[Any]:
    """The same with the next text in the place of one text of it, each in its turn."""
    if isinstance(value, str):
        yield next(texts)
    elif isinstance(value, dict):
        for name, part in value.items():
            yield from ({**value, name: changed} for changed in attacked_each(part, texts))
    elif isinstance(value, list):
        for place, part in enumerate(value):
            yield from ([*value[:place], changed, *value[place + 1 :]] for changed in attacked_each(part, texts))


def attacked_everywhere(body: dict[str, Any], texts: Iterator[str]) -> dict[str, Any]:
    """The same event, with the next text in the place of each text that somebody may have written."""

    def attacked(value: Any) -> Any:
        if isinstance(value, str):
            return next(texts)
        if isinstance(value, list):
            return [attacked(each) for each in value]
        if isinstance(value, dict):
            return {name: each if name in STRUCTURE else attacked(each) for name, each in value.items()}
        return value

    changed: dict[str, Any] = attacked(body)
    # The label is the word by which a project says what is to be worked on.
    return {**changed, **({"label": body["label"]} if "label" in body else {})}
