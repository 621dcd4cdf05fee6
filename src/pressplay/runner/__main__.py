"""`python -m pressplay.runner [prepare]`: the init container and the runner of a run's pod; see `resources.exits`."""

from __future__ import annotations

import asyncio
import errno
import os
import signal
import sys
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from pydantic import SecretStr

from pressplay.llm import catalogue
from pressplay.llm.messages import Wire
from pressplay.llm.model import Model
from pressplay.llm.retry import Patience, PatientModel
from pressplay.protocol.run import Accepted, Brief
from pressplay.resources.exits import RunnerExit
from pressplay.resources.names import EXCHANGE_PATH, GATEWAY_VARIABLE, TOKEN_PATH, WORKSPACE_PATH
from pressplay.resources.reasons import Reason
from pressplay.runner.changes import Changes
from pressplay.runner.exchange import Exchange, WorkbenchUnusable
from pressplay.runner.gateway import Gateway, GatewayRefused, GatewayUnavailable
from pressplay.runner.loop import Loop, Stop
from pressplay.runner.prepare import prepare, read_manifest
from pressplay.runner.tools import Toolbox
from pressplay.workspace.git import GitFailed

TERMINATION = Path("/dev/termination-log")
IDLE_SECONDS = 300.0


def main() -> int:
    """Do one of the two; answers the exit code."""
    os.umask(0o002)
    gateway = Gateway(os.environ[GATEWAY_VARIABLE], Path(os.environ.get("PRESSPLAY_TOKEN", TOKEN_PATH)))
    workspace = Path(os.environ.get("PRESSPLAY_WORK", WORKSPACE_PATH))
    exchange = Path(os.environ.get("PRESSPLAY_EXCHANGE", EXCHANGE_PATH))
    stop = _ending(lambda: _work(gateway, workspace, exchange, only_prepare=sys.argv[1:] == ["prepare"]))
    if stop is None:
        return RunnerExit.DONE
    _say(f"ended: {stop.reason}: {stop}")
    with suppress(GatewayUnavailable, GatewayRefused, OSError):
        gateway.end(stop.reason, str(stop))
    with suppress(OSError):
        TERMINATION.write_text(f"{stop.code.name}: {stop.reason}")
    return stop.code


def _work(gateway: Gateway, workspace: Path, exchange: Path, *, only_prepare: bool) -> None:
    if only_prepare:
        prepare(gateway, workspace, exchange, Path(tempfile.gettempdir()))
    else:
        asyncio.run(_run(gateway, workspace, exchange))


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
        return Stop(RunnerExit.GATEWAY_UNAVAILABLE, error.refusal.reason, error.refusal.message)
    except GatewayUnavailable as error:
        return Stop(RunnerExit.GATEWAY_UNAVAILABLE, Reason.GATEWAY_UNAVAILABLE, str(error))
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            told = "the workspace's disk is full; raise spec.workbench.resources.storage"
            return Stop(RunnerExit.NO_SPACE, Reason.NO_SPACE, told)
        return Stop(RunnerExit.FAULT, Reason.RUNNER_FAILED, f"{type(error).__name__}: {error}")
    return None


async def _run(gateway: Gateway, workspace: Path, folder: Path) -> None:
    task = asyncio.current_task()
    loop = asyncio.get_running_loop()
    if task is not None:
        loop.add_signal_handler(signal.SIGTERM, task.cancel)
    brief = await asyncio.to_thread(gateway.brief)
    exchange = Exchange(folder)
    model = _model(brief, gateway)
    try:
        await exchange.ready()
        _say(f"{brief.persona} works on {brief.repository} with {brief.model}, attempt {brief.attempt}")
        tools = Toolbox(
            workspace, brief.directory, exchange, brief.tools, brief.limits.tool_seconds, brief.limits.output_bytes
        )
        changes = Changes(workspace, brief.checkout.commit, read_manifest(folder), exchange)
        accepted = await Loop(brief, model, tools, changes, gateway, _say).run()
        _report(accepted)
    except asyncio.CancelledError:
        raise Stop(RunnerExit.ENDED_FROM_OUTSIDE, Reason.DISRUPTED, "asked to end; what was done is saved") from None
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
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
