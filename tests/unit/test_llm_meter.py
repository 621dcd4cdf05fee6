"""Counting what passes through: the same as an SDK would, wherever the bytes are cut, and never less than is billed."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import JsonValue

from pressplay.llm.messages import Wire
from pressplay.llm.meter import Meter, usage_of
from pressplay.llm.usage import NOTHING, Usage
from tests.unit.test_llm_vendor import SAID, USAGE, Reply, anthropic_reply, openai_reply, sse

WIRES = {Wire.ANTHROPIC: anthropic_reply, Wire.OPENAI: openai_reply}
BOUND = 50_000


def stream(reply: Reply) -> bytes:
    return b"".join(sse(event) for event in reply.events or [])


@pytest.mark.parametrize("wire", WIRES)
@given(cuts=st.lists(st.integers(0, 3000), max_size=8))
def test_wherever_the_bytes_are_cut_the_vendors_count_is_read(wire: Wire, cuts: list[int]) -> None:
    data = stream(WIRES[wire]())
    places = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
    meter = Meter(wire, BOUND)
    for begin, end in pairwise(places):
        meter.feed(data[begin:end])
    assert meter.whole
    assert meter.usage == USAGE


@pytest.mark.parametrize("wire", WIRES)
def test_lines_may_end_as_they_do_on_windows(wire: Wire) -> None:
    meter = Meter(wire, BOUND)
    meter.feed(stream(WIRES[wire]()).replace(b"\n", b"\r\n"))
    assert (meter.whole, meter.usage) == (True, USAGE)


@pytest.mark.parametrize("wire", WIRES)
@given(part=st.floats(0, 1))
def test_what_was_cut_is_never_counted_as_less_than_the_text_that_came(wire: Wire, part: float) -> None:
    reply = WIRES[wire]()
    events = (reply.events or [])[: int(part * len(reply.events or []))]
    meter = Meter(wire, BOUND)
    meter.feed(b"".join(sse(event) for event in events))
    if not events:
        assert meter.usage == NOTHING
    elif not meter.whole:
        assert meter.usage.prompt in (USAGE.prompt, BOUND)
        assert meter.usage.output <= len(SAID.model_dump_json()) + USAGE.output


def test_before_openai_counts_the_reserve_stands_in() -> None:
    meter = Meter(Wire.OPENAI, BOUND)
    meter.feed(stream(Reply(events=(openai_reply().events or [])[:2])))
    assert meter.usage == Usage(input=BOUND, output=len("assistant" * 2 + "Done soon."))


def test_a_vendor_that_never_counts_is_bounded_at_the_end_too() -> None:
    meter = Meter(Wire.OPENAI, BOUND)
    meter.feed(stream(openai_reply(usage=None)))
    assert meter.whole
    assert meter.usage.prompt == BOUND


@pytest.mark.parametrize("noise", [b"data: {\n", b"data: [1]\n", b": ping\n", b"event: x\n", b'data: {"usage": 3}\n'])
def test_noise_is_passed_over(noise: bytes) -> None:
    meter = Meter(Wire.ANTHROPIC, BOUND)
    meter.feed(noise + stream(anthropic_reply()) + noise)
    assert meter.usage == USAGE


def test_an_answer_in_one_piece_is_counted_too() -> None:
    assert usage_of(Wire.ANTHROPIC, {"usage": {"input_tokens": 1, "output_tokens": 2}}) == Usage(input=1, output=2)
    details: dict[str, JsonValue] = {
        "prompt_tokens": 9,
        "completion_tokens": 2,
        "prompt_tokens_details": {"cached_tokens": 4},
    }
    assert usage_of(Wire.OPENAI, {"usage": details}) == Usage(input=5, output=2, cache_read=4)
    assert usage_of(Wire.OPENAI, {}) == NOTHING
