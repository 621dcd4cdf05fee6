"""The init container's and the runner's course, and how each of its ends is told; see `resources.exits`."""

from __future__ import annotations

import asyncio
import errno
import os
import signal
import sys
import tempfile
import traceback
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from pydantic import SecretStr

from pressplay.llm import catalogue
from pressplay.llm.errors import ModelError
from pressplay.llm.messages import Wire
from pressplay.llm.model import Model
from pressplay.llm.retry import Patience, PatientModel
from pressplay.policy.redaction import Redactor
from pressplay.protocol.run import Accepted, Brief
from pressplay.resources.exits import RunnerExit
from pressplay.resources.names import EXCHANGE_PATH, GATEWAY_VARIABLE, REFEREE_PATH, TOKEN_PATH, WORKSPACE_PATH
from pressplay.resources.reasons import Reason
from pressplay.runner import fixers, referee, stops
from pressplay.runner.changes import Changes
from pressplay.runner.exchange import Exchange, WorkbenchUnusable
from pressplay.runner.gateway import Gateway, GatewayRefused, GatewayUnavailable
from pressplay.runner.loop import Loop
from pressplay.runner.prepare import prepare, read_manifest
from pressplay.runner.servers import servers_of
from pressplay.runner.stops import Stop
from pressplay.runner.tools import Toolbox
from pressplay.workspace.git import GitFailed

TERMINATION = Path("/dev/termination-log")
IDLE_SECONDS = 300.0
REDACTOR = Redactor()


@dataclass(frozen=True)
class _Folders:
    """What is mounted: `referee` only in runs that have one, and `own` in our own containers alone."""

    workspace: Path
    exchange: Path
    referee: Path
    own: Path


def main() -> int:
    """Do one of the two; answers the exit code."""
    os.umask(0o002)
    gateway = Gateway(os.environ[GATEWAY_VARIABLE], Path(os.environ.get("PRESSPLAY_TOKEN", TOKEN_PATH)))
    folders = _Folders(
        workspace=Path(os.environ.get("PRESSPLAY_WORK", WORKSPACE_PATH)),
        exchange=Path(os.environ.get("PRESSPLAY_EXCHANGE", EXCHANGE_PATH)),
        referee=Path(os.environ.get("PRESSPLAY_REFEREE", REFEREE_PATH)),
        own=Path(tempfile.gettempdir()),
    )
    only_prepare = sys.argv[1:] == ["prepare"]
    stop = _ending(lambda: _work(gateway, folders, only_prepare=only_prepare))
    if stop is None:
        return RunnerExit.DONE
    # Asked to end while it has nothing else to do than to tell that: a gateway that is away is not waited for.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(stop.code))
    _say(f"ended: {stop.reason}: {stop}")
    with suppress(OSError):
        TERMINATION.write_text(f"{stop.code.name}: {stop.reason}")
    with suppress(GatewayUnavailable, GatewayRefused, OSError):
        gateway.end(stop.reason, str(stop))
    return stop.code


def _work(gateway: Gateway, folders: _Folders, *, only_prepare: bool) -> None:
    signal.signal(signal.SIGTERM, _asked_to_end)
    if only_prepare:
        prepare(gateway, folders.workspace, folders.own, beside=folders.referee)
    else:
        asyncio.run(_run(gateway.brief(), gateway, folders))


def _asked_to_end(*_: object) -> NoReturn:
    raise Stop(RunnerExit.ENDED_FROM_OUTSIDE, Reason.DISRUPTED, "asked to end; what was done is saved")


def _ending(work: Callable[[], None]) -> Stop | None:
    """How the work ended; None where all is well."""
    try:
        work()
    except Stop as stop:
        return stop
    except GitFailed as error:
        code = RunnerExit.NO_SPACE if error.no_space else RunnerExit.WORKSPACE
        return Stop(code, Reason.NO_SPACE if error.no_space else Reason.WORKSPACE_FAILED, str(error))
    except WorkbenchUnusable as error:
        return Stop(RunnerExit.WORKBENCH, Reason.WORKBENCH_UNUSABLE, str(error))
    except GatewayRefused as error:
        return stops.of_refusal(error)
    except ModelError as error:
        return stops.of_model(error)
    except GatewayUnavailable as error:
        return Stop(RunnerExit.GATEWAY_UNAVAILABLE, Reason.GATEWAY_UNAVAILABLE, str(error))
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            told = "the workspace's disk is full; raise spec.workbench.resources.storage"
            return Stop(RunnerExit.NO_SPACE, Reason.NO_SPACE, told)
        return _fault(error)
    except Exception as error:  # noqa: BLE001 - told to the gateway, and in the log
        return _fault(error)
    return None


def _fault(error: Exception) -> Stop:
    # Whoever mends it needs more than the record has room for.
    _say("".join(traceback.format_exception(error)).rstrip())
    return Stop(RunnerExit.FAULT, Reason.RUNNER_FAILED, f"{type(error).__name__}: {error}"[:2_000])


async def _run(brief: Brief, gateway: Gateway, folders: _Folders) -> None:
    task = asyncio.current_task()
    loop = asyncio.get_running_loop()
    if task is not None:
        loop.add_signal_handler(signal.SIGTERM, task.cancel)
    workspace, exchange = folders.workspace, Exchange(folders.exchange)
    model = _model(brief, gateway)
    try:
        await exchange.ready()
        _say(f"{brief.persona} works on {brief.repository} with {brief.model}, attempt {brief.attempt}")
        base = read_manifest(folders.own)
        brief = await referee.seal(brief, gateway, folders.referee, workspace, folders.own, base, _say)
        changes = Changes(workspace, brief.checkout.commit, base, exchange)
        async with servers_of(brief.mcp, workspace / brief.directory, exchange, folders.exchange, _say) as servers:
            limits = brief.limits
            tools = Toolbox(
                workspace, brief.directory, exchange, brief.tools, limits.tool_seconds, limits.output_bytes, servers,
                gateway.discussion, judges=brief.judges, comments=brief.comments, resolves=brief.resolves,
            )  # fmt: skip
            accepted = await fixers.worked(Loop(brief, model, tools, changes, gateway, _say))
        _report(accepted)
    except asyncio.CancelledError:
        _asked_to_end()
    finally:
        await model.close()


def _model(brief: Brief, gateway: Gateway) -> Model:
    info = catalogue.load().find(brief.model)

    def key() -> SecretStr:
        return SecretStr(gateway.token())

    chosen: Model
    if info.wire is Wire.OPENAI:
        from pressplay.llm.openai import OpenAIModel

        chosen = OpenAIModel(info, key=key, idle=IDLE_SECONDS, base_url=f"{gateway.url}/v1")
    else:
        from pressplay.llm.anthropic import AnthropicModel

        chosen = AnthropicModel(info, key=key, idle=IDLE_SECONDS, base_url=gateway.url)
    # The gateway has patience with the vendor; this is for a gateway that is being restarted.
    return PatientModel([chosen], patience=Patience(attempts=5, first=1.0, longest=15.0))


def _report(accepted: Accepted) -> None:
    _say(f"done: {accepted.url or 'nothing had to be changed'}")


def _say(line: str) -> None:
    # What an agent says and runs is told here, and a log is read by many.
    sys.stdout.write(f"{REDACTOR.redact(line)}\n")
    sys.stdout.flush()
