"""The agent's loop: ask the model, carry out what it asks for, keep both, until it finishes or must stop.

Reasons to stop are exceptions. Limits are looked at before each call. What happened is kept at every step, so that
another attempt goes on from there.
"""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from pressplay.llm.errors import ModelError
from pressplay.llm.messages import Answer, Effort, Message, Request, StopReason, ToolCall, ToolResult, user
from pressplay.llm.model import Model
from pressplay.protocol.changeset import Changeset
from pressplay.protocol.run import MOST_RESOLVED, THREAD_ID, Accepted, Brief, Entry, Output
from pressplay.resources.exits import RunnerExit
from pressplay.resources.reasons import Reason
from pressplay.resources.remedies import more_of
from pressplay.runner import stops
from pressplay.runner.changes import Changes, NotHandedOver
from pressplay.runner.gateway import Gateway, GatewayRefused
from pressplay.runner.stops import Stop
from pressplay.runner.tools import VERDICTS, Toolbox, result

MOST_REFUSALS = 3
MOST_NUDGES = 3
MOST_REPEATS = 5


@dataclass
class Loop:
    """One attempt.

    Attributes:
        say: a line for whoever reads the log.
    """

    brief: Brief
    model: Model
    tools: Toolbox
    changes: Changes
    gateway: Gateway
    say: Callable[[str], None]
    clock: Callable[[], float] = time.monotonic
    _messages: list[Message] = field(default_factory=list)
    _sequence: int = 0
    _steps: int = 0
    _refusals: int = 0
    _nudges: int = 0
    _repeats: Counter[str] = field(default_factory=Counter)
    _saved: Changeset | None = None

    async def run(self) -> Accepted:
        """Work until the output is taken.

        Raises:
            Stop: it ends otherwise.
        """
        began = self.clock()
        await self._resume()
        while True:
            self._check(began)
            answer = await self._ask()
            self._steps += 1
            await self._keep(answer.message)
            accepted = await self._act(answer)
            await self._save_work()
            if accepted is not None:
                return accepted

    async def _resume(self) -> None:
        entries = await asyncio.to_thread(self.gateway.transcript)
        self._sequence = len(entries)
        self._messages = [Message.model_validate(entry.body) for entry in entries if entry.kind == "message"]
        if not self._messages:
            await self._keep(user(self.brief.task))
        elif self._messages[-1].role == "assistant":
            calls = self._messages[-1].tool_calls
            lost = [result(call, "[interrupted before it ended; look at what is there and go on]", error=True)
                    for call in calls]  # fmt: skip
            await self._keep(user(*lost) if lost else user("Go on."))
        if entries:
            self.say(f"going on after {len(entries)} entries of earlier attempts")

    def _check(self, began: float) -> None:
        limits = self.brief.limits
        if limits.steps is not None and self._steps >= limits.steps:
            raise Stop(RunnerExit.BUDGET, Reason.STEPS_EXHAUSTED,
                       f"all {limits.steps} steps are taken; {more_of('steps')}")  # fmt: skip
        if limits.seconds is not None and self.clock() - began >= limits.seconds:
            raise Stop(RunnerExit.BUDGET, Reason.TIME_EXHAUSTED, f"the time is over; {more_of('seconds')}")

    async def _ask(self) -> Answer:
        request = Request(
            system=self.brief.system,
            messages=tuple(self._messages),
            tools=self.tools.offered(),
            max_output_tokens=self.brief.max_output_tokens,
            effort=Effort(self.brief.effort) if self.brief.effort else None,
        )
        try:
            answer = await self.model.complete(request)
        except ModelError as error:
            raise stops.of_model(error) from None
        if answer.stop is StopReason.CONTEXT:
            raise Stop(RunnerExit.NOT_CONVERGING, Reason.NOT_CONVERGING, "the model's context is full; split the task")
        if answer.stop is StopReason.REFUSED:
            raise Stop(RunnerExit.GAVE_UP, Reason.GAVE_UP, "the model refuses to work on this task")
        return answer

    async def _act(self, answer: Answer) -> Accepted | None:
        calls = answer.message.tool_calls
        usage = answer.usage
        said = " ".join(answer.message.text.split())[:120]
        self.say(f"step {self._steps}: {said or '-'} ({usage.prompt:,} + {usage.output:,} tokens)")
        if not calls:
            self._nudges += 1
            if self._nudges > MOST_NUDGES:
                raise Stop(RunnerExit.GAVE_UP, Reason.GAVE_UP, f"the agent stopped without finishing: {said}")
            await self._keep(user("Go on with the tools. When the task is done, call finish."))
            return None
        results: list[ToolResult] = []
        accepted: Accepted | None = None
        for call in calls:
            self.say(f"  {call.name} {_argument(call)}")
            if call.name == "finish" and call.problem is None:
                accepted, told = await self._finish(call)
            else:
                told = await self.tools.call(call)
            results.append(told)
            self._note_repeat(call, told)
        await self._keep(user(*results))
        return accepted

    async def _finish(self, call: ToolCall) -> tuple[Accepted | None, ToolResult]:
        told = {name: str(value) for name, value in call.arguments.items()}
        if told.get("outcome") == "cannot":
            raise Stop(RunnerExit.GAVE_UP, Reason.GAVE_UP, told.get("body") or "the agent says that it cannot do this")
        try:
            output = Output.model_validate(
                {
                    "changes": await self.changes.collect(),
                    "title": " ".join((told.get("title") or "Change").split())[:256],
                    "body": told.get("body", "")[:60_000],
                    "summary": told.get("summary", "")[:2_000],
                    "comment": told.get("comment", "")[:60_000] if self.brief.comments else "",
                    "resolved": _named(call.arguments.get("resolved")) if self.brief.resolves else (),
                    "verdict": told.get("verdict") if self.brief.judges and told.get("verdict") in VERDICTS else None,
                }
            )
            accepted = await asyncio.to_thread(self.gateway.output, output)
        except NotHandedOver as error:
            return None, self._refused(call, str(error))
        except GatewayRefused as error:
            if error.refusal.reason is not Reason.OUTPUT_REFUSED:
                raise stops.of_refusal(error, RunnerExit.OUTPUT_REFUSED) from None
            return None, self._refused(call, error.refusal.message)
        where = f"pull request {accepted.url}" if accepted.url else "nothing had to be changed"
        return accepted, result(call, where)

    def _refused(self, call: ToolCall, why: str) -> ToolResult:
        self._refusals += 1
        self.say(f"  refused: {why}")
        if self._refusals >= MOST_REFUSALS:
            raise Stop(RunnerExit.OUTPUT_REFUSED, Reason.OUTPUT_REFUSED, why)
        return result(call, f"This is not taken: {why}. Mend it and call finish again.", error=True)

    def _note_repeat(self, call: ToolCall, told: ToolResult) -> None:
        same = hashlib.sha256(f"{call.name}{call.arguments}{told.text}".encode("utf-8", "replace")).hexdigest()
        self._repeats[same] += 1
        if self._repeats[same] >= MOST_REPEATS:
            evidence = f"`{call.name} {_argument(call)}` gave the same result {MOST_REPEATS} times"
            raise Stop(RunnerExit.NOT_CONVERGING, Reason.NOT_CONVERGING, evidence)

    async def _keep(self, message: Message) -> None:
        body = message.model_dump(mode="json")
        entry = Entry(sequence=self._sequence, attempt=self.brief.attempt, kind="message", body=body)
        await asyncio.to_thread(self.gateway.append, entry)
        self._messages.append(message)
        self._sequence += 1

    async def _save_work(self) -> None:
        try:
            changes = await self.changes.collect()
        except NotHandedOver as error:
            self.say(f"  the work is not saved: {error}")
            return
        if changes != self._saved and not (self._saved is None and changes.empty):
            await asyncio.to_thread(self.gateway.save_work, changes)
            self._saved = changes


def _named(told: object) -> list[str]:
    """Ids of threads as the agent gave them, each once.

    Raises:
        NotHandedOver: one is of no such form.
    """
    every = list(dict.fromkeys(str(each).strip() for each in told)) if isinstance(told, list) else []
    strange = next((each for each in every if not THREAD_ID.fullmatch(each)), None)
    if strange is not None or len(every) > MOST_RESOLVED:
        raise NotHandedOver(
            f"`resolved` takes at most {MOST_RESOLVED} ids of threads, as they were told: {strange!r:.80}"
        )
    return every


def _argument(call: ToolCall) -> str:
    for name in ("command", "path", "pattern", "title"):
        value = call.arguments.get(name)
        if isinstance(value, str):
            return " ".join(value.split())[:100]
    return ""
