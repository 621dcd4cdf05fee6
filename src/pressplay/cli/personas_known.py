"""Which personas there are: those of the cluster's gateway, which decides, of a folder, or of this release."""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus
from pathlib import Path

from pydantic import TypeAdapter

from pressplay.cli import system
from pressplay.cli.failures import Problem
from pressplay.kube.access import Access, Refused, Unreachable
from pressplay.personas import loader, place
from pressplay.personas.loader import PersonaError, Personas
from pressplay.personas.schema import Persona

_LIST = TypeAdapter(list[Persona])


def of_folder(folder: Path) -> Personas:
    """Those of a folder.

    Raises:
        Problem: they cannot be used.
    """
    try:
        return loader.load(folder)
    except PersonaError as error:
        problem, _, remedy = str(error).partition("\n")
        raise Problem(problem, remedy.strip() or "agents/README.md tells how a persona is written") from None


def of_cluster(access: Access) -> Personas:
    """Those of the gateway; their prompts are left out.

    Raises:
        Problem: it does not run, or this user may not ask it.
        kube's errors: the API server does not answer, or says no for another reason.
    """
    namespace = system.find_namespace(access)
    pod = system.pod_of(access, namespace, "gateway")
    if pod is None:
        raise Problem("the gateway does not run, which has the personas", "`pressplay doctor` says why")
    try:
        told = access.execute(namespace, pod, "gateway", "python3", "-m", "pressplay.personas")
    except Refused as error:
        if error.status != HTTPStatus.FORBIDDEN:
            raise
        problem = "this user may not execute commands in the gateway's pod, which has the personas"
        raise Problem(problem, "`--folder agents` lists those of a checkout; ours are in docs/reference") from None
    try:
        return Personas({one.name: one for one in _LIST.validate_json(told)})
    except ValueError:
        problem = "the gateway's personas are of another version than this command line"
        raise Problem(problem, "upgrade the older of the two") from None


def of_cluster_or_release(reach: Callable[[], Access], say: Callable[[str], None]) -> Personas:
    """Those of the cluster; where it cannot be asked those of this release, and says so."""
    try:
        return of_cluster(reach())
    except (Problem, Refused, Unreachable) as error:
        why = str(error).partition("\n")[0]
        say(f"personas: those of this release, and not the cluster's ({why})")
        return of_folder(place.folder())
