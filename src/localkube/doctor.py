"""What this machine lacks for a cluster, and the command that installs it. Only looks: installs nothing."""

from __future__ import annotations

import shutil
import urllib.error
import urllib.request
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from typing import Literal

from localkube import machine as machines
from localkube import tools
from localkube.build.programs import NEEDS, Need, installable, look
from localkube.engine.detect import find_engine
from localkube.engine.model import Engine
from localkube.errors import CommandFailed, LocalKubeError
from localkube.machine import Machine

State = Literal["ok", "warning", "missing"]

REGISTRY = "https://registry.k8s.io/v2/"
REGISTRY_SECONDS = 8.0
MARKS = {"ok": "ok     ", "warning": "warning", "missing": "MISSING"}


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at.

    Attributes:
        name: what was looked at.
        state: `missing` keeps a cluster from coming up, `warning` does not.
        detail: what was found.
        command: what installs or mends it; empty where nothing is to be done.
    """

    name: str
    state: State
    detail: str
    command: str = ""

    def as_json(self) -> dict[str, str]:
        """For `-o json`."""
        return asdict(self)


BROUGHT = ("kubectl", "kind", "helm", "argo")
ADVICE = (machines.check_inotify,)


def diagnose() -> list[Finding]:
    """Look at the engine, the registry, the programs and the machine."""
    engine, finding = look_for_engine(find_engine)
    machine = machines.inspect(engine)
    pullable = registry_answers(REGISTRY)
    return [
        finding,
        _registry_finding(reachable=pullable),
        *(look_for_program(need, optional=pullable and need.when == "building") for need in NEEDS),
        *look_for_tools(BROUGHT),
        *judge_machine(machine, engine),
    ]


def as_text(findings: Iterable[Finding]) -> str:
    """The findings for a person: one line each, the command on a line of its own."""
    lines = []
    for finding in findings:
        lines.append(f"{MARKS[finding.state]}  {finding.name}: {finding.detail}")
        if finding.command and finding.state != "ok":
            lines.append(f"         → {finding.command}")
    return "\n".join(lines)


def look_for_engine(find: Callable[[], Engine | None]) -> tuple[Engine | None, Finding]:
    """The engine that answers, if any, and what is to be said of it."""
    try:
        engine = find()
    except LocalKubeError as error:
        return None, Finding("engine", "missing", error.message, error.remedy)
    if engine is not None:
        whose = ", started by us" if engine.ours else ""
        where = f" at {engine.host}" if engine.host else ""
        return engine, Finding("engine", "ok", f"{engine.kind} {_engine_version(engine)}{where}{whose}")
    if shutil.which("apt-get"):
        return None, Finding(
            "engine",
            "warning",
            "none answers; `pressplay cluster up` run by root installs and starts Debian's",
            "sudo apt-get install docker.io",
        )
    return None, Finding("engine", "missing", "none answers", "install Docker or Podman and start it")


def registry_answers(address: str, seconds: float = REGISTRY_SECONDS) -> bool:
    """Whether an image registry answers; where none does, images are built."""
    try:
        with urllib.request.urlopen(address, timeout=seconds) as answer:  # noqa: S310 - the address is a constant
            return bool(answer.status < 500)
    except urllib.error.HTTPError as error:
        # 401 is how registries greet strangers; anything else comes from something in between.
        return error.code == 401
    except OSError:
        return False


def look_for_program(need: Need, *, optional: bool) -> Finding:
    """A program that builds need: optional where images can be pulled."""
    fine, found = look(need)
    if fine:
        return Finding(need.name, "ok", found)
    if installable(need):
        return Finding(
            need.name, "warning", f"{found}; `pressplay cluster up` installs it; it {need.why}", need.command
        )
    why = f"{need.why}{', which is not needed while images can be pulled' if optional else ''}"
    lacking: State = "warning" if optional or need.when == "rarely" else "missing"
    return Finding(need.name, lacking, f"{found}; it {why}", need.command)


def look_for_tools(names: Iterable[str]) -> list[Finding]:
    """The programs that `up` brings along."""
    found = []
    for name in names:
        path = tools.folder() / name
        detail = str(path) if path.exists() else "not there yet; `pressplay cluster up` brings it"
        found.append(Finding(name, "ok", detail))
    return found


def judge_machine(machine: Machine, engine: Engine | None) -> list[Finding]:
    """What the machine itself lacks; one line that says so where it lacks nothing."""
    blocking = machines.problems_for_kind(machine, engine)
    advice = [problem for problem in machines.problems(machine, ADVICE) if problem not in blocking]
    found = [Finding(problem.name, "missing", problem.message, problem.remedy) for problem in blocking]
    found += [Finding(problem.name, "warning", problem.message, problem.remedy) for problem in advice]
    return [*found, *_capability_notes(machine)] + ([] if blocking else [_machine_line(machine)])


def _machine_line(machine: Machine) -> Finding:
    gib = machine.memory / machines.GIB
    disks = "; ".join(f"{disk.free / machines.GIB:.0f} GiB free in {disk.path}" for disk in machine.disks)
    groups = f", cgroup v{machine.cgroup_version}" if machine.cgroup_version else ""
    return Finding(
        "machine",
        "ok",
        f"{machine.system} on {machine.architecture}, {machine.cores} cores, {gib:.0f} GiB memory{groups}; {disks}",
    )


def _capability_notes(machine: Machine) -> list[Finding]:
    if not machine.missing_capabilities:
        return []
    names = ", ".join(machine.missing_capabilities)
    return [Finding("capabilities", "ok", f"{names} missing; our engine leaves them out of containers")]


def _registry_finding(*, reachable: bool) -> Finding:
    detail = "answers: images can be pulled" if reachable else "does not answer: images are built from packages"
    return Finding("registry", "ok" if reachable else "warning", f"{REGISTRY} {detail}")


def _engine_version(engine: Engine) -> str:
    told = "{{.Server.Version}}" if engine.kind == "docker" else "{{.Client.Version}}"
    try:
        return engine.run("version", "--format", told, timeout=15).strip()
    except CommandFailed:
        return "of unknown version"
