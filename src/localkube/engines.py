"""The container engine for a cluster: the one that answers, else one of our own, with the user's consent."""

from __future__ import annotations

from localkube.consent import Consent
from localkube.engine import Engine, EngineHome, find_engine, install_and_start
from localkube.engine.packages import missing_packages
from localkube.errors import LocalKubeError
from localkube.machine import inspect, problems_for_kind
from localkube.progress import Progress


def obtain(consent: Consent, progress: Progress) -> Engine:
    """The engine that answers; where none does, one of our own is installed and started.

    Raises:
        LocalKubeError: the machine cannot carry a cluster, the user does not agree, or the engine does not start.
    """
    engine = find_engine()
    _refuse_hopeless()
    if engine is None:
        consent.require(_changes())
        progress.step("engine", "start")
        engine = install_and_start(lambda title: progress.step("engine", title))
        progress.done("engine")
    return engine


def _changes() -> list[str]:
    home = EngineHome()
    packages = missing_packages()
    install = [f"install the Debian packages {', '.join(packages)}"] if packages else []
    return [*install, f"start a container engine of our own: socket {home.socket}, data in {home.lib_dir}"]


def _refuse_hopeless() -> None:
    problems = problems_for_kind(inspect())
    if problems:
        first, *others = problems
        more = f" (and {len(others)} more: `pressplay cluster doctor`)" if others else ""
        raise LocalKubeError(f"{first.message}{more}", first.remedy)
