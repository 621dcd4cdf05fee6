"""Patience: what is tried again and how long after, what is not, how often, and that nothing spent is lost."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pressplay.llm.catalogue import load
from pressplay.llm.errors import (
    IdleTimeout,
    InvalidRequest,
    ModelError,
    Overloaded,
    QuotaSpent,
    RateLimited,
    StreamCut,
    Unauthorized,
    from_status,
    retry_after,
)
from pressplay.llm.messages import Answer, Request, StopReason, assistant, user
from pressplay.llm.model import Model
from pressplay.llm.retry import Patience, PatientModel, RateLimiter, next_delay, next_opening
from pressplay.llm.usage import Usage

REQUEST = Request(messages=(user("x"),), max_output_tokens=100)
USAGE = Usage(input=10, output=5)
CATALOGUE = load()


class Listed:
    """A model that does what a list says, in order."""

    def __init__(self, *steps: ModelError | Usage, name: str = "claude-opus-5-5") -> None:
        self.steps = deque(steps)
        self.calls = 0
        self._name = name

    @property
    def name(self) -> str:
        return self._name

    async def complete(self, request: Request) -> Answer:
        assert request == REQUEST
        self.calls += 1
        step = self.steps.popleft()
        if isinstance(step, ModelError):
            raise step
        return Answer(message=assistant("done"), stop=StopReason.END, usage=step, model=self._name)

    def prompt_at_most(self, request: Request) -> int:
        return 50 * len(request.messages)

    async def close(self) -> None:
        pass


class Time:
    """Time that passes only when somebody sleeps."""

    def __init__(self) -> None:
        self.now = 0.0
        self.slept: list[float] = []

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds
        # Others run meanwhile.
        await asyncio.sleep(0)


def complete(models: Sequence[Model], time: Time) -> Answer:
    model = PatientModel(models, sleep=time.sleep, chance=lambda: 1.0, patience=Patience(attempts=4))
    return asyncio.run(model.complete(REQUEST))


# --- which, and how long after --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "error", [RateLimited("x"), Overloaded("x"), IdleTimeout("x"), StreamCut("x")], ids=lambda e: type(e).__name__
)
def test_what_may_pass_is_tried_again_after_longer_and_longer_waits(error: ModelError) -> None:
    time = Time()
    model = Listed(error, error, error, USAGE)
    assert complete([model], time).usage == USAGE
    assert time.slept == [1.0, 2.0, 4.0]


@pytest.mark.parametrize(
    "error", [InvalidRequest("x"), Unauthorized("x"), QuotaSpent("x")], ids=lambda e: type(e).__name__
)
def test_what_would_fail_again_is_not_tried_again(error: ModelError) -> None:
    model = Listed(error, USAGE)
    with pytest.raises(type(error)):
        complete([model, Listed(USAGE)], Time())
    assert model.calls == 1


def test_patience_ends_with_the_last_error() -> None:
    model = Listed(*[Overloaded(str(number)) for number in range(9)])
    with pytest.raises(Overloaded, match="3"):
        complete([model], Time())
    assert model.calls == 4


def test_a_wait_that_is_asked_for_is_never_cut_short() -> None:
    time = Time()
    complete([Listed(RateLimited("x", after=30.0), USAGE)], time)
    assert time.slept[0] >= 30.0


def test_a_wait_that_is_too_long_to_sit_out_is_left_to_whoever_can_park_the_run() -> None:
    time = Time()
    with pytest.raises(RateLimited) as limited:
        complete([Listed(RateLimited("x", after=3600.0), USAGE)], time)
    assert limited.value.after == 3600.0
    assert time.slept == []


@given(st.integers(1, 20), st.floats(0, 1), st.none() | st.floats(0, 120))
def test_waits_are_bounded_from_both_sides(attempt: int, chance: float, after: float | None) -> None:
    patience = Patience(attempts=100)
    delay = next_delay(RateLimited("x", after), attempt, patience, chance)
    assert delay is not None
    if after is None:
        assert 0.5 <= delay <= patience.longest
    else:
        assert after <= delay <= after + patience.first


def test_many_that_failed_together_do_not_come_back_together() -> None:
    delays = {next_delay(Overloaded("x"), 3, Patience(), chance / 10) for chance in range(10)}
    assert len(delays) == 10


# --- fallback -------------------------------------------------------------------------------------------------------


def test_when_a_model_is_given_up_the_next_one_is_called() -> None:
    first, second = Listed(*[Overloaded("x")] * 4), Listed(USAGE, name="claude-sonnet-5-5")
    assert complete([first, second], Time()).model == "claude-sonnet-5-5"
    assert (first.calls, second.calls) == (4, 1)


def test_when_all_are_given_up_the_last_ones_error_is_told() -> None:
    with pytest.raises(IdleTimeout):
        complete([Listed(*[Overloaded("x")] * 4), Listed(*[IdleTimeout("y")] * 4)], Time())


# --- the rate -------------------------------------------------------------------------------------------------------


def test_no_more_calls_begin_in_a_minute_than_the_limit_says() -> None:
    time = Time()

    async def many() -> list[float]:
        limiter = RateLimiter(3, now=time, sleep=time.sleep)
        began = []
        for _ in range(7):
            await limiter.wait()
            began.append(time.now)
            time.now += 1
        return began

    assert asyncio.run(many()) == [0, 1, 2, 60, 61, 62, 120]


def test_callers_at_the_same_time_share_the_limit_and_keep_their_order() -> None:
    time = Time()
    began: list[tuple[int, float]] = []

    async def call(limiter: RateLimiter, number: int) -> None:
        await limiter.wait()
        began.append((number, time.now))

    async def many() -> None:
        limiter = RateLimiter(2, now=time, sleep=time.sleep)
        await asyncio.gather(*(call(limiter, number) for number in range(5)))

    asyncio.run(many())
    assert began == [(0, 0.0), (1, 0.0), (2, 60.0), (3, 60.0), (4, 120.0)]


def test_retries_count_against_the_rate_too() -> None:
    time = Time()
    limiter = RateLimiter(1, now=time, sleep=time.sleep)
    model = PatientModel([Listed(Overloaded("x"), USAGE)], limiter=limiter, sleep=time.sleep, chance=lambda: 1.0)
    asyncio.run(model.complete(REQUEST))
    assert time.now == 60.0


@given(st.lists(st.floats(0, 1000), max_size=20), st.integers(1, 5))
def test_after_the_wait_the_window_has_room(times: list[float], limit: int) -> None:
    calls = sorted(times)
    now = 1000.0
    opening = now + next_opening(calls, now, limit)
    assert len([call for call in calls[-limit:] if call > opening - 60.0 + 1e-6]) < limit


def test_without_a_limit_nobody_waits() -> None:
    time = Time()

    async def many() -> None:
        limiter = RateLimiter(None, now=time, sleep=time.sleep)
        for _ in range(1000):
            await limiter.wait()

    asyncio.run(many())
    assert time.slept == []


# --- what a status means --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": "7"}, 7.0),
        ({"retry-after": "7", "retry-after-ms": "1500"}, 1.5),
        ({"retry-after": "Wed, 21 Oct 2015 07:28:00 GMT"}, 0.0),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "-5"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "inf"}, None),
    ],
)
def test_the_time_to_wait_is_read_in_all_its_forms(headers: dict[str, str], seconds: float | None) -> None:
    assert retry_after(headers) == seconds


def test_every_status_is_one_of_our_kinds_and_its_message_is_one_line() -> None:
    for status in range(300, 600):
        error = from_status(status, {}, "many\nlines " * 1000)
        assert "\n" not in error.message
        assert len(error.message) < 600
        assert error.retryable == (status in (408, 409, 429) or status >= 500)


def test_a_key_that_a_vendor_repeats_is_not_repeated_by_us() -> None:
    error = from_status(401, {}, "Incorrect API key provided: sk-proj-ab***yz. You can find yours elsewhere.")
    assert error.message == "HTTP 401: Incorrect API key provided: [key]. You can find yours elsewhere."
