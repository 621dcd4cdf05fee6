"""A model only for what formatters and auto-fixers leave: they ran before, see `referee`."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from pressplay.protocol.run import Accepted, Brief, Output, Report
from pressplay.resources.reasons import Reason
from pressplay.runner.changes import Changes, NotHandedOver
from pressplay.runner.gateway import Gateway, GatewayRefused
from pressplay.runner.loop import Loop
from pressplay.runner.tools import shortened

NONE_USED = "No formatter or linter that is known here is used by this project"
HELP = "name its commands under `format` in .pressplay/requirements.yaml"


@dataclass(frozen=True)
class Fixed:
    """What the fixers did.

    Attributes:
        ran: names of those that ran.
        left: what they could not mend, in their words; empty where nothing is left.
    """

    ran: tuple[str, ...] = ()
    left: str = ""


async def worked(loop: Loop) -> Accepted:
    """Have the agent work on what the fixers left; where they left nothing, hand over what they did.

    Raises:
        Stop: it ends otherwise.
    """
    brief = loop.brief
    # Whoever goes on with an earlier attempt has been told of them.
    if brief.fixed is not None and not await asyncio.to_thread(loop.gateway.transcript):
        fixed = fixed_of(brief.fixed, brief.limits.output_bytes)
        # Of what is not there nobody knows what it would find; but who only formats has nothing to do without any.
        done = not fixed.left and bool(fixed.ran or brief.formatting)
        outcome = await hand_over(fixed, loop.changes, loop.gateway, loop.say) if done else ""
        if isinstance(outcome, Accepted):
            return outcome
        loop.brief = task_of(brief, fixed, outcome)
    return await loop.run()


def fixed_of(reports: tuple[Report, ...], most: int) -> Fixed:
    """What reports say.

    Args:
        most: bytes of each output that a model is shown.
    """
    ran = dict.fromkeys(report.fixer for report in reports if report.ran)
    left = [
        f"$ {report.command}\n{shortened(report.output.encode(), most)}\n[exit code {report.code}]"
        for report in reports
        if report.code
    ]
    return Fixed(tuple(ran), "\n\n".join(left))


async def hand_over(fixed: Fixed, changes: Changes, gateway: Gateway, say: Callable[[str], None]) -> Accepted | str:
    """Hand over what the fixers did; where that is refused, why, for the agent to mend.

    Raises:
        GatewayRefused: for another reason than rules that the change breaks.
    """
    names = ", ".join(fixed.ran)
    told = f"Formatted and linted by {names}; no model was asked." if names else f"{NONE_USED}; {HELP}."
    try:
        output = Output(
            changes=await changes.collect(), title=f"Format with {names or 'nothing'}"[:256], body=told, summary=told
        )
        accepted = await asyncio.to_thread(gateway.output, output)
    except NotHandedOver as error:
        return str(error)
    except GatewayRefused as error:
        if error.refusal.reason is not Reason.OUTPUT_REFUSED:
            raise
        return error.refusal.message
    say(told)
    return accepted


def task_of(brief: Brief, fixed: Fixed, refused: str) -> Brief:
    """The same brief, in which the agent is told what the fixers did, what is left, and what it may do about it."""
    told = [f"The fixers ran already: {', '.join(fixed.ran)}."] if fixed.ran else []
    told += [f"They leave this, which you mend by hand:\n\n{fixed.left}"] if fixed.left else []
    told += ["Change the lines that they name, and no others: what goes beyond is refused."] if brief.formatting else []
    told += [f"What they changed is not taken: {refused}"] if refused else []
    return brief.model_copy(update={"task": "\n\n".join([brief.task, *told])}) if told else brief
