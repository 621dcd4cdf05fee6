"""Programs from one Go module with one go.sum: Kubernetes, NATS, kind and Helm; and CoreDNS from its own.

One module and one `go build`, so that what they share has one version and compiles once; Kubernetes is most of it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

from localkube import versions
from localkube.build.gomod import go_build, toolchain
from localkube.build.recipe import Recipe, Workbench

MODULES = Path(__file__).parent / "modules"
# To be raised when `_builder` changes what it puts out.
REVISION = "2"

PACKAGES = (
    "./cmd/kubernetes",
    "./cmd/kind",
    "github.com/nats-io/nats-server/v2",
    "helm.sh/helm/v3/cmd/helm",
)
# What users call, for clusters whose images are pulled.
CLIENT_PACKAGES = ("./cmd/kubectl", "./cmd/kind", "helm.sh/helm/v3/cmd/helm")

# Programs of the multi-call binary `kubernetes`, by the names under which a node calls them.
NODE_PROGRAMS = (
    "etcd",
    "kube-apiserver",
    "kube-controller-manager",
    "kube-proxy",
    "kube-scheduler",
    "kubeadm",
    "kubectl",
    "kubelet",
    "local-path-provisioner",
)


def recipes() -> list[Recipe]:
    """What comes of the modules.

    `kit`: the programs `kubernetes`, `kind`, `nats-server` and `helm`; `clients`: `kubectl`, `kind` and `helm` alone;
    `coredns`: the one of that name.
    """
    kit, coredns = MODULES / "kit", MODULES / "coredns"
    inputs = {**toolchain(), "source": source_digest(kit), "ldflags": ldflags(), "revision": REVISION}
    return [
        Recipe(
            "kit",
            {**inputs, "packages": " ".join(PACKAGES)},
            _builder(kit, PACKAGES, ldflags()),
            cost=440,
            programs=("go",),
        ),
        Recipe(
            "clients",
            {**inputs, "packages": " ".join(CLIENT_PACKAGES)},
            _builder(kit, CLIENT_PACKAGES, ldflags()),
            cost=150,
            programs=("go",),
        ),
        # Of its own, because the release without known flaws needs a newer client-go than this Kubernetes has.
        Recipe(
            "coredns",
            {**toolchain(), "source": source_digest(coredns)},
            _builder(coredns, (".",), ""),
            cost=70,
            programs=("go",),
        ),
    ]


def ldflags() -> str:
    """What makes the programs call themselves by their versions; without it they say v0.0.0."""
    major, minor, _ = versions.KUBERNETES.removeprefix("v").split(".")
    kubernetes = {"gitVersion": versions.KUBERNETES, "gitMajor": major, "gitMinor": minor, "gitTreeState": "clean"}
    told = {
        **{f"k8s.io/component-base/version.{name}": value for name, value in kubernetes.items()},
        **{f"k8s.io/client-go/pkg/version.{name}": value for name, value in kubernetes.items()},
        "helm.sh/helm/v3/internal/version.version": versions.HELM,
    }
    return " ".join(f"-X {name}={value}" for name, value in told.items())


def source_digest(folder: Path) -> str:
    """The hash of all files of a folder, names and contents."""
    found = hashlib.sha256()
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        found.update(f"{path.relative_to(folder)}\0{path.stat().st_size}\0".encode() + path.read_bytes())
    return found.hexdigest()


def _builder(source: Path, packages: tuple[str, ...], flags: str) -> Callable[[Workbench], None]:
    def build(bench: Workbench) -> None:
        bench.step("compile")
        go_build(bench, source, list(packages), bench.out, ldflags=flags)
        if (bench.out / "kubernetes").exists():
            (bench.out / "kubectl").symlink_to("kubernetes")

    return build
