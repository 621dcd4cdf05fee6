"""The same event has the same body for us, however it was written; what differs in one word has another."""

from __future__ import annotations

import json

import pytest

from pressplay.github.bodies import as_said


def test_what_argo_events_writes_into_a_body_is_taken_out() -> None:
    sent = b'{"action": "opened", "number": 3}'
    for delivery in ("one-id", "another-id"):
        passed_on = {"X-GitHub-Delivery": delivery, "X-GitHub-Event": "issues", "action": "opened", "number": 3}
        assert as_said(json.dumps(passed_on).encode()) == as_said(sent) == b'{"action":"opened","number":3}'


@pytest.mark.parametrize(
    ("sent", "passed_on"),
    [
        (b'{"b": 1, "a": 2}', b'{"a":2,"b":1}'),
        (b'{"a": "<b> & \xe2\x80\xa8"}', rb'{"a":"\u003cb\u003e \u0026 \u2028"}'),
        (b'{"a": 1.0, "b": 1.50, "c": 1e3}', b'{"a":1,"b":1.5,"c":1000}'),
        (b'{"a": 9007199254740993}', b'{"a":9007199254740992}'),
        (b'{"a": 12345678901234567890123}', b'{"a":1.2345678901234568e+22}'),
        (rb'{"a": "\ud83d\ude00 \ud83d"}', '{"a":"\U0001f600 \ufffd"}'.encode()),
        (b'{"a": 1, "a": 2}', b'{"a":2}'),
    ],
)  # fmt: skip
def test_the_way_of_writing_does_not_count(sent: bytes, passed_on: bytes) -> None:
    assert as_said(sent) == as_said(passed_on)


def test_each_word_and_number_counts() -> None:
    told = [{"a": 1}, {"a": 2}, {"a": "1"}, {"a": True}, {"A": 1}, {"a": [1]}, {"a": 1, "b": None}]
    assert len({as_said(json.dumps(each).encode()) for each in told}) == len(told)


@pytest.mark.parametrize(
    "body", [b"", b"\xff", b"[1]", b"{", b'{"a": NaN}', b'{"a": 1e999}', b"[" * 50_000, b'{"a":' * 50_000]
)
def test_what_is_no_event_stays_as_it_came(body: bytes) -> None:
    assert as_said(body) == body
