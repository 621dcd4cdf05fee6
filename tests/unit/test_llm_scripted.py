"""Scripts: they replay, fail where they no longer fit and say why, and play vendors' faults."""

from __future__ import annotations

import asyncio
from pathlib import Path
from textwrap import dedent

import pytest

from pressplay.llm import scripted
from pressplay.llm.errors import IdleTimeout, ModelError, Overloaded, RateLimited, StreamCut, Unauthorized
from pressplay.llm.messages import Answer, Message, Request, StopReason, Text, ToolResult, user
from pressplay.llm.retry import PatientModel
from pressplay.llm.scripted import Script, ScriptedModel, ScriptMismatch, load
from pressplay.llm.usage import Usage
from tests.unit.test_llm_vendor import FINISH, SHELL

SCRIPT = """
turns:
  - text: Let me look.
    calls:
      - {tool: shell, arguments: {command: make test}}
  - expect: {contains: ["1 failed"], matches: ["^FAILED .*clock"], lacks: [Traceback], errors: 1}
    text: It is the clock.
    calls: [{tool: finish}]
    usage: {input: 5, output: 6, cache_read: 7}
"""
RESULT = ToolResult(call_id="call_0_0", content=(Text(text="1 failed\nFAILED test_clock"),), is_error=True)


def script(tmp_path: Path, text: str) -> Script:
    path = tmp_path / "demo.yaml"
    path.write_text(text)
    return load(path)


def ask(model: ScriptedModel | PatientModel, *messages: Message) -> Answer:
    return asyncio.run(model.complete(Request(messages=messages or (user("go"),), tools=(SHELL, FINISH))))


def second(model: ScriptedModel, result: ToolResult) -> Answer:
    first = ask(model)
    return ask(model, user("go"), first.message, user(result))


def test_a_script_replays_its_turns(tmp_path: Path) -> None:
    model = ScriptedModel(script(tmp_path, SCRIPT))
    first = ask(model)
    assert first.message.text == "Let me look."
    assert first.message.tool_calls[0].arguments == {"command": "make test"}
    assert first.stop is StopReason.TOOLS
    assert first.usage.total > 0
    last = second(model, RESULT)
    assert last.message.tool_calls[0].name == "finish"
    assert last.usage == Usage(input=5, output=6, cache_read=7)


def test_a_run_that_is_taken_up_by_another_process_goes_on_at_its_turn(tmp_path: Path) -> None:
    first = ask(ScriptedModel(script(tmp_path, SCRIPT)))
    kept = Message.model_validate_json(first.message.model_dump_json())
    other = ScriptedModel(script(tmp_path, SCRIPT))
    assert ask(other, user("go"), kept, user(RESULT)).message.text == "It is the clock."


@pytest.mark.parametrize(
    ("text", "is_error", "problem"),
    [
        ("FAILED test_clock", True, "do not contain `1 failed`"),
        ("1 failed", True, "do not match `^FAILED .*clock`"),
        ("1 failed\nFAILED clock\nTraceback", True, "contain `Traceback`"),
        ("1 failed\nFAILED clock", False, "have 0 errors instead of 1"),
    ],
)
def test_a_script_that_no_longer_fits_says_at_which_turn_and_how(
    tmp_path: Path, text: str, is_error: bool, problem: str
) -> None:
    model = ScriptedModel(script(tmp_path, SCRIPT), title="demo.yaml")
    result = ToolResult(call_id="call_0_0", content=(Text(text=text),), is_error=is_error)
    with pytest.raises(ScriptMismatch) as failed:
        second(model, result)
    assert "demo.yaml, turn 2" in failed.value.message
    assert problem in failed.value.message
    assert text in failed.value.message


def test_a_script_that_calls_a_tool_that_is_not_offered_says_so(tmp_path: Path) -> None:
    model = ScriptedModel(script(tmp_path, "turns: [{calls: [{tool: sehll}]}]"))
    with pytest.raises(ScriptMismatch, match="calls `sehll`, but the tools are: finish, shell"):
        ask(model)


def test_a_script_that_is_at_its_end_says_so(tmp_path: Path) -> None:
    model = ScriptedModel(script(tmp_path, "turns: [{text: bye}]"))
    with pytest.raises(ScriptMismatch, match="has 1 turns, and turn 2 was asked for"):
        ask(model, user("a"), ask(model).message, user("b"))


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("turns: [{txt: hello}]", r"turns\.0\.txt"),
        ("turns: []", "turns"),
        ("turns: [{faults: [{kind: flood}]}]", r"turns\.0\.faults\.0\.kind"),
        ("turns: [", "cannot be read"),
    ],
)
def test_a_file_that_is_no_script_says_where(tmp_path: Path, text: str, place: str) -> None:
    with pytest.raises(ScriptMismatch, match=place):
        script(tmp_path, text)


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        ("{kind: rate_limited, after: 2}", RateLimited),
        ("{kind: overloaded}", Overloaded),
        ("{kind: cut, usage: {input: 100}}", StreamCut),
        ("{kind: idle}", IdleTimeout),
        ("{kind: unauthorized}", Unauthorized),
    ],
)
def test_a_fault_comes_once_and_then_the_turn(tmp_path: Path, fault: str, kind: type[ModelError]) -> None:
    model = ScriptedModel(script(tmp_path, f"turns: [{{text: hello, faults: [{fault}]}}]"))
    with pytest.raises(kind):
        ask(model)
    assert ask(model).message.text == "hello"


def test_patience_gets_over_the_faults_of_a_script(tmp_path: Path) -> None:
    faults = "[{kind: rate_limited, after: 3}, {kind: cut, usage: {input: 100}}, {kind: overloaded}]"
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    inner = ScriptedModel(script(tmp_path, f"turns: [{{text: hello, delay: 9, faults: {faults}}}]"), sleep=sleep)
    patient = PatientModel([inner], sleep=sleep, chance=lambda: 0.0)
    assert ask(patient).message.text == "hello"
    assert slept == [9.0, 3.0, 9.0, 1.0, 9.0, 2.0, 9.0]


def test_a_malformed_tool_call_is_played_as_the_model_wrote_it(tmp_path: Path) -> None:
    model = ScriptedModel(script(tmp_path, "turns: [{calls: [{tool: shell, arguments: '{\"command\": '}]}]"))
    (call,) = ask(model).message.tool_calls
    assert call.problem is not None
    assert call.arguments == {}


def test_the_example_in_the_documentation_of_scripts_is_one(tmp_path: Path) -> None:
    example = (scripted.__doc__ or "").partition("    turns:")
    assert len(script(tmp_path, dedent("    turns:" + example[2])).turns) == 2
