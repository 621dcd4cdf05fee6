"""The demo's parts that need no cluster."""

from __future__ import annotations

import pytest
import yaml

from localdemo import example, vendor
from localhub.model.scripts import choose, parse


def test_the_manifest_has_four_lines_and_the_stand_in_knows_its_task() -> None:
    text = example.manifest("numeric-range")
    assert len(text.splitlines()) == 4
    told = yaml.safe_load(text)
    assert told["kind"] == "CodeRun"
    script = parse(example.SCRIPT, example.script())
    assert choose({"one": script}, told["spec"]["task"]) is script


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
