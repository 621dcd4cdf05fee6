"""Argo Workflows from its Go module: controller and executor, the `argo` program with the server and the UI, manifests.

Images carry upstream's names, so manifests are the same whether images were pulled or built. Nothing here installs.
"""

from __future__ import annotations

import json
from pathlib import Path

from localkube import versions
from localkube.build import argo_events, tls_roots
from localkube.build.gomod import go_build, module_dir, toolchain, writable_copy
from localkube.build.image import Image, write_archive
from localkube.build.kustomize import render
from localkube.build.recipe import Recipe, Workbench
from localkube.shell import run

MODULE = "github.com/argoproj/argo-workflows/v3"
VERSION = versions.ARGO_WORKFLOWS
CHECKSUM = "h1:fBFMXodVTLxnPqzoYsXjoCTEAOF/UbuGOPfB5/+3TE0="
REVISION = "1"

CONTROLLER_IMAGE = f"quay.io/argoproj/workflow-controller:{VERSION}"
EXECUTOR_IMAGE = f"quay.io/argoproj/argoexec:{VERSION}"
SERVER_IMAGE = f"quay.io/argoproj/argocli:{VERSION}"

# The user that upstream's images have.
USER = "8737"

# `argo version` and the server's answer show these; with all four it is a release, without it calls itself a snapshot.
LDFLAGS = " ".join(
    f"-X {MODULE}.{name}={value}"
    for name, value in {
        "version": VERSION,
        "gitTag": VERSION,
        "gitTreeState": "clean",
        "gitCommit": "26f99ff6683c4cedb1de941e01644f42cf97fb01",
        "buildDate": "2026-07-07T10:40:15Z",
    }.items()
)


def recipes() -> list[Recipe]:
    """What of Argo Workflows can be built here.

    `argo-cli` is the program with the server and its UI (see `argo_ui`), and its image; `argo-client` is the program
    without the UI, for those whose server is pulled.
    """
    source = {**toolchain(), "version": VERSION, "checksum": CHECKSUM, "revision": REVISION, "ldflags": LDFLAGS}
    roots = {"tls-roots": tls_roots.digest()}
    return [
        manifests_recipe(),
        Recipe("argo", {**source, **roots}, _build_controller_and_executor, cost=380, programs=("go",)),
        Recipe("argo-cli", {**source, **roots}, _build_cli, needs=("argo-ui",), cost=25, programs=("go",)),
        Recipe("argo-client", source, _build_client, cost=250, programs=("go",)),
    ]


def manifests_recipe() -> Recipe:
    """The installation manifests of Argo Workflows and Argo Events; needs the modules only, nothing is compiled."""
    inputs = {
        "workflows": f"{VERSION} {CHECKSUM}",
        "events": f"{argo_events.VERSION} {argo_events.CHECKSUM}",
        "revision": REVISION,
    }
    return Recipe("argo-manifests", inputs, _render_manifests, cost=3, programs=("go",))


def source_copy(bench: Workbench) -> Path:
    """A writable copy of the module with the file put back that module archives cannot carry."""
    source = writable_copy(module_dir(bench, MODULE, VERSION, CHECKSUM), bench.work / "source")
    # A symbolic link in the repository, and module archives hold no links.
    folder = source / "workflow" / "executor" / "osspecific"
    (folder / "signal_linux.go").write_bytes((folder / "signal_darwin.go").read_bytes())
    return source


def _render_manifests(bench: Workbench) -> None:
    workflows = module_dir(bench, MODULE, VERSION, CHECKSUM)
    events = module_dir(bench, argo_events.MODULE, argo_events.VERSION, argo_events.CHECKSUM)
    bench.step("render manifests")
    for name, module in {"argo": workflows, "argo-events": events}.items():
        objects = render(module / "manifests" / "cluster-install")
        (bench.out / f"{name}.json").write_text(json.dumps(objects, indent=1))


def _build_controller_and_executor(bench: Workbench) -> None:
    source = source_copy(bench)
    bench.step("compile controller and executor")
    programs = bench.work / "bin"
    programs.mkdir(exist_ok=True)
    # One command for both: what they share is compiled once and both cores have work to the end.
    go_build(bench, source, ["./cmd/workflow-controller", "./cmd/argoexec"], programs, ldflags=LDFLAGS)
    bench.step("write images")
    controller = _image(bench, source, CONTROLLER_IMAGE, programs / "workflow-controller", user=USER)
    # As upstream: the executor runs beside a workflow's own containers and takes the user that the workflow gives them.
    executor = _image(bench, source, EXECUTOR_IMAGE, programs / "argoexec", user="")
    write_archive(controller, bench.out / "workflow-controller.tar")
    write_archive(executor, bench.out / "argoexec.tar")


def _build_cli(bench: Workbench) -> None:
    source = source_copy(bench)
    # Copied, not linked: the compiler embeds no links.
    (source / "ui" / "dist").mkdir(exist_ok=True)
    writable_copy(bench.needed["argo-ui"] / "app", source / "ui" / "dist" / "app")
    bench.step("compile argo")
    go_build(bench, source, ["./cmd/argo"], bench.out / "argo", ldflags=LDFLAGS)
    bench.step("write image")
    image = _image(bench, source, SERVER_IMAGE, bench.out / "argo", user=USER)
    write_archive(image, bench.out / "argocli.tar")


def _build_client(bench: Workbench) -> None:
    source = source_copy(bench)
    ui = source / "ui" / "dist" / "app"
    ui.mkdir(parents=True, exist_ok=True)
    (ui / "index.html").write_text("This argo brings no UI.\n")
    bench.step("compile argo")
    go_build(bench, source, ["./cmd/argo"], bench.out / "argo", ldflags=LDFLAGS)


def _image(bench: Workbench, source: Path, reference: str, program: Path, *, user: str) -> Image:
    """An image of one program with what Go needs of a file system: TLS roots, time zones and a /tmp."""
    goroot = Path(run(["go", "env", "GOROOT"], env=bench.env).strip())
    return Image(
        reference,
        files={
            f"/bin/{program.name}": program,
            tls_roots.IN_IMAGE: tls_roots.bundle(),
            "/zoneinfo.zip": goroot / "lib" / "time" / "zoneinfo.zip",
            "/etc/nsswitch.conf": source / "hack" / "nsswitch.conf",
            "/etc/ssh/ssh_known_hosts": source / "hack" / "ssh_known_hosts",
        },
        dirs={"/tmp": 0o1777},  # noqa: S108 the image's, not this machine's
        entrypoint=(program.name,),
        env={"PATH": "/bin", "ZONEINFO": "/zoneinfo.zip"},
        user=user,
    )
