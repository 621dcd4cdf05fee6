"""`python -m localkube.demo`: a small Argo DAG with real containers, seen in the terminal and then in the Argo UI.

Needs a running cluster; `make demo` brings it up first. Leaves the namespace `demo` with its workflows, to look at.
"""

from __future__ import annotations

import json
import os
import sys
import time
from dataclasses import dataclass
from typing import Any, TypeAlias

import click

from localkube import cluster as clusters
from localkube import state, tools, versions
from localkube.errors import LocalKubeError
from localkube.kubectl import Kubectl
from localkube.progress import Progress, duration
from localkube.state import ClusterRecord

Manifest: TypeAlias = dict[str, Any]

DEFAULT_NAME = "pressplay"
NAMESPACE = "demo"
ACCOUNT = "demo"
TASKS = ("numbers", "primes", "squares", "report")
ENDED = ("Succeeded", "Failed", "Error")
DEADLINE_SECONDS = 300
TASK_COST = 10  # CPU seconds that starting a pod and its three containers takes, Argo's own included
POLL_SECONDS = 0.3
INTERRUPTED = 130

# What came before reaches a container as variables, never as a part of its script.
NUMBERS = "seq 1 200 | tr '\\n' ' ' > /tmp/result"
PRIMES = "factor $NUMBERS | awk 'NF == 2 { print $2 }' | tr '\\n' ' ' > /tmp/result"
SQUARES = (
    "for n in $NUMBERS; do r=1; while [ $((r * r)) -lt $n ]; do r=$((r + 1)); done;"
    " [ $((r * r)) -ne $n ] || printf '%s ' $n; done > /tmp/result"
)
REPORT = (
    "set -- $PRIMES; primes=$#; set -- $SQUARES;"
    ' echo "up to 200 there are $primes primes and $# squares" | tee /tmp/result'
)


@dataclass(frozen=True)
class Ended:
    """How the workflow ended: its phase, what its last container said, or why it failed."""

    phase: str
    said: str
    seconds: float


def main() -> int:
    """Run the demo; the exit code says how the workflow ended."""
    try:
        return demo(state.require(os.environ.get("LOCALKUBE_NAME") or DEFAULT_NAME))
    except LocalKubeError as error:
        click.echo(f"Error: {error}", err=True)
        return 1
    except KeyboardInterrupt:
        click.echo("Stopped watching; the workflow goes on in the cluster.", err=True)
        return INTERRUPTED


def demo(record: ClusterRecord) -> int:
    """Submit the DAG, show it while it runs, and say where to look at it.

    Raises:
        LocalKubeError: the cluster has no Argo Workflows or does not answer, or the workflow does not end.
    """
    address, _ = clusters.ui(record)
    kubectl = tools.kubectl(record)
    with Progress() as progress:
        progress.say(f"a DAG of four containers on cluster {record.name}: numbers → primes and squares → report")
        kubectl.apply(account())
        submitted = kubectl.run("create", "--output=json", "--filename=-", stdin=json.dumps(dag(image_of(record))))
        name = str(json.loads(submitted)["metadata"]["name"])
        ended = follow(kubectl, name, progress)
    click.echo(summary(name, ended, address, record.name))
    return 0 if ended.phase == "Succeeded" else 1


def follow(kubectl: Kubectl, name: str, progress: Progress) -> Ended:
    """Show the workflow's nodes as they run, until it has ended.

    Raises:
        LocalKubeError: it did not end in time.
    """
    began = time.monotonic()
    progress.plan(dict.fromkeys(TASKS, TASK_COST))
    shown: dict[str, str] = {}
    while time.monotonic() < began + DEADLINE_SECONDS:
        status = kubectl.get_json("workflow", name, f"--namespace={NAMESPACE}").get("status", {})
        nodes = {node["displayName"]: node for node in status.get("nodes", {}).values()}
        for task in TASKS:
            show(task, nodes.get(task, {}), shown, progress)
        if status.get("phase") in ENDED:
            said = result_of(nodes.get("report", {})) or status.get("message", "")
            return Ended(status["phase"], said, time.monotonic() - began)
        time.sleep(POLL_SECONDS)
    raise LocalKubeError(
        f"workflow {name} did not end within {DEADLINE_SECONDS} s",
        f"`kubectl --namespace {NAMESPACE} get pods` shows what it waits for",
    )


def show(task: str, node: Manifest, shown: dict[str, str], progress: Progress) -> None:
    """Tell the progress of one node, where it has changed since it was shown last."""
    phase = node.get("phase", "")
    if not phase or phase == shown.get(task):
        return
    shown[task] = phase
    if phase in ENDED:
        progress.done(task, f"{phase.lower()}  {shortened(result_of(node) or node.get('message', ''))}".rstrip())
    else:
        progress.step(task, phase.lower())


def result_of(node: Manifest) -> str:
    """The node's output parameter, empty where there is none yet."""
    parameters = node.get("outputs", {}).get("parameters", [])
    return str(parameters[0].get("value", "")) if parameters else ""


def shortened(text: str, width: int = 60) -> str:
    """The text on one line of at most `width` characters."""
    line = " ".join(text.split())
    return line if len(line) <= width else f"{line[: width - 1]}…"


def summary(name: str, ended: Ended, address: str, cluster: str) -> str:
    """What is printed at the end: the result, and how to look at it."""
    option = "" if cluster == DEFAULT_NAME else f" --name {cluster}"
    page, _, forward = address.partition(" ")
    port = page.rpartition(":")[2]
    lines = [
        f"Workflow {name} {ended.phase.lower()} in {duration(ended.seconds)}: {ended.said}".rstrip(": "),
        "",
        "Look at it in the Argo UI:",
        f"  {page}/workflows/{NAMESPACE}/{name}" + (f"  ({forward})" if forward else ""),
        f"  pressplay cluster ui{option}        # prints what to log in with",
        f"From another computer, first: ssh -L {port}:localhost:{port} THIS-MACHINE",
        "",
        "Or in the terminal:",
        f'  eval "$(pressplay cluster env{option})"',
        f"  argo get --namespace {NAMESPACE} {name}",
        f"  argo logs --namespace {NAMESPACE} {name}",
    ]
    return "\n".join(lines)


def image_of(record: ClusterRecord) -> str:
    """A small Debian that the cluster has or can pull."""
    return versions.BUILT_BASE_IMAGE if record.images == "built" else versions.STOCK_BASE_IMAGE


def account() -> list[Manifest]:
    """A namespace, and in it an account that may do what Argo asks of a workflow's pods and nothing else."""
    rules = [{"apiGroups": ["argoproj.io"], "resources": ["workflowtaskresults"], "verbs": ["create", "patch"]}]
    meta = {"name": ACCOUNT, "namespace": NAMESPACE}
    rbac = "rbac.authorization.k8s.io"
    role = {"apiGroup": rbac, "kind": "Role", "name": ACCOUNT}
    return [
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}},
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": meta},
        {"apiVersion": f"{rbac}/v1", "kind": "Role", "metadata": meta, "rules": rules},
        {
            "apiVersion": f"{rbac}/v1",
            "kind": "RoleBinding",
            "metadata": meta,
            "roleRef": role,
            "subjects": [{"kind": "ServiceAccount", **meta}],
        },
    ]


def dag(image: str) -> Manifest:
    """Four containers: numbers → primes and squares, side by side → report."""
    tasks = [
        task("numbers"),
        task("primes", "numbers"),
        task("squares", "numbers"),
        task("report", "primes", "squares"),
    ]
    templates = [
        template("numbers", image, NUMBERS),
        template("primes", image, PRIMES, "numbers"),
        template("squares", image, SQUARES, "numbers"),
        template("report", image, REPORT, "primes", "squares"),
    ]
    spec = {
        "entrypoint": "main",
        "serviceAccountName": ACCOUNT,
        # Of the whole pod: Argo's own containers in it must be able to read what the main one wrote.
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": 10001,
            "runAsGroup": 10001,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "ttlStrategy": {"secondsAfterCompletion": 24 * 3600},
        "templates": [{"name": "main", "dag": {"tasks": tasks}}, *templates],
    }
    meta = {"generateName": "primes-", "namespace": NAMESPACE}
    return {"apiVersion": "argoproj.io/v1alpha1", "kind": "Workflow", "metadata": meta, "spec": spec}


def task(name: str, *needs: str) -> Manifest:
    """A task that is handed the results of those it needs."""
    handed = [{"name": one, "value": f"{{{{tasks.{one}.outputs.parameters.result}}}}"} for one in needs]
    return {"name": name, "template": name, "dependencies": [*needs], "arguments": {"parameters": handed}}


def template(name: str, image: str, script: str, *needs: str) -> Manifest:
    """A container that finds the results of those it needs in variables, and leaves its own in a file."""
    container = {
        "image": image,
        "imagePullPolicy": "IfNotPresent",
        "command": ["sh", "-euc", script],
        "env": [{"name": one.upper(), "value": f"{{{{inputs.parameters.{one}}}}}"} for one in needs],
        "resources": {"requests": {"cpu": "10m", "memory": "16Mi"}},
        "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
    }
    return {
        "name": name,
        "inputs": {"parameters": [{"name": one} for one in needs]},
        "container": container,
        "outputs": {"parameters": [{"name": "result", "valueFrom": {"path": "/tmp/result"}}]},  # noqa: S108 the container's
    }


if __name__ == "__main__":
    sys.exit(main())
