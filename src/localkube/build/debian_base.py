"""Root file systems of Debian 12 from its packages alone: one for workloads, one for nodes.

Made by mmdebstrap from the package sources that this machine itself uses, so a mirror that works here works for it.
"""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path

from localkube import versions
from localkube.build import tls_roots
from localkube.build.image import Image, write_archive
from localkube.build.recipe import Recipe, Workbench
from localkube.shell import run

SUITE = "bookworm"
REVISION = "1"
PROGRAMS = ("mmdebstrap",)

# The suites of a release, the component that we use of them, and the keys that they are signed with.
SUITES = (SUITE, f"{SUITE}-updates", f"{SUITE}-security")
COMPONENT = "main"
KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")

# What nobody reads in a container; Debian's own slim images leave out the same.
LEFT_OUT = ("/usr/share/doc/*", "/usr/share/man/*", "/usr/share/locale/*", "/usr/share/info/*")

# Programs of a node: what kind's own base image installs, and containerd with the network plugins, which kind compiles.
NODE_PACKAGES = (
    "systemd", "systemd-sysv", "dbus",
    "containerd", "runc", "containernetworking-plugins",
    "conntrack", "iptables", "nftables", "ebtables", "iproute2", "ethtool", "socat",
    "util-linux", "mount", "kmod", "procps", "hostname", "e2fsprogs",
    "libseccomp2", "pigz", "bash", "ca-certificates", "curl", "jq",
)  # fmt: skip

# What the images of a node's own pods need besides one static program: kube-proxy calls nft, and catatonit is a pause.
# netbase has /etc/protocols. Without it nft lists protocols as numbers, kube-proxy takes its own rules for strangers',
# and a full sync over a table that is there (hourly, or after a restart) deletes the rules of every service.
POD_PACKAGES = ("netbase", "nftables", "catatonit")

# Where programs in the container look for TLS roots, each by its own name.
TLS_VARIABLES = ("SSL_CERT_FILE", "PIP_CERT", "REQUESTS_CA_BUNDLE", "NODE_EXTRA_CA_CERTS", "GIT_SSL_CAINFO")


def recipes() -> list[Recipe]:
    """What can be made of Debian.

    `debian-base`: an image for workloads, as an archive. `node-root`: the layer below the node image. `pod-root`: the
    layer below the images of Kubernetes' own pods, of extracted packages only.
    """
    roots = hashlib.sha256(tls_roots.bundle().read_bytes()).hexdigest()
    common = {"suite": SUITE, "revision": REVISION, "left-out": " ".join(LEFT_OUT)}
    return [
        Recipe(
            "debian-base",
            {**common, "tls-roots": roots, "name": versions.BUILT_BASE_IMAGE},
            _build_base,
            cost=30,
            downloads=True,
            programs=PROGRAMS,
        ),
        Recipe(
            "node-root",
            {**common, "packages": " ".join(NODE_PACKAGES)},
            _build_node_root,
            cost=45,
            downloads=True,
            programs=PROGRAMS,
        ),
        Recipe(
            "pod-root",
            {**common, "packages": " ".join(POD_PACKAGES)},
            _build_pod_root,
            cost=6,
            downloads=True,
            programs=PROGRAMS,
        ),
    ]


def _build_base(bench: Workbench) -> None:
    root = bench.work / "root.tar"
    _bootstrap(bench, root, "minbase", ("ca-certificates",))
    bench.step("write image")
    image = Image(
        versions.BUILT_BASE_IMAGE,
        layers=(root,),
        files={tls_roots.IN_IMAGE: tls_roots.bundle()},
        command=("bash",),
        env={
            "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            **dict.fromkeys(TLS_VARIABLES, tls_roots.IN_IMAGE),
        },
    )
    write_archive(image, bench.out / "debian-base.tar")


def _build_node_root(bench: Workbench) -> None:
    _bootstrap(bench, bench.out / "root.tar", "minbase", NODE_PACKAGES)


def _build_pod_root(bench: Workbench) -> None:
    _bootstrap(bench, bench.out / "root.tar", "extract", POD_PACKAGES)


def _bootstrap(bench: Workbench, target: Path, variant: str, packages: tuple[str, ...]) -> None:
    """Put Debian with `packages` into a tar; see mmdebstrap(1) for the variants."""
    bench.step("install Debian packages")
    bench.run(
        "mmdebstrap", f"--variant={variant}", "--mode=root", f"--include={','.join(packages)}",
        '--aptopt=Apt::Install-Recommends "false"',
        *(f"--dpkgopt=path-exclude={pattern}" for pattern in LEFT_OUT),
        SUITE, target, *package_sources(),
        # Times of files would differ at every build, and with them the image's digest.
        env={"SOURCE_DATE_EPOCH": "0"},
    )  # fmt: skip


def package_sources() -> list[str]:
    """This machine's own mirrors of the suite, as lines of a sources.list.

    None where it has none, as on Ubuntu: mmdebstrap then takes the ones that it knows itself. It never looks at the
    machine's by itself, so behind a company's mirror nothing would answer.
    """
    if shutil.which("apt-get") is None:
        return []
    told = "$(ORIGIN)|$(COMPONENT)|$(RELEASE)|$(REPO_URI)"
    return sources_of(run(["apt-get", "indextargets", "--format", told, "Created-By: Packages"]))


def sources_of(index_targets: str) -> list[str]:
    """The lines of a sources.list for those of apt's index targets that are Debian's own of the suite."""
    found = {}
    for line in index_targets.splitlines():
        origin, component, suite, uri = line.split("|", 3)
        # Others name their own archives after Debian's releases, too.
        if origin == "Debian" and component == COMPONENT and suite in SUITES:
            found[suite, uri] = f"deb {_signed()}{uri} {suite} {COMPONENT}"
    if not any(suite == SUITE for suite, _ in found):
        return []
    return [found[key] for key in sorted(found)]


def _signed() -> str:
    return f"[signed-by={KEYRING}] " if KEYRING.is_file() else ""
