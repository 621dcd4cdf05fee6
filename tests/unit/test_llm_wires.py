"""Both wires, by the vendors' own SDKs over real HTTP: the same conversation, the same answers, the same few errors."""

from __future__ import annotations

import asyncio
import json
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass

import pytest
from pydantic import SecretStr

from pressplay.llm import allowlist
from pressplay.llm.anthropic import AnthropicModel
from pressplay.llm.catalogue import ModelInfo, load
from pressplay.llm.errors import (
    IdleTimeout,
    InvalidRequest,
    ModelError,
    Overloaded,
    QuotaSpent,
    RateLimited,
    StreamCut,
    Unauthorized,
)
from pressplay.llm.messages import Answer, Effort, Reasoning, Request, StopReason, Text, Wire, assistant, user
from pressplay.llm.openai import OpenAIModel
from pressplay.llm.usage import NOTHING, Usage
from tests.unit.test_llm_vendor import (
    CONVERSATION,
    SAID,
    USAGE,
    Reader,
    Reply,
    Vendor,
    anthropic_reply,
    openai_reply,
    read_anthropic,
    read_openai,
    refusal,
    vendor,
)

CATALOGUE = load()
KEY = "sk-very-secret"
IDLE = 5.0


@dataclass
class Line:
    """A wire with a vendor at its end."""

    wire: Wire
    there: Vendor
    reply: Callable[..., Reply]
    read: Reader
    idle: float = IDLE
    key: Callable[[], str] = lambda: KEY

    @property
    def info(self) -> ModelInfo:
        return CATALOGUE.find("claude-sonnet-5-5" if self.wire is Wire.ANTHROPIC else "gpt-6-sol")

    def call(self, request: Request = CONVERSATION, times: int = 1) -> Answer:
        async def called() -> Answer:
            kind = AnthropicModel if self.wire is Wire.ANTHROPIC else OpenAIModel
            base = self.there.url if self.wire is Wire.ANTHROPIC else f"{self.there.url}/v1"
            model = kind(self.info, key=lambda: SecretStr(self.key()), idle=self.idle, base_url=base)
            try:
                for _ in range(times - 1):
                    await model.complete(request)
                return await model.complete(request)
            finally:
                await model.close()

        return asyncio.run(called())

    def fails(self, *replies: Reply) -> ModelError:
        self.there.say(*replies)
        with pytest.raises(ModelError) as failed:
            self.call()
        return failed.value


@pytest.fixture(params=[Wire.ANTHROPIC, Wire.OPENAI])
def line(request: pytest.FixtureRequest) -> Iterator[Line]:
    with vendor() as there:
        if request.param is Wire.ANTHROPIC:
            yield Line(Wire.ANTHROPIC, there, anthropic_reply, read_anthropic)
        else:
            yield Line(Wire.OPENAI, there, openai_reply, read_openai)


@pytest.fixture
def claude() -> Iterator[Line]:
    with vendor() as there:
        yield Line(Wire.ANTHROPIC, there, anthropic_reply, read_anthropic)


@pytest.fixture
def gpt() -> Iterator[Line]:
    with vendor() as there:
        yield Line(Wire.OPENAI, there, openai_reply, read_openai)


def test_the_same_conversation_arrives_whole_on_either_wire(line: Line) -> None:
    line.there.say(line.reply())
    line.call()
    assert line.read(line.there.asked[0].body) == CONVERSATION


def test_the_same_answer_comes_back_on_either_wire_with_its_usage(line: Line) -> None:
    line.there.say(line.reply())
    answer = line.call()
    assert answer == Answer(message=SAID, stop=StopReason.TOOLS, usage=USAGE, model=line.info.name)


def test_what_we_send_may_pass_the_gateway(line: Line) -> None:
    line.there.say(line.reply())
    line.call()
    asked = line.there.asked[0]
    wire = allowlist.ROUTES["POST", asked.path]
    checked = allowlist.check(wire, asked.raw)
    assert wire is line.wire
    assert checked.body == asked.body
    assert checked.output_tokens == CONVERSATION.max_output_tokens


def test_the_bound_before_the_call_is_the_one_the_gateway_reserves(line: Line) -> None:
    line.there.say(line.reply())
    line.call()
    checked = allowlist.check(line.wire, line.there.asked[0].raw)
    kind = AnthropicModel if line.wire is Wire.ANTHROPIC else OpenAIModel

    async def bound() -> int:
        model = kind(line.info, key=lambda: SecretStr(KEY), idle=IDLE)
        try:
            return model.prompt_at_most(CONVERSATION)
        finally:
            await model.close()

    assert asyncio.run(bound()) == checked.prompt_tokens


@pytest.mark.parametrize(
    ("anthropic_word", "openai_word", "stop"),
    [
        ("end_turn", "stop", StopReason.END),
        ("max_tokens", "length", StopReason.LENGTH),
        ("refusal", "content_filter", StopReason.REFUSED),
        ("something_new", "something_new", StopReason.OTHER),
    ],
)
def test_stop_reasons_mean_the_same_on_either_wire(
    line: Line, anthropic_word: str, openai_word: str, stop: StopReason
) -> None:
    word = anthropic_word if line.wire is Wire.ANTHROPIC else openai_word
    line.there.say(line.reply(assistant("x"), word))
    assert line.call().stop is stop


def test_a_key_that_was_renewed_is_used_at_the_next_call(line: Line) -> None:
    keys = iter(["old", "new"])
    line.key = lambda: next(keys)
    line.there.say(line.reply(), line.reply())
    line.call(times=2)
    assert [asked.headers["authorization"] for asked in line.there.asked] == ["Bearer old", "Bearer new"]


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (refusal(429, "rate_limit_error", retry_after="7"), RateLimited),
        (refusal(529, "overloaded_error"), Overloaded),
        (refusal(500, "api_error"), Overloaded),
        (refusal(503, "api_error"), Overloaded),
        (refusal(400, "invalid_request_error"), InvalidRequest),
        (refusal(404, "not_found_error"), InvalidRequest),
        (refusal(413, "request_too_large"), InvalidRequest),
        (refusal(401, "authentication_error"), Unauthorized),
        (refusal(403, "permission_error"), Unauthorized),
        (refusal(402, "billing_error"), QuotaSpent),
        (refusal(429, "insufficient_quota"), QuotaSpent),
    ],
)
def test_refusals_become_few_kinds_and_are_made_once_only(line: Line, reply: Reply, kind: type[ModelError]) -> None:
    error = line.fails(reply)
    assert type(error) is kind
    assert error.usage == NOTHING
    assert KEY not in str(error)
    # The SDK's own retries are off: patience is in one place.
    assert len(line.there.asked) == 1


def test_the_time_that_a_vendor_asks_for_is_told(line: Line) -> None:
    error = line.fails(refusal(429, "rate_limit_error", retry_after="7"))
    assert isinstance(error, RateLimited)
    assert error.after == 7.0


def test_a_redirect_is_not_followed_since_the_key_would_be(line: Line) -> None:
    error = line.fails(Reply(status=307, headers={"location": f"{line.there.url}/elsewhere"}))
    assert isinstance(error, InvalidRequest)
    assert "redirect" in error.message
    assert [asked.path for asked in line.there.asked] != ["/elsewhere"]
    assert len(line.there.asked) == 1


def test_nobody_there_is_overload(line: Line) -> None:
    line.there.url = "http://127.0.0.1:1"
    assert isinstance(line.fails(), Overloaded)


def test_a_machine_that_takes_no_connection_is_given_up_long_before_one_that_only_thinks(
    line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pressplay.llm.transport.CONNECT_SECONDS", 0.3)
    line.idle = 60.0
    with socket.create_server(("127.0.0.1", 0), backlog=0) as full, ExitStack() as waiting:
        # What is beyond the queue of a server that accepts nothing is not answered, as by a machine that is gone.
        for _ in range(4):
            one = waiting.enter_context(socket.socket())
            one.setblocking(False)
            one.connect_ex(full.getsockname())
        line.there.url = "http://{}:{}".format(*full.getsockname())
        began = time.monotonic()
        error = line.fails()
    assert isinstance(error, Overloaded)
    assert error.usage == NOTHING
    assert time.monotonic() - began < line.idle / 2


def test_silence_before_the_first_byte_is_an_idle_timeout(line: Line) -> None:
    line.idle = 0.2
    assert isinstance(line.fails(line.reply(silent_after=0)), IdleTimeout)


def test_silence_in_the_middle_is_an_idle_timeout_and_its_tokens_are_not_lost(line: Line) -> None:
    line.idle = 0.2
    error = line.fails(line.reply(silent_after=4))
    assert isinstance(error, IdleTimeout)
    assert error.usage.prompt >= USAGE.prompt


def test_a_stream_that_is_cut_tells_at_least_what_was_spent(line: Line) -> None:
    error = line.fails(line.reply(cut_after=5))
    assert isinstance(error, StreamCut)
    assert error.usage.prompt > 0
    assert error.usage.output >= len("Done ")


def test_a_stream_that_ends_politely_but_too_early_is_cut_as_well(line: Line) -> None:
    whole = line.reply()
    assert whole.events is not None
    error = line.fails(Reply(events=whole.events[:3]))
    assert isinstance(error, StreamCut)
    assert error.usage.prompt > 0


def test_an_answer_that_is_no_stream_at_all_is_cut(line: Line) -> None:
    error = line.fails(Reply(headers={"content-type": "text/html"}, body=b"<html>log in</html>"))
    assert isinstance(error, StreamCut)


def test_a_tool_call_that_is_no_json_is_kept_with_its_problem(line: Line) -> None:
    reply = line.reply()
    assert reply.events is not None
    text = [event if isinstance(event, str) else _spoilt(event) for event in reply.events]
    line.there.say(Reply(events=text))
    (call,) = line.call().message.tool_calls
    assert call.name == "shell"
    assert call.problem is not None
    assert "no JSON" in call.problem
    # It can be given back to the vendor in the next call.
    line.there.say(line.reply())
    line.call(Request(messages=(user("x"), assistant(call), user("y"))))


def _spoilt(event: dict[str, object]) -> dict[str, object]:
    return dict(json.loads(json.dumps(event).replace('\\"command\\"', "command")))


def test_an_effort_is_said_in_each_vendors_way(line: Line) -> None:
    line.there.say(line.reply())
    line.call(Request(messages=(user("x"),), effort=Effort.HIGH))
    body = line.there.asked[0].body
    assert body.get("output_config", {}).get("effort", body.get("reasoning_effort")) == "high"


def test_breakpoints_stand_after_tools_system_and_the_last_two_turns_of_the_user(claude: Line) -> None:
    claude.there.say(claude.reply())
    claude.call()
    body = claude.there.asked[0].body
    marks = [tool.get("cache_control") for tool in body["tools"]]
    assert marks == [None, {"type": "ephemeral"}]
    assert body["system"][-1]["cache_control"] == {"type": "ephemeral"}
    turns = [[block.get("cache_control") for block in turn["content"]] for turn in body["messages"]]
    assert turns == [[None, None], [None] * 3, [None, None, {"type": "ephemeral"}], [None], [{"type": "ephemeral"}]]


def test_thinking_comes_back_to_the_model_that_thought_it_and_to_no_other(claude: Line) -> None:
    own = Reasoning(wire=Wire.ANTHROPIC, model=claude.info.name, text="hm", opaque="sig")
    hidden = Reasoning(wire=Wire.ANTHROPIC, model=claude.info.name, opaque="data", hidden=True)
    claude.there.say(claude.reply(assistant(own, hidden, "x"), "end_turn"), claude.reply())
    said = claude.call().message
    assert said.content == (own, hidden, Text(text="x"))
    other = own.model_copy(update={"model": "claude-opus-5"})
    claude.call(Request(messages=(user("a"), said, user("b"), assistant(other, "y"), user("c"))))
    turns = claude.there.asked[1].body["messages"]
    assert [block["type"] for block in turns[1]["content"]] == ["thinking", "redacted_thinking", "text"]
    assert [block["type"] for block in turns[3]["content"]] == ["text"]


@pytest.mark.parametrize(
    ("kind", "wanted"), [("overloaded_error", Overloaded), ("rate_limit_error", RateLimited), ("api_error", Overloaded)]
)
def test_an_error_inside_a_stream_is_told_as_outside_while_nothing_was_said(
    claude: Line, kind: str, wanted: type[ModelError]
) -> None:
    event = {"type": "error", "error": {"type": kind, "message": "no"}}
    assert type(claude.fails(Reply(events=[event]))) is wanted


def test_an_error_in_the_middle_of_a_stream_is_a_cut_with_what_was_spent(claude: Line) -> None:
    whole = claude.reply()
    assert whole.events is not None
    event = {"type": "error", "error": {"type": "overloaded_error", "message": "no"}}
    error = claude.fails(Reply(events=[*whole.events[:4], event]))
    assert isinstance(error, StreamCut)
    assert error.usage.cache_read == USAGE.cache_read


def test_with_tools_the_newer_gpts_are_told_not_to_think_since_they_would_refuse(gpt: Line) -> None:
    gpt.there.say(gpt.reply(), gpt.reply())
    gpt.call(CONVERSATION.model_copy(update={"effort": Effort.HIGH}), times=1)
    gpt.call(Request(messages=(user("x"),)))
    assert [asked.body.get("reasoning_effort") for asked in gpt.there.asked] == ["none", None]


def test_nothing_is_stored_at_openai(gpt: Line) -> None:
    gpt.there.say(gpt.reply())
    gpt.call()
    assert gpt.there.asked[0].body["store"] is False


def test_an_error_inside_openais_stream_is_one_of_ours(gpt: Line) -> None:
    event: dict[str, object] = {"error": {"message": "The server had an error", "type": "server_error"}}
    whole = gpt.reply()
    assert whole.events is not None
    assert isinstance(gpt.fails(Reply(events=[event])), Overloaded)
    assert isinstance(gpt.fails(Reply(events=[*whole.events[:2], event])), StreamCut)


def test_a_refusal_in_words_of_its_own_is_a_refusal(gpt: Line) -> None:
    reply = gpt.reply(assistant("I will not."), "stop")
    assert reply.events is not None
    told = [event if isinstance(event, str) else _reworded(event) for event in reply.events]
    gpt.there.say(Reply(events=told))
    answer = gpt.call()
    assert (answer.stop, answer.message.text) == (StopReason.REFUSED, "I will not.")


def _reworded(event: dict[str, object]) -> dict[str, object]:
    return dict(json.loads(json.dumps(event).replace('"content"', '"refusal"')))


def test_a_server_that_does_not_count_is_counted_by_its_bytes(gpt: Line) -> None:
    gpt.there.say(gpt.reply(usage=None))
    answer = gpt.call()
    assert answer.message == SAID
    assert answer.usage.input >= len(gpt.there.asked[0].raw) // 2
    assert answer.usage.output > 0


def test_openais_count_of_the_prompt_is_taken_apart(gpt: Line) -> None:
    gpt.there.say(gpt.reply(usage=Usage(input=1, output=2, cache_read=3, cache_write=4)))
    assert gpt.call().usage == Usage(input=1, output=2, cache_read=3, cache_write=4)
