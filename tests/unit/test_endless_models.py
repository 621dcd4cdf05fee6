"""A model that never finishes is ended by steps, tokens, money and time: by the gateway, whatever the runner does.

The runner's loop, its tools, the vendor's SDK and the gateway's route are real; the vendor is the stand-in, with a
script that asks for something new for ever.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest
from pydantic import SecretStr

from localhub.model.scripts import parse
from pressplay.llm import catalogue
from pressplay.llm.anthropic import AnthropicModel
from pressplay.resources.exits import RunnerExit
from pressplay.resources.names import ATTEMPT
from pressplay.resources.reasons import Reason
from pressplay.runner.changes import Changes
from pressplay.runner.exchange import Exchange
from pressplay.runner.gateway import Gateway
from pressplay.runner.loop import Loop
from pressplay.runner.prepare import prepare, read_manifest
from pressplay.runner.stops import Stop
from pressplay.runner.tools import Toolbox
from tests.unit.a_run import Kept, Origin, brief, gateway, origin, workbench
from tests.unit.test_gateway_model_route import CLAUDE, TOKEN, UID, Route, message, route

# What it reads is never the same, so that nothing is seen to repeat itself.
ENDLESS = """\
match: Mend add.
turns:
- tools: [{name: shell, arguments: {command: cat /proc/sys/kernel/random/uuid}}]
repeat: last
"""
FAR = 60
WAYS: list[tuple[dict[str, int], Reason]] = [
    ({"steps": 4}, Reason.STEPS_EXHAUSTED), ({"tokens": 30_000}, Reason.TOKENS_EXHAUSTED),
    ({"micro_dollars": 9_500}, Reason.MONEY_EXHAUSTED), ({"seconds": 100}, Reason.TIME_EXHAUSTED),
]  # fmt: skip


def ticking(made: Route) -> None:
    """The gateway's clock goes on by some seconds whenever it is looked at."""
    ticks = itertools.count(1_000, 7)
    made.ledger._now = lambda: float(next(ticks))


def spent_within(made: Route, limits: dict[str, int]) -> None:
    """What was spent has not gone beyond what may be."""
    usage, cost = made.ledger.totals(UID)
    tokens = usage.input_tokens + usage.output_tokens + usage.cache_read_tokens + usage.cache_write_tokens
    assert usage.calls <= limits.get("steps", FAR)
    assert tokens <= limits.get("tokens", tokens)
    assert cost <= limits.get("micro_dollars", cost)


# --- the loop, with a runner that sets no limit of its own -----------------------------------------------------------


@dataclass
class Bench:
    """What a loop needs besides a model."""

    kept: Kept
    client: Gateway
    exchange: Exchange
    work: Path
    own: Path

    def stops(self, address: str) -> Stop:
        """Play with the model behind an address until it is stopped."""

        async def run() -> None:
            told = self.kept.brief
            model = AnthropicModel(
                catalogue.load().find(CLAUDE), key=lambda: SecretStr(TOKEN), idle=30.0, base_url=address
            )  # fmt: skip
            await self.exchange.ready()
            tools = Toolbox(self.work, "", self.exchange, told.tools, 20.0, 10_000)
            changes = Changes(self.work, told.checkout.commit, read_manifest(self.own), self.exchange)
            try:
                await Loop(told, model, tools, changes, self.client, lambda _: None).run()
            finally:
                await model.close()

        with pytest.raises(Stop) as stopped:
            asyncio.run(asyncio.wait_for(run(), 60))
        return stopped.value


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Origin:
    folder = tmp_path_factory.mktemp("origin")
    (folder / "sums.py").write_text("x = 1\n")
    return origin(folder)


@pytest.fixture
def bench(tmp_path: Path, made: Origin) -> Iterator[Bench]:
    for name in ("work", "exchange", "home", "own"):
        (tmp_path / name).mkdir()
    kept = Kept(brief(made.commit), made.pack)
    work, exchange = tmp_path / "work", tmp_path / "exchange"
    with gateway(kept, tmp_path) as client, workbench(work, exchange, tmp_path / "home") as program:
        prepare(client, work, tmp_path / "own")
        yield Bench(kept, client, program, work, tmp_path / "own")


@pytest.mark.parametrize(("limits", "reason"), WAYS)
def test_a_model_that_asks_for_something_new_for_ever_ends_at_each_limit(
    bench: Bench, tmp_path: Path, limits: dict[str, int], reason: Reason
) -> None:
    folder = tmp_path / "gateway"
    folder.mkdir()
    with route(folder, "anthropic", CLAUDE, **limits) as open_route:
        open_route.vendor.scripts["endless.yaml"] = parse("endless.yaml", ENDLESS)
        if "seconds" in limits:
            ticking(open_route)
        stop = bench.stops(open_route.address)
        assert (stop.code, stop.reason) == (RunnerExit.BUDGET, reason)
        assert "raise spec.budget." in str(stop)
        spent_within(open_route, limits)
        assert 1 <= len(open_route.vendor.requests) < FAR
    assert bench.kept.outputs == []


# --- the gateway, with a runner that does not stop -------------------------------------------------------------------


@pytest.mark.parametrize(("limits", "reason"), WAYS)
def test_a_runner_that_goes_on_asking_gets_no_further_call_not_in_another_attempt_either(
    tmp_path: Path, limits: dict[str, int], reason: Reason
) -> None:
    with route(tmp_path, "anthropic", CLAUDE, **limits) as made:
        if "seconds" in limits:
            ticking(made)
        long = [{"role": "user", "content": f"hello {'word ' * 2_000}"}]
        body = message(max_tokens=8_000, messages=long)
        answers = [made.post("/v1/messages", body) for _ in range(FAR)]
        first = next(number for number, answer in enumerate(answers) if answer.status_code != 200)
        assert {answer.headers["pressplay-reason"] for answer in answers[first:]} == {reason}
        calls = len(made.vendor.requests)
        assert calls == first
        spent_within(made, limits)
        made.ledger.close_attempt(UID, 1, Reason.RETRYING)
        second_attempt(made)
        again = made.post("/v1/messages", body, "token-of-the-second-attempt")
        assert (again.status_code, again.headers["pressplay-reason"]) == (400, reason)
        assert len(made.vendor.requests) == calls


def second_attempt(made: Route) -> None:
    """From now on the pod is one of the run's second Job."""
    review, job = made.cluster.review, made.cluster.job

    async def reviewed(_: str, audience: str) -> object:
        return await review(TOKEN, audience)

    async def of_second(namespace: str, name: str) -> object:
        found = await job(namespace, name)
        assert found is not None
        found["metadata"]["labels"] = {ATTEMPT: "2"}
        return found

    made.cluster.review, made.cluster.job = reviewed, of_second  # type: ignore[assignment, method-assign]


def test_calls_at_once_share_what_is_left(tmp_path: Path) -> None:
    with route(tmp_path, "anthropic", CLAUDE, steps=3) as made, ThreadPoolExecutor(12) as pool:
        answers = list(pool.map(lambda _: made.post("/v1/messages", message()), range(12)))
        assert sorted(answer.status_code for answer in answers) == [200] * 3 + [400] * 9
        assert len(made.vendor.requests) == 3
