"""What the parts of a cluster wrote: workloads through kubectl, programs of the node from its journal."""

from __future__ import annotations

import subprocess

from localkube import tools
from localkube.components import COMPONENTS, NODE_SERVICES, Component
from localkube.errors import LocalKubeError
from localkube.providers.kind import KindCluster
from localkube.state import ClusterRecord


def show(record: ClusterRecord, component: str, *, follow: bool, tail: int) -> int:
    """Print what `component` wrote, to our own standard output; answers the exit code of what prints it.

    Raises:
        LocalKubeError: there is no such component; names those that there are.
    """
    return subprocess.run(_command(record, component, follow, tail), check=False).returncode


def _command(record: ClusterRecord, name: str, follow: bool, tail: int) -> list[str]:
    workloads = {component.name: component for component in COMPONENTS}
    if name in workloads:
        return _kubectl_logs(record, workloads[name], follow, tail)
    if name in NODE_SERVICES and record.provider == "kind":
        journal = ["journalctl", "--unit", name, "--no-pager", "--lines", str(tail), *(["--follow"] if follow else [])]
        return KindCluster.of(record).in_node(*journal)
    there = ", ".join([*workloads, *(NODE_SERVICES if record.provider == "kind" else ())])
    raise LocalKubeError(f"there is no component {name!r}", f"the components are: {there}")


def _kubectl_logs(record: ClusterRecord, component: Component, follow: bool, tail: int) -> list[str]:
    if component.kind == "pod":
        chosen = [f"--selector=component={component.workload}"]
    else:
        chosen = [f"{component.kind}/{component.workload}", "--all-containers"]
    options = [f"--namespace={component.namespace}", f"--tail={tail}", *(["--follow"] if follow else [])]
    return tools.kubectl(record).command("logs", *chosen, *options)
