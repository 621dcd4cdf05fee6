"""The image of a kind node, put together from packages: what kind's own image has, with the images of its pods inside.

The files are a build like any other (`recipes`). Taking the pods' images into the node's containerd needs an engine
that runs containers, so that last step (`ensure`) is the engine's, done once an engine and found again by its name.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import re
import tarfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from localkube import versions
from localkube.build import kit, storage
from localkube.build.gomod import module_dir
from localkube.build.image import Image, write_archive
from localkube.build.recipe import Recipe, Workbench
from localkube.engine.model import Engine
from localkube.errors import CommandFailed, LocalKubeError
from localkube.paths import state_dir
from localkube.state import all_records
from localkube.versions import IMAGE_HOST

KIND_MODULE = "sigs.k8s.io/kind"
KIND_CHECKSUM = "h1:AjvDv3vOygb/VKLVQW87lfktIBzkxR8Ump9DjxC8+Lk="

PAUSE_IMAGE = "registry.k8s.io/pause:3.10.1"
COREDNS_IMAGE = f"registry.k8s.io/coredns/coredns:{versions.COREDNS}"
ETCD_IMAGE = f"registry.k8s.io/etcd:{versions.ETCD.removeprefix('v')}-0"
KUBERNETES_IMAGES = tuple(
    f"registry.k8s.io/{name}:{versions.KUBERNETES}"
    for name in ("kube-apiserver", "kube-controller-manager", "kube-scheduler", "kube-proxy")
)

BASE_REFERENCE = f"{IMAGE_HOST}/node-base"
REFERENCE = f"{IMAGE_HOST}/node"
ENTRYPOINT = ("/usr/local/bin/entrypoint", "/sbin/init")
POD_SUBNET = "10.244.0.0/24"

PREPARE = Path(__file__).with_name("prepare-node.sh")
PREPARE_SECONDS = 180


def recipes() -> list[Recipe]:
    """`node-files`: archives of the node without its pods' images, and of these."""
    inputs = {
        "kind": KIND_CHECKSUM,
        "code": hashlib.sha256(Path(__file__).read_bytes() + PREPARE.read_bytes()).hexdigest(),
        "programs": " ".join(kit.NODE_PROGRAMS),
        "storage": json.dumps(storage.manifests()),
        "images": " ".join((*KUBERNETES_IMAGES, ETCD_IMAGE, COREDNS_IMAGE, PAUSE_IMAGE)),
    }
    needs = ("kit", "coredns", "node-root", "pod-root")
    return [Recipe("node-files", inputs, _build, needs=needs, cost=10, programs=("go",))]


def reference(files: Path) -> str:
    """The name of the node image that is made of the output folder of `node-files`."""
    return f"{REFERENCE}:{versions.KUBERNETES}-{files.name.rsplit('-', 1)[-1]}"


def ensure(engine: Engine, files: Path, say: Callable[[str], None]) -> str:
    """Have the engine hold the node image, and answer its name.

    Raises:
        CommandFailed: the engine cannot run a privileged container, or the disk is full.
    """
    wanted = reference(files)
    with _one_at_a_time():
        _ensure(engine, files, wanted, say)
    return wanted


@contextmanager
def _one_at_a_time() -> Iterator[None]:
    """Two clusters that are made at once share the image, and so its making."""
    path = state_dir() / "locks" / "node image"
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def _ensure(engine: Engine, files: Path, wanted: str, say: Callable[[str], None]) -> None:
    if not engine.has_image(wanted):
        container = f"localkube-node-build-{wanted.rsplit('-', 1)[-1]}"
        # What a build that was cut off left behind.
        engine.run("rm", "--force", "--volumes", container)
        try:
            _make(engine, files, container, wanted, say)
        finally:
            engine.run("rm", "--force", "--volumes", container)
        _forget_others(engine, wanted)


def _forget_others(engine: Engine, wanted: str) -> None:
    """Remove the node images of earlier builds, a gigabyte each; those that a cluster uses or will use stay."""
    used = {wanted, *(record.node_image for record in all_records())}
    for name in engine.run("images", "--format", "{{.Repository}}:{{.Tag}}", f"{IMAGE_HOST}/node*").split():
        if name not in used:
            with suppress(CommandFailed):
                engine.run("rmi", name)


def _make(engine: Engine, files: Path, container: str, wanted: str, say: Callable[[str], None]) -> None:
    say("load the node's file system")
    engine.load_archive(files / "node-base.tar")
    engine.run(
        "run", "--detach", "--privileged", "--name", container, "--network=none",
        "--entrypoint=sleep", f"{BASE_REFERENCE}:latest", "infinity",
    )  # fmt: skip
    say("load the images of the node's pods")
    engine.run("cp", files / "images", f"{container}:/images")
    engine.run("exec", container, "sh", "/kind/prepare-node.sh", timeout=PREPARE_SECONDS)
    say("write the node image")
    entrypoint = f"ENTRYPOINT {json.dumps(ENTRYPOINT)}"
    engine.run("commit", "--change", entrypoint, "--change", "CMD []", container, wanted)


def _build(bench: Workbench) -> None:
    kind = module_dir(bench, KIND_MODULE, versions.KIND, KIND_CHECKSUM) / "images" / "base" / "files"
    images = bench.out / "images"
    images.mkdir()
    bench.step("write images")
    _write_pod_images(bench, images)
    bench.step("write the node's file system")
    kubernetes = "/usr/local/bin/kubernetes"
    node = Image(
        f"{BASE_REFERENCE}:latest",
        layers=(bench.needed["node-root"] / "root.tar",),
        files={
            **_kind_files(bench, kind),
            **_own_files(),
            kubernetes: bench.needed["kit"] / "kubernetes",
        },
        links={
            **{f"/usr/bin/{name}": kubernetes for name in ("kubeadm", "kubectl", "kubelet")},
            **{f"/usr/local/bin/{name}": f"/usr/bin/{name}" for name in ("containerd", "ctr")},
            "/opt/cni/bin": "/usr/lib/cni",
        },
        entrypoint=ENTRYPOINT,
        # By these two systemd knows that it is in a container, and how to shut down there.
        env={"container": "docker"},
        stop_signal="SIGRTMIN+3",
    )
    write_archive(node, bench.out / "node-base.tar")


def _write_pod_images(bench: Workbench, folder: Path) -> None:
    root = bench.needed["pod-root"] / "root.tar"
    kubernetes = Image(
        KUBERNETES_IMAGES[0],
        aliases=(*KUBERNETES_IMAGES[1:], ETCD_IMAGE, storage.IMAGE),
        layers=(root,),
        files={"/usr/local/bin/kubernetes": bench.needed["kit"] / "kubernetes"},
        links={f"/usr/local/bin/{name}": "kubernetes" for name in kit.NODE_PROGRAMS},
        env={"PATH": "/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"},
    )
    coredns = Image(COREDNS_IMAGE, files={"/coredns": bench.needed["coredns"] / "coredns"}, entrypoint=("/coredns",))
    pause = Image(
        PAUSE_IMAGE, files={"/pause": _catatonit(root, bench.work)}, entrypoint=("/pause", "-P"), user="65535"
    )
    for name, image in {"kubernetes": kubernetes, "coredns": coredns, "pause": pause}.items():
        write_archive(image, folder / f"{name}.tar")


def _catatonit(root: Path, folder: Path) -> Path:
    """The static program that waits in the middle of every pod and reaps what its containers leave behind."""
    target = folder / "catatonit"
    with tarfile.open(root) as tar:
        content = tar.extractfile("./usr/bin/catatonit")
        if content is None:
            raise LocalKubeError("Debian's package catatonit has no program of that name")
        target.write_bytes(content.read())
    target.chmod(0o755)
    return target


def _kind_files(bench: Workbench, kind: Path) -> dict[str, Path | bytes]:
    """The files of kind's base image, two of them changed for what this machine may not grant."""
    found: dict[str, Path | bytes] = {}
    for path in sorted(path for path in kind.rglob("*") if path.is_file() and path.parts[-2] != "LICENSES"):
        name = path.relative_to(kind)
        if name.parts[0] == "usr" or name.parts[:2] == ("kind", "bin"):
            found[f"/{name}"] = _executable(path, bench.work)
        else:
            found[f"/{name}"] = path
    service = "/etc/systemd/system/containerd.service"
    found[service] = _without_limits((kind / service.lstrip("/")).read_text()).encode()
    settings = "/etc/containerd/config.toml"
    found[settings] = _containerd_settings((kind / settings.lstrip("/")).read_text()).encode()
    return found


def _executable(source: Path, folder: Path) -> Path:
    """A copy that may be executed: the module cache keeps no such bits."""
    target = folder / source.name
    target.write_bytes(source.read_bytes())
    target.chmod(0o755)
    return target


def _without_limits(unit: str) -> str:
    """Raising limits and lowering the out-of-memory score take a capability that not every machine has."""
    return "".join(line for line in unit.splitlines(keepends=True) if not re.match(r"Limit|OOMScoreAdjust", line))


def _containerd_settings(settings: str) -> str:
    changed = re.sub(r'sandbox_image = ".*"', f'sandbox_image = "{PAUSE_IMAGE}"', settings)
    return changed.replace("restrict_oom_score_adj = false", "restrict_oom_score_adj = true")


def _own_files() -> dict[str, Path | bytes]:
    return {
        "/kind/prepare-node.sh": PREPARE,
        "/kind/version": f"{versions.KUBERNETES}\n".encode(),
        "/kind/manifests/default-storage.yaml": _documents(storage.manifests()),
        "/etc/cni/net.d/10-localkube.conflist": json.dumps(_network(), indent=1).encode(),
    }


def _documents(objects: list[dict[str, object]]) -> bytes:
    """Several objects in one file: JSON is YAML."""
    return "\n---\n".join(json.dumps(item) for item in objects).encode()


def _network() -> dict[str, object]:
    """Point to point: every packet of a pod is routed by the node, so services work between pods of one node."""
    addresses = {"type": "host-local", "ranges": [[{"subnet": POD_SUBNET}]], "dataDir": "/run/cni-ipam-state"}
    return {
        "cniVersion": "0.4.0",
        "name": "localkube",
        "plugins": [
            {"type": "ptp", "ipMasq": True, "ipam": {**addresses, "routes": [{"dst": "0.0.0.0/0"}]}},
            {"type": "portmap", "capabilities": {"portMappings": True}},
        ],
    }
