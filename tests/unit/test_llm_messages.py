"""Conversations: kept and taken up again without loss; and the package needs no SDK where nobody calls a model."""

from __future__ import annotations

import subprocess
import sys

import pytest
from pydantic import ValidationError

from pressplay.llm.calls import NO_TOOL, parsed_call
from pressplay.llm.messages import Image, Message, Reasoning, Request, ToolCall, Wire, assistant
from pressplay.llm.usage import Usage, from_openai
from tests.unit.test_llm_vendor import CONVERSATION


def test_a_conversation_that_was_kept_is_the_same_when_it_is_taken_up() -> None:
    thought = Reasoning(wire=Wire.ANTHROPIC, model="m", text="hm", opaque="sig")
    whole = CONVERSATION.model_copy(update={"messages": (*CONVERSATION.messages, assistant(thought, "x"))})
    assert Request.model_validate_json(whole.model_dump_json()) == whole


def test_a_picture_is_inline_and_never_an_address() -> None:
    with pytest.raises(ValidationError):
        Image(media_type="image/png", data="https://example.com/x.png")


def test_a_message_does_not_change_after_it_was_made() -> None:
    with pytest.raises(ValidationError):
        CONVERSATION.messages[0].role = "assistant"


def test_a_field_that_nobody_knows_is_not_dropped_in_silence() -> None:
    with pytest.raises(ValidationError, match="extra"):
        Message.model_validate({"role": "user", "content": [], "novelty": 1})


@pytest.mark.parametrize(
    ("name", "arguments", "problem"),
    [
        ("shell", "", None),
        ("shell", '{"a": 1}', None),
        ("shell", '{"a": ', "no JSON"),
        ("shell", "[1]", "no JSON object"),
        ("", "{}", "names no tool"),
        ("rm -rf /", "{}", "names no tool"),
    ],
)
def test_a_tool_call_is_sound_or_says_why_not(name: str, arguments: str, problem: str | None) -> None:
    call = parsed_call("id", name, arguments)
    assert isinstance(call, ToolCall)
    assert (problem is None) == (call.problem is None)
    assert problem is None or problem in (call.problem or "")
    assert call.name in ("shell", NO_TOOL)


def test_half_a_character_is_refused_in_a_call_and_replaced_in_a_text() -> None:
    """JSON's escapes can say halves of surrogate pairs, and no JSON that is UTF-8 can say them again."""
    call = parsed_call("id", "write", '{"content": "\\ud83d"}')
    assert "half a surrogate pair" in (call.problem or "")
    assert parsed_call("id", "write", '{"content": "\\ud83d\\ude00"}').arguments == {"content": "\U0001f600"}
    assert assistant("a\ud83db \ud83d\ude00").text == "a\ufffdb \U0001f600"
    assert Message.model_validate_json(assistant("\ud83d").model_dump_json()) == assistant("\ud83d")


def test_usage_adds_up() -> None:
    one, two = Usage(input=1, output=2, cache_read=3, cache_write=4), Usage(input=10, output=20)
    assert one + two == Usage(input=11, output=22, cache_read=3, cache_write=4)
    assert (one + two).total == 40


def test_a_count_that_contradicts_itself_is_never_negative() -> None:
    assert from_openai(prompt_tokens=5, completion_tokens=1, cached=9, cache_write=9) == Usage(cache_read=5, output=1)


@pytest.mark.parametrize("module", ["allowlist", "presets", "config", "retry", "scripted", "catalogue"])
def test_no_sdk_is_imported_where_no_model_is_called(module: str) -> None:
    code = f"import sys, pressplay.llm.{module}; sys.exit(bool({{'anthropic', 'openai', 'httpx2'}} & set(sys.modules)))"
    subprocess.run([sys.executable, "-c", code], check=True)
