"""The referee: the project's formatters, fixers and linters on the tree that the work begins on, before any agent.

It is a container of its own in the run's pod: the workbench's image and user, no token, folders that the workbench
never sees. It carries out what the init container has written down, and ends, and with it every process that it began;
only then does the workbench begin. The runner reads what it left, hands that to the gateway, which seals it, and lays
it over the workspace. What it says comes from the code of that tree, which is the project's or the pull request's:
nothing of it is the agent's.
"""

from __future__ import annotations

import asyncio
import json
import shlex
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from pressplay.protocol.run import MOST_REPORTED, Brief, Fixer, Reference, Report
from pressplay.resources.exits import RunnerExit
from pressplay.resources.names import WORKSPACE_PATH
from pressplay.resources.reasons import Reason
from pressplay.runner.changes import LIST, LIST_SECONDS, Changes, NotHandedOver
from pressplay.runner.exchange import Exchange, Ran
from pressplay.runner.gateway import Gateway
from pressplay.runner.stops import Stop
from pressplay.runner.tools import shortened
from pressplay.workspace.beneath import Beneath, NotBeneath, TooLarge
from pressplay.workspace.private import BaseFile, apply_changeset

WORK: Final = "work"
EXCHANGE: Final = "exchange"
LARGEST_MARK: Final = 1024 * 1024
MOST_REPORTED_IN_ALL: Final = 4 * 1024 * 1024
# In the runner's own folder: what was asked for, and, written last, that the workspace is ready for the agent.
_ASKED: Final = "referee.json"
_LAID: Final = "laid"
# Where the first round leaves something, the second says what, by the lines of the tree as it is by then.
# The mark stands before a command begins, since one whose time is over can leave none.
_FIRST = ': >"$HOME/left-{mark}"\n{command}\ncode=$?\n[ "$code" -ne 0 ] || rm -f "$HOME/left-{mark}"\nexit "$code"\n'
_SECOND = 'set -- "$HOME"/left-*\n[ -e "$1" ] || exit 0\n{command}\n'
# What a tool made for its own user alone is opened to the runner; what is the runner's own cannot be, and need not be.
_OPEN = "chmod -R g+rX . 2>/dev/null || :"


@dataclass(frozen=True)
class _Step:
    """A script for the referee.

    Attributes:
        name: of the request; their order is the order of the steps.
        fixer, command: whose words its output is; empty where nobody's are told.
    """

    name: str
    script: str
    fixer: str = ""
    command: str = ""


def ask(brief: Brief, referee: Path, own: Path) -> None:
    """Write down what the referee is to do.

    Args:
        referee: has the referee's workspace, with the base checked out, and its exchange.
        own: a folder that neither referee nor workbench sees.
    """
    used = [fixer for fixer in brief.fixers if _used(referee / WORK, brief.directory, fixer)]
    steps = _steps(used)
    exchange = Exchange(referee / EXCHANGE)
    for step in steps:
        whole = step.script in (_OPEN, LIST)
        place, seconds = ("", LIST_SECONDS) if whole else (f"/{brief.directory}", brief.limits.tool_seconds)
        exchange.put(step.name, step.script, f"{WORKSPACE_PATH}{place}", seconds)
    (own / _ASKED).write_text(json.dumps([asdict(step) for step in steps]))


async def seal(
    brief: Brief, gateway: Gateway, referee: Path, workspace: Path, own: Path, base: dict[str, BaseFile],
    say: Callable[[str], None],
) -> Brief:  # fmt: skip
    """Have the gateway keep what the referee made, where it has nothing yet, and the workspace begin with it.

    Args:
        base: the files of the base.

    Returns:
        The brief, with what the fixers said.

    Raises:
        Stop: what they made cannot be handed over.
        GatewayRefused: it is not taken.
    """
    if not brief.fixers:
        return brief
    if brief.fixed is None:
        reference = await _reference(brief, referee, own, base)
        for report in reference.reports:
            say(f"  fixer {report.command}: exit code {report.code}")
        sealed = await asyncio.to_thread(gateway.seal, reference)
        say(f"  sealed: the fixers change {len(reference.changes.files)} files, and make the tree {sealed.tree}")
        if sealed.left_out:
            say(f"  left out, for {brief.persona} may not change it so: {', '.join(sealed.left_out[:10])}")
        brief = brief.model_copy(update={"fixed": reference.reports})
    if not (own / _LAID).exists():
        work = await asyncio.to_thread(gateway.saved_work)
        if work is not None and work.base == brief.checkout.commit:
            await asyncio.to_thread(apply_changeset, workspace, work)
        (own / _LAID).touch()
    return brief


def _steps(used: list[Fixer]) -> list[_Step]:
    commands = [(fixer.name, shlex.join(command)) for fixer in used for command in fixer.commands]
    steps = [("", "", _FIRST.format(mark=mark, command=command)) for mark, (_, command) in enumerate(commands)]
    steps += [(fixer, command, _SECOND.format(command=command)) for fixer, command in commands]
    steps += [("", "", _OPEN), ("", "", LIST)]
    return [_Step(f"{number:05}", script, fixer, command) for number, (fixer, command, script) in enumerate(steps, 1)]


def _used(work: Path, directory: str, fixer: Fixer) -> bool:
    tree = Beneath(work)
    for name, text in fixer.marks.items():
        try:
            data = tree.read(f"{directory}/{name}" if directory else name, LARGEST_MARK)
        except (OSError, NotBeneath, TooLarge):
            continue
        if text.encode() in data:
            return True
    return not fixer.marks


async def _reference(brief: Brief, referee: Path, own: Path, base: dict[str, BaseFile]) -> Reference:
    """What the referee left."""
    steps = [_Step(**told) for told in json.loads((own / _ASKED).read_text())]
    exchange = Exchange(referee / EXCHANGE)
    ended = {step.name: exchange.outcome(step.name) or _CUT_OFF for step in steps}
    listed = next(ended[step.name] for step in steps if step.script == LIST)
    try:
        changes = await Changes(referee / WORK, brief.checkout.commit, base, _Done(listed)).collect()
    except NotHandedOver as error:
        told = f"what the project's fixers change cannot be handed over: {error}; have a person format it once"
        raise Stop(RunnerExit.OUTPUT_REFUSED, Reason.OUTPUT_REFUSED, told) from None
    return Reference(changes=changes, reports=tuple(_reports(steps, ended)))


def _reports(steps: list[_Step], ended: Mapping[str, Ran]) -> Iterator[Report]:
    telling = [step for step in steps if step.command]
    most = min(MOST_REPORTED, MOST_REPORTED_IN_ALL // max(1, len(telling))) // 2
    for step in telling:
        ran = ended[step.name]
        yield Report(fixer=step.fixer, command=step.command, code=ran.code, output=shortened(ran.output, most))


_CUT_OFF = Ran(137, b"[it was cut off before it ended]", late=False)


@dataclass(frozen=True)
class _Done:
    """A referee that has ended: it has said which files count, and can be asked nothing more."""

    listed: Ran

    async def run(self, script: str, folder: Path, seconds: float) -> Ran:  # noqa: ARG002 - as `Commands` has it
        """What became of a script."""
        return self.listed if script == LIST else _CUT_OFF
