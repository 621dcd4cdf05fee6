"""The cluster of the user's current KUBECONFIG: looked at, and with consent given what it lacks of Argo.

What was there before stays as it is, also when the cluster is let go of again.
"""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

from localkube import tools, versions
from localkube.addons import install
from localkube.build import catalogue
from localkube.components import Component, expected
from localkube.consent import Consent
from localkube.engine.detect import find_engine
from localkube.errors import CommandFailed, LocalKubeError
from localkube.kubectl import Kubectl, Manifest
from localkube.progress import Progress
from localkube.providers.kind import KindCluster, load_missing
from localkube.registry import image_source
from localkube.shell import run
from localkube.state import ClusterRecord, find
from localkube.status import component_status

PARTS = {"argo": f"Argo Workflows {versions.ARGO_WORKFLOWS}", "argo-events": f"Argo Events {versions.ARGO_EVENTS}"}
OLDEST_MINOR = 29

# The image, without registry and version, by which a part is known that somebody else installed.
IMAGES = {"argo": "workflow-controller", "argo-events": "argo-events"}


def up(name: str, without: tuple[str, ...], images: str, consent: Consent, progress: Progress) -> ClusterRecord:
    """Have the current cluster carry Argo, without what is left out; asks before it changes anything.

    Raises:
        LocalKubeError: there is no current cluster, it does not answer, is too old, or the user does not agree.
    """
    known = find(name)
    progress.step("cluster", "look at the current cluster")
    program = _kubectl_program(consent, progress)
    record = known or _current(name, program)
    try:
        kubectl = Kubectl(program, record.kubeconfig, record.context)
        _check_server(kubectl, record.context)
        workloads = kubectl.get_json("deployments,statefulsets", "--all-namespaces")["items"]
        foreign = _foreign(workloads, record)
        lacking = _lacking(workloads, {*without, *foreign})
        progress.done("cluster", f"{record.context} answers")
        _say_what_is_there(foreign, progress)
        consent.require([f"install {PARTS[part]} into the cluster of context {record.context}" for part in lacking])
    except BaseException:
        # Whatever ends this, a Ctrl-C at the question, too: no copy of credentials stays without a cluster of ours.
        if not known:
            record.forget()
        raise
    record = replace(record, without=tuple(part for part in PARTS if part in without or part in foreign))
    return _install(record, lacking, kubectl, images, consent, progress)


def _install(
    record: ClusterRecord, lacking: list[str], kubectl: Kubectl, images: str, consent: Consent, progress: Progress
) -> ClusterRecord:
    left_out = tuple(part for part in PARTS if part not in lacking)
    nodes = _kind_clusters(kubectl)
    engine = find_engine() if nodes else None
    source = image_source(images, engine, progress.say) if engine else "pulled"
    built = catalogue.obtain(source, left_out, consent, progress, with_node=False)
    tools.link(built.programs)
    if untouched := [part for part in lacking if part not in record.installed]:
        skipped = tuple(part for part in PARTS if part not in untouched)
        install.refuse_foreign(kubectl, skipped, built.manifests)
    installed = tuple(part for part in PARTS if part in record.installed or part in lacking)
    record = replace(record, images=source, installed=installed, complete=True)
    # Before the first change: whatever is cut off from here on, `down` knows what to take off.
    record.save()
    if engine and source == "built":
        load_missing(KindCluster(nodes[0], engine, record.kubeconfig), built.archives, progress)
    # Of somebody else's nodes we take no port: `ui` says how to reach the server.
    install.apply(tools.kubectl(record), left_out, built.manifests, progress, ui_node_port=None)
    return record


def down(record: ClusterRecord, consent: Consent, progress: Progress) -> None:
    """Take off what we installed, and nothing else.

    Raises:
        LocalKubeError: the cluster does not answer, or the user does not agree.
    """
    if not record.installed:
        return
    consent.require(
        [
            f"remove {PARTS[part]} from the cluster of context {record.context}, with all objects of its kinds"
            for part in record.installed
        ]
    )
    kubectl = tools.kubectl(record)
    try:
        _check_server(kubectl, record.context)
    except LocalKubeError as error:
        forget = f"`pressplay cluster down --name {record.name} --forget` drops what is written down of it"
        raise LocalKubeError(error.message, f"start it and try again; if it is gone for ever, {forget}") from None
    install.remove(kubectl, record.installed, progress)


def _current(name: str, program: Path) -> ClusterRecord:
    """A record of the cluster that the user's kubectl reaches now, with a copy of what it takes to reach it."""
    try:
        shown = json.loads(run([program, "config", "view", "--minify", "--flatten", "--output=json"], timeout=30))
    except CommandFailed as failed:
        raise LocalKubeError(
            f"there is no current cluster: {failed.last_line}",
            "set KUBECONFIG or `kubectl config use-context`, or have a cluster made with `--provider kind`",
        ) from None
    record = ClusterRecord(name, "existing", "pulled", context=shown["current-context"])
    record.folder.mkdir(parents=True, exist_ok=True)
    record.kubeconfig.touch(mode=0o600)
    record.kubeconfig.write_text(json.dumps(shown))
    return record


def _kubectl_program(consent: Consent, progress: Progress) -> Path:
    found = shutil.which("kubectl")
    return Path(found) if found else catalogue.kubectl(consent, progress)


def _check_server(kubectl: Kubectl, context: str) -> None:
    try:
        version = json.loads(kubectl.run("get", "--raw", "/version"))
    except CommandFailed as failed:
        raise LocalKubeError(
            f"the cluster of context {context} does not answer: {failed.last_line}",
            "see what `kubectl version` prints; or have a cluster made with `--provider kind`",
        ) from None
    if int(version["minor"].rstrip("+")) < OLDEST_MINOR:
        raise LocalKubeError(
            f"the cluster of context {context} runs Kubernetes {version['gitVersion']}",
            f"1.{OLDEST_MINOR} is the oldest that has native sidecars; upgrade it, or use `--provider kind`",
        )


def _foreign(workloads: list[Manifest], record: ClusterRecord) -> dict[str, str]:
    """The parts of Argo that somebody else installed: part → where its controller runs."""
    return {
        part: item["metadata"]["namespace"]
        for item in workloads
        for part, name in IMAGES.items()
        if part not in record.installed and install.PART not in item["metadata"].get("labels", {})
        if any(_image_name(container) == name for container in item["spec"]["template"]["spec"]["containers"])
    }


def _image_name(container: Manifest) -> str:
    return str(container["image"]).rsplit("/", 1)[-1].split("@")[0].split(":")[0]


def _say_what_is_there(foreign: dict[str, str], progress: Progress) -> None:
    for part, namespace in foreign.items():
        progress.say(f"{part} runs already, in namespace {namespace}: it is left as it is")


def _lacking(workloads: list[Manifest], left_out: set[str]) -> list[str]:
    """The parts of Argo that are wanted and not there, or not whole."""
    return [
        part
        for part in PARTS
        if part not in left_out and not all(component_status(one, workloads).ready for one in _of(part))
    ]


def _of(part: str) -> list[Component]:
    return [component for component in expected("existing", ()) if component.part == part]


def _kind_clusters(kubectl: Kubectl) -> list[str]:
    """The names of the kind clusters that the nodes belong to, by their provider id `kind://ENGINE/CLUSTER/NODE`."""
    nodes = kubectl.get_json("nodes")["items"]
    ids = [node["spec"].get("providerID", "") for node in nodes]
    return sorted({parts[3] for parts in (told.split("/") for told in ids) if parts[0] == "kind:" and len(parts) > 4})
