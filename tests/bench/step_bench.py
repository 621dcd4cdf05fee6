"""Measures what a step of a flow that is a run writes to the API server, by who writes, beside Argo's own steps.

`python -m tests.bench.step_bench` installs the product with its stand-ins on the running cluster, and has each kind of
step carried out, one after another: a run by a suspended node, the same run by a resource template, a container that
does nothing; and the run without any flow. Nobody else should be at work.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

from rich.console import Console
from rich.table import Table

from localdemo.objects import FLOWS
from localkube import state, tools
from localkube.kubectl import Kubectl
from localkube.providers.kind import KindCluster
from pressplay.kube.access import Access, connect, objects
from pressplay.workflows.runs import FLOW_ACCOUNT
from tests.bench.audit import Write, audited, by_client
from tests.bench.run_bench import REPOSITORY, Row, all_ended, code_run, installed, leads, place, until

WORKFLOWS = ("argoproj.io/v1alpha1", "workflows")
ENDED = ("Succeeded", "Failed", "Error")
FLOW_OF_A_RUN = {"repository": REPOSITORY, "task": "bench"}
ARGO = "argo"


def main() -> int:
    """Measure and print the table."""
    told = arguments()
    record = state.require(told.name)
    kubectl = tools.kubectl(record)
    workbench = installed(record)
    table = Table("what", "measured")
    for row in measure(told, kubectl, str(record.kubeconfig), workbench):
        table.add_row(row.what, row.measured)
    Console(width=None if sys.stdout.isatty() else 150).print(table)
    return 0


def arguments() -> argparse.Namespace:
    """What was asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--name", default=os.environ.get("LOCALKUBE_NAME", "pressplay"), help="the cluster")
    parser.add_argument("--steps", type=int, default=10, help="how many of each kind, one after another")
    return parser.parse_args()


def measure(told: argparse.Namespace, kubectl: Kubectl, kubeconfig: str, image: str) -> Iterator[Row]:
    """A row for each kind of step."""
    access = connect(kubeconfig, namespace=FLOWS)
    kinds: Mapping[str, Callable[[Access, int], None]] = {
        "a run by a suspended node": partial(template, "coderun-template"),
        "the same run by a resource template": partial(template, "coderun-resource-template"),
        "an Argo container step that runs `true`": partial(nothing, image),
    }
    with audited(KindCluster.of(state.require(told.name)), kubectl) as writes:
        until("the operator to lead again", lambda: leads(kubectl))
        for what, carry_out in kinds.items():
            made = during(writes, lambda carry_out=carry_out: steps(access, told.steps, carry_out))  # type: ignore[misc]
            yield Row(f"API writes: {what}", by_client(made, FLOWS, told.steps))
            yield Row(f"pods of Argo's: {what}", f"{pods(made) / told.steps:.0f}")
        with place(kubeconfig) as alone:
            made = during(writes, lambda: steps(alone, told.steps, a_run))
            yield Row("API writes: the run without a flow", by_client(made, alone.namespace, told.steps))


def during(writes: Callable[[], list[Write]], carry_out: Callable[[], None]) -> list[Write]:
    """What was written meanwhile."""
    before = len(writes())
    carry_out()
    return writes()[before:]


def steps(access: Access, number: int, carry_out: Callable[[Access, int], None]) -> None:
    """Carry out so many, each when the one before it has ended."""
    for each in range(number):
        carry_out(access, each)
        until("the step to end", lambda: all_ended(access) and not under_way(access))


def under_way(access: Access) -> list[str]:
    """Workflows that have not ended."""
    there = access.get(objects(*WORKFLOWS, access.namespace))["items"]
    return [each["metadata"]["name"] for each in there if (each.get("status") or {}).get("phase") not in ENDED]


def pods(made: list[Write]) -> int:
    """How many pods Argo's controller made."""
    return sum(each.client == ARGO and (each.verb, each.resource) == ("create", "pods") for each in made)


def a_run(access: Access, number: int) -> None:
    """A run."""
    code_run(access, f"step-{number}")


def template(name: str, access: Access, _: int) -> None:
    """A Workflow of one of the product's templates."""
    parameters = [{"name": key, "value": value} for key, value in FLOW_OF_A_RUN.items()]
    submit(access, {"workflowTemplateRef": {"name": name}, "arguments": {"parameters": parameters}})


def nothing(image: str, access: Access, _: int) -> None:
    """A Workflow of one container, which ends at once."""
    hardened = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}
    container = {"image": image, "command": ["true"], "securityContext": hardened}
    spec = {
        "entrypoint": "main",
        "serviceAccountName": FLOW_ACCOUNT,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": 10001,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "templates": [{"name": "main", "container": container}],
    }
    submit(access, spec)


def submit(access: Access, spec: Mapping[str, Any]) -> None:
    """Make a Workflow."""
    body = {"apiVersion": WORKFLOWS[0], "kind": "Workflow", "metadata": {"generateName": "bench-"}, "spec": spec}
    access.create(objects(*WORKFLOWS, access.namespace), body)


if __name__ == "__main__":
    sys.exit(main())
