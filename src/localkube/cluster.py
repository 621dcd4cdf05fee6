"""Bringing a cluster up and taking it down: the order of the steps, whatever makes the cluster.

Every step looks before it acts and changes only what is missing, so `up` may be cut off anywhere and run again.
"""

from __future__ import annotations

import base64
import os
import re
import shutil
from collections.abc import Container, Iterable
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

from localkube import engines, paths, state, tools, versions
from localkube.addons import argo, install
from localkube.addons.apply import wait_ready
from localkube.build import catalogue
from localkube.build.catalogue import Built
from localkube.components import expected
from localkube.consent import Consent
from localkube.engine import Engine, EngineHome, find_engine, stop
from localkube.errors import CommandFailed, LocalKubeError
from localkube.machine import free_port, port_is_free
from localkube.progress import Progress
from localkube.providers import existing
from localkube.providers.kind import KindCluster, load_missing
from localkube.registry import image_source, node_image_source
from localkube.state import ClusterRecord

DEFAULT_UI_PORT = 2746
READY_WITHIN_SECONDS = 180


@dataclass(frozen=True)
class UpSettings:
    """What a user may say about a cluster; the same words as the options of `pressplay cluster up`."""

    name: str
    provider: str = "auto"
    without: tuple[str, ...] = ()
    images: str = "auto"
    ui_port: int | None = None


def up(settings: UpSettings, consent: Consent, progress: Progress) -> ClusterRecord:
    """Bring the cluster up, or what is missing of it, and wait until all of it is ready.

    Raises:
        LocalKubeError: it cannot be; what was reached is kept for the next time.
    """
    state.check_name(settings.name)
    with state.exclusive(settings.name):
        known = state.find(settings.name)
        if _provider(settings, known) == "existing":
            return existing.up(settings.name, settings.without, settings.images, consent, progress)
        return _up_kind(settings, known, consent, progress)


def _provider(settings: UpSettings, known: ClusterRecord | None) -> str:
    there = known.provider if known else "kind"
    wanted = there if settings.provider == "auto" else settings.provider
    if known and known.provider != wanted:
        raise LocalKubeError(
            f"cluster {known.name!r} is there already, by provider {known.provider}",
            f"choose another --name, or remove it first with `pressplay cluster down --name {known.name}`",
        )
    return wanted


def _up_kind(settings: UpSettings, known: ClusterRecord | None, consent: Consent, progress: Progress) -> ClusterRecord:
    engine = engines.obtain(consent, progress, known.engine if known and known.complete else "")
    record = _known(settings, known) if known and known.complete else _new(settings, known, engine, progress)
    built = catalogue.obtain(record.images, record.without, consent, progress)
    tools.link(built.programs)
    cluster = KindCluster(record.name, engine, record.kubeconfig)
    record = _have_node(cluster, record, built, progress)
    load_missing(cluster, built.archives, progress)
    kubectl = tools.kubectl(record)
    install.apply(kubectl, record.without, built.manifests, progress)
    everything = expected(record.provider, record.without)
    wait_ready(kubectl, everything, {}, READY_WITHIN_SECONDS, lambda title: progress.step("all", title))
    progress.done("all", "ready")
    return record


def _known(settings: UpSettings, known: ClusterRecord) -> ClusterRecord:
    """The record of a cluster that is there; refuses what cannot change while it lives."""
    remedy = f"leave the option out, or `pressplay cluster down --name {known.name}` first"
    if settings.ui_port not in (None, 0, known.ui_port):
        raise LocalKubeError(
            f"--ui-port: the Argo UI of cluster {known.name} is at port {known.ui_port} as long as it lives", remedy
        )
    if (settings.images, known.images) in (("pull", "built"), ("build", "pulled")):
        raise LocalKubeError(f"--images: those of cluster {known.name} are {known.images} as long as it lives", remedy)
    # What a cluster carries already stays, whatever is left out now.
    return replace(known, without=tuple(part for part in known.without if part in settings.without))


def _new(settings: UpSettings, known: ClusterRecord | None, engine: Engine, progress: Progress) -> ClusterRecord:
    """The record of a cluster to be made, in place of what a creation that was cut off left."""
    left = KindCluster.on(engine, ClusterRecord(settings.name, "kind", "built"))
    if left.node_state():
        if known is None:
            raise LocalKubeError(
                f"the engine has a kind cluster named {settings.name!r} that was not made here",
                "choose another --name; a cluster of somebody else is not touched",
            )
        progress.step("cluster", "remove what was left half-made")
        left.delete()
    # After that, for it may have held the port; and before the long part, for a port may be refused.
    port = ui_port(settings.ui_port, {other.ui_port for other in state.all_records() if other.name != settings.name})
    record = ClusterRecord(
        settings.name, "kind", "built", settings.without, port, engine=engine.address, context=f"kind-{settings.name}"
    )
    record.save()
    return replace(record, images=node_image_source(settings.images, engine, progress.say))


def ui_port(wished: int | None, others: Container[int] = ()) -> int:
    """The port on 127.0.0.1 for the UI: the one wished for, else the usual one, else any free one (also for 0).

    Args:
        wished: what the user said.
        others: ports of clusters that stand still, which will want them again.

    Raises:
        LocalKubeError: the port wished for is taken.
    """
    if wished and not port_is_free(wished):
        raise LocalKubeError(
            f"port {wished} on 127.0.0.1 is taken", "choose another with --ui-port, or --ui-port 0 for any free one"
        )
    if wished:
        return wished
    if wished is None and DEFAULT_UI_PORT not in others and port_is_free(DEFAULT_UI_PORT):
        return DEFAULT_UI_PORT
    return free_port()


def _have_node(cluster: KindCluster, record: ClusterRecord, built: Built, progress: Progress) -> ClusterRecord:
    """Have the node run, made now if need be; answers the record of a complete cluster."""

    def say(title: str) -> None:
        progress.step("cluster", title)

    say("look for the node")
    if not record.complete or not cluster.node_state():
        record = replace(record, complete=False, node_image=built.node_image(cluster.engine, progress))
        record.save()
        cluster.create(built.programs["kind"], record.node_image, record.ui_port, say)
    cluster.start(say)
    cluster.await_ready(tools.kubectl(record), say)
    record = replace(record, complete=True)
    record.save()
    progress.done("cluster", "the node is ready")
    return record


def down(name: str, consent: Consent, progress: Progress) -> list[str]:
    """Remove cluster `name` and all that belongs to it; of a cluster that we did not make, what we installed.

    Returns:
        What was removed, a line each.

    Raises:
        LocalKubeError: there is no such cluster, or it cannot be removed.
    """
    with state.exclusive(name):
        record = state.require(name)
        progress.step("cluster", f"remove {name}")
        if record.provider == "existing":
            existing.down(record, consent, progress)
        elif record.engine:
            KindCluster.on(engines.obtain(consent, progress, record.engine), record).delete()
        record.forget()
        progress.done("cluster", "removed")
    return [f"cluster {name} is removed; the cache of builds and images stays (in {paths.cache_dir()} and the engine)"]


def forget(name: str) -> list[str]:
    """Drop what is written down here of a cluster, and touch nothing else: for one that is gone for ever."""
    with state.exclusive(name):
        state.require(name).forget()
    return [f"cluster {name} is forgotten; what there may be of it was not touched"]


def down_all(consent: Consent, progress: Progress) -> list[str]:
    """Remove every cluster of ours, the images that we made, and the engine that we started with all its data.

    Raises:
        LocalKubeError: something cannot be removed.
    """
    # Those on our own engine go with it, whether it answers or not.
    ours = EngineHome()
    going = [record.name for record in state.all_records() if record.engine == ours.host]
    others = [name for name in state.names() if name not in going]
    removed = [line for name in others for line in down(name, consent, progress)]
    with ExitStack() as held:
        for name in going:
            held.enter_context(state.exclusive(name))
        if ours.lib_dir.exists():
            stop(lambda title: progress.step("engine", title), purge=True)
            removed.append("the engine that we started is removed, with everything on it")
        else:
            removed += _remove_images()
        shutil.rmtree(paths.state_dir(), ignore_errors=True)
    return [*removed, f"the cache of builds stays in {paths.cache_dir()}"]


def _remove_images() -> list[str]:
    """Remove the images that we made from an engine that is not ours."""
    engine = find_engine()
    if engine is None:
        return []
    names = engine.run("images", "--format", "{{.Repository}}:{{.Tag}}", f"{versions.IMAGE_HOST}/*").split()
    for name in names:
        engine.run("rmi", name)
    return [f"images removed: {', '.join(names)}"] if names else []


def environment(record: ClusterRecord) -> dict[str, str]:
    """The variables with which a shell reaches the cluster, its engine and the programs that belong to it."""
    found = {"KUBECONFIG": str(record.kubeconfig), "PATH": f"{tools.folder()}:{os.environ.get('PATH', '')}"}
    return {**found, **({"DOCKER_HOST": record.engine} if "://" in record.engine else {})}


def load(record: ClusterRecord, images: Iterable[str], progress: Progress) -> None:
    """Bring images of the engine, or archives (`*.tar`), into the cluster.

    Raises:
        LocalKubeError: the engine has no such image, or the cluster is not one that kind made.
    """
    if record.provider != "kind":
        raise LocalKubeError(
            f"cluster {record.name} was not made here, so images cannot be brought into its nodes",
            "push them to a registry that the cluster pulls from",
        )
    cluster = KindCluster.of(record)
    if cluster.node_state() != "running":
        raise LocalKubeError(f"cluster {record.name} does not run", f"`pressplay cluster up --name {record.name}`")
    for image in images:
        progress.step("load", image)
        if image.endswith(".tar"):
            cluster.load_archives([_archive(image)])
        else:
            cluster.load_image(image)
    progress.done("load")


def _archive(path: str) -> Path:
    if not Path(path).is_file():
        raise LocalKubeError(f"there is no image archive {path}", "name a file that `docker save` wrote, or an image")
    return Path(path)


def build_image(
    folder: Path, tag: str, dockerfile: Path | None, name: str, images: str, consent: Consent, progress: Progress
) -> None:
    """Build a Dockerfile on the engine of cluster `name`, which need not be there yet.

    A Dockerfile that begins with `ARG BASE_IMAGE=…` and `FROM ${BASE_IMAGE}` builds with and without a registry:
    where none answers, the argument names a Debian image made from packages.

    Raises:
        LocalKubeError: there is no Dockerfile, or the build failed.
    """
    recipe = dockerfile or folder / "Dockerfile"
    if not recipe.is_file():
        raise LocalKubeError(f"there is no Dockerfile at {recipe}", "name it with -f, or another folder")
    known = state.find(name)
    engine = engines.obtain(consent, progress, known.engine if known else "")
    source = known.images if known and images == "auto" else image_source(images, engine, progress.say)
    base = catalogue.base_image(engine, source, consent, progress)
    progress.step("build", tag)
    log = paths.cache_dir() / "logs" / f"image-{re.sub('[^A-Za-z0-9.-]', '-', tag)}.log"
    log.unlink(missing_ok=True)
    engine.build(folder, tag, recipe, {"BASE_IMAGE": base}, log)
    progress.done("build", f"built {tag}")


def ui(record: ClusterRecord) -> tuple[str, str]:
    """The address of the Argo UI and a token that logs in there.

    Raises:
        LocalKubeError: the cluster carries no Argo Workflows.
    """
    if "argo" in record.without:
        adds = f"`pressplay cluster up --name {record.name}` adds it"
        theirs = "if somebody else installed it, `kubectl get services --all-namespaces` shows where its server is"
        raise LocalKubeError(
            f"cluster {record.name} carries no Argo Workflows of ours", adds if record.provider == "kind" else theirs
        )
    try:
        secret = tools.kubectl(record).get_json("secret", argo.UI_TOKEN_SECRET, f"--namespace={argo.NAMESPACE}")
    except CommandFailed as failed:
        raise LocalKubeError(
            f"cluster {record.name} does not answer: {failed.last_line}",
            f"`pressplay cluster up --name {record.name}` brings it up",
        ) from None
    token = base64.b64decode(secret["data"]["token"]).decode()
    return _ui_address(record), token


def _ui_address(record: ClusterRecord) -> str:
    if record.ui_port:
        return f"http://localhost:{record.ui_port}"
    forward = (
        f"kubectl --namespace {argo.NAMESPACE} port-forward service/argo-server {DEFAULT_UI_PORT}:{argo.SERVER_PORT}"
    )
    return f"http://localhost:{DEFAULT_UI_PORT} while `{forward}` runs"
