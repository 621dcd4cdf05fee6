"""The container engine for a cluster: the one that answers, else one of our own, with the user's consent."""

from __future__ import annotations

from localkube.consent import Consent
from localkube.engine import Engine, EngineHome, find_engine, install_and_start
from localkube.engine.debian import find_own_engine
from localkube.engine.packages import missing_packages
from localkube.errors import LocalKubeError
from localkube.machine import inspect, problems_for_kind
from localkube.progress import Progress
from localkube.state import ClusterRecord


def obtain(consent: Consent, progress: Progress, recorded: str = "") -> Engine:
    """The engine that answers; where none does, one of our own is installed and started.

    Args:
        consent: asked before the machine is changed.
        progress: told the steps.
        recorded: the address of the engine that carries the cluster already; empty for a new one.

    Raises:
        LocalKubeError: the machine cannot carry a cluster, the user does not agree, or the engine does not start.
    """
    # An engine that was installed since does not have the clusters that ours carries.
    if recorded == EngineHome().host:
        return _own(consent, progress)
    engine = find_engine()
    if not recorded:
        _refuse_hopeless(engine)
        return engine or _own(consent, progress)
    if engine is None or engine.address != recorded:
        way = f"set DOCKER_HOST={recorded}" if "://" in recorded else "`unset DOCKER_HOST`, or stop the other one"
        raise LocalKubeError(
            f"the cluster is on the engine {recorded}, but {engine.address if engine else 'none'} answers",
            f"start that engine, or {way}; a cluster cannot move from one to another",
        )
    return engine


def answering(record: ClusterRecord) -> Engine:
    """The engine that carries a cluster.

    Raises:
        LocalKubeError: it does not answer.
    """
    ours = record.engine == EngineHome().host
    engine = find_own_engine() if ours else find_engine()
    if engine is None or engine.address != record.engine:
        raise LocalKubeError(
            f"the container engine of cluster {record.name} ({record.engine}) does not answer",
            f"`pressplay cluster up --name {record.name}` starts it" if ours else "start it, then try again",
        )
    return engine


def _own(consent: Consent, progress: Progress) -> Engine:
    running = find_own_engine()
    if running:
        return running
    consent.require(_changes())
    engine = install_and_start(lambda title: progress.step("engine", title))
    progress.done("engine")
    return engine


def _changes() -> list[str]:
    home = EngineHome()
    packages = missing_packages()
    install = [f"install the Debian packages {', '.join(packages)}"] if packages else []
    return [*install, f"start a container engine of our own: socket {home.socket}, data in {home.lib_dir}"]


def _refuse_hopeless(engine: Engine | None) -> None:
    problems = problems_for_kind(inspect(engine), engine)
    if problems:
        first, *others = problems
        more = f" (and {len(others)} more: `pressplay cluster doctor`)" if others else ""
        raise LocalKubeError(f"{first.message}{more}", first.remedy)
