"""The demo's parts that need no cluster."""

from __future__ import annotations

import pytest
import yaml

from localdemo import example, platform, vendor
from localdemo.objects import app_secret
from localhub.model.scripts import choose, parse


def test_the_manifest_has_four_lines_and_the_stand_in_knows_its_task() -> None:
    text = example.manifest("numeric-range")
    assert len(text.splitlines()) == 4
    told = yaml.safe_load(text)
    assert told["kind"] == "CodeRun"
    scripts = {name: parse(name, example.script(name)) for name in example.SCRIPTS}
    assert choose(scripts, told["spec"]["task"], "You are Rex.") is scripts[example.SCRIPTS[0]]


@pytest.mark.parametrize("persona", ["Clippy", "QA", "Comment"])
def test_the_stand_in_knows_who_looks_at_the_pull_request(persona: str) -> None:
    scripts = {name: parse(name, example.script(name)) for name in example.SCRIPTS}
    run = scripts[example.SCRIPTS[0]]
    (title,) = {call.arguments["title"] for turn in run.turns for call in turn.tools if call.name == "finish"}
    # The task of whoever looks at a pull request has its title, and its body, which quotes the first task.
    chosen = choose(scripts, f"Pull request 1: {title}\n{run.match}", f"You are {persona}. You look.")
    assert chosen is scripts[f"numeric-range-{persona.lower()}.yaml"]


@pytest.mark.parametrize(
    ("env", "provider", "scripted"),
    [
        ({}, "anthropic", True),
        ({"LLM_MODEL": "without a key this says nothing"}, "anthropic", True),
        ({"ANTHROPIC_API_KEY": "sk-1"}, "anthropic", False),
        ({"OPENAI_API_KEY": "sk-2", "LLM_MODEL": "some-model"}, "openai", False),
    ],
)
def test_a_key_in_the_environment_chooses_its_vendor(env: dict[str, str], provider: str, scripted: bool) -> None:
    chosen = vendor.chosen(env)
    assert (chosen.values["provider"], chosen.scripted) == (provider, scripted)
    if not scripted:
        assert chosen.key == env[chosen.key_name]
        assert chosen.values["model"] == env.get("LLM_MODEL", "")
        # Nothing of the stand-in is left where a vendor's own address is meant.
        assert chosen.values["baseUrl"] == ""


def test_a_gateway_is_started_anew_where_its_keys_are_others_and_only_there() -> None:
    one, other = ([app_secret({"id": 1, "private_key": key})] for key in ("one", "other"))
    values = {"gateway": {"podAnnotations": {"changed": "yes"}, "podLabels": {}}, "flows": {"enabled": False}}
    made = platform.started_anew_by(one, values)
    assert made == platform.started_anew_by(one, values)
    assert made != platform.started_anew_by(other, values)
    assert {**made, "gateway": {}} == {**values, "gateway": {}}
    assert made["gateway"]["podAnnotations"]["changed"] == "yes"
    assert "podAnnotations" in platform.started_anew_by(one, {})["gateway"]
