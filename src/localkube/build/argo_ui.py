"""The UI of Argo Workflows from its Go module and npm's packages: what `argo server` shows is upstream's own UI.

The module's own yarn.lock pins the packages. It names one by a git commit, the component library argo-ui; the release
on npm takes its place, and `modules/argo-ui/extra-lock.json` pins what only that release asks for.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import shutil
import tarfile
from pathlib import Path
from typing import Any

from localkube import versions
from localkube.build import argo
from localkube.build.gomod import module_dir, writable_copy
from localkube.build.recipe import Recipe, Workbench
from localkube.errors import LocalKubeError
from localkube.shell import run

OURS = Path(__file__).parent / "modules" / "argo-ui"
REVISION = "1"

YARN = "yarn@1.22.22"
YARN_INTEGRITY = "sha512-prL3kGtyG7o9Z9Sv8IPfBNrWTDmXB4Qbes8A9rEzt6wkJV8mUvoirjU0Mp3GGAU06Y0XQyA3/2/RQFVuK7MTfg=="
ARGO_UI = "1.0.0"

# Of the development dependencies those that the bundle is made with; linters, tests and type checks are left out.
BUNDLERS = (
    "copy-webpack-plugin",
    "esbuild-loader",
    "@fortawesome/fontawesome-free",
    "html-webpack-plugin",
    "monaco-editor-webpack-plugin",
    "raw-loader",
    "sass",
    "sass-loader",
    "style-loader",
    "webpack",
)

# One copy for the UI and for argo-ui, which asks for older ones.
SHARED = ("@fortawesome/fontawesome-free", "moment")

GIT_ENTRY = re.compile(r'^"argo-ui@git\+.*?\n\n', re.MULTILINE | re.DOTALL)
RESOLVED_HOST = re.compile(r'(?<=^  resolved ")https://[^/"]+', re.MULTILINE)


def recipes() -> list[Recipe]:
    """The bundle, as the folder `app`."""
    ours = hashlib.sha256(b"".join(path.read_bytes() for path in sorted(OURS.iterdir()))).hexdigest()
    inputs = {
        "version": versions.ARGO_WORKFLOWS,
        "checksum": argo.CHECKSUM,
        "yarn": YARN_INTEGRITY,
        "files": ours,
        "revision": REVISION,
    }
    return [Recipe("argo-ui", inputs, _build, cost=60, programs=("go", "node", "npm"))]


def _build(bench: Workbench) -> None:
    module = module_dir(bench, argo.MODULE, argo.VERSION, argo.CHECKSUM)
    # Side by side as in the module: the bundle takes the API's schema from beside the UI.
    ui = writable_copy(module / "ui", bench.work / "source" / "ui")
    writable_copy(module / "api", bench.work / "source" / "api")
    registry = run(["npm", "config", "get", "registry"], env=bench.env).strip().rstrip("/")
    _write_package(ui, module / "ui", registry)
    yarn = _yarn(bench)
    bench.step("install packages")
    bench.run(
        "node", yarn, "install", "--frozen-lockfile", "--ignore-scripts", "--non-interactive", "--no-progress",
        "--network-timeout", "120000", "--cache-folder", bench.work / "yarn-cache", cwd=ui,
    )  # fmt: skip
    bench.step("bundle")
    bench.run("node", OURS / "bundle.cjs", cwd=ui, env={"NODE_ENV": "production", "VERSION": argo.VERSION})
    shutil.copytree(ui / "dist" / "app", bench.out / "app")


def _write_package(ui: Path, module: Path, registry: str) -> None:
    """Write package.json and yarn.lock anew from the module's, so that a repeated build changes nothing."""
    (ui / ".yarnrc").unlink(missing_ok=True)  # leaves out optional packages, of which one holds esbuild
    told = json.loads((module / "package.json").read_text())
    (ui / "package.json").write_text(json.dumps(package(told), indent=2))
    extra = json.loads((OURS / "extra-lock.json").read_text())
    (ui / "yarn.lock").write_text(lock((module / "yarn.lock").read_text(), extra, registry))


def package(told: dict[str, Any]) -> dict[str, Any]:
    """Upstream's package.json with argo-ui from npm and without what only its developers need."""
    bundlers = {name: told["devDependencies"][name] for name in BUNDLERS}
    dependencies = {**told["dependencies"], **bundlers, "argo-ui": ARGO_UI}
    shared = {name: dependencies[name] for name in SHARED}
    return {
        "name": told["name"],
        "version": told["version"],
        "license": told["license"],
        "private": True,
        "dependencies": dependencies,
        "resolutions": {**told["resolutions"], **shared},
    }


def lock(told: str, extra: dict[str, dict[str, Any]], registry: str) -> str:
    """Upstream's yarn.lock with the entries of argo-ui's release, every package to come from `registry`."""
    entries = [_lock_entry(pattern, entry, registry) for pattern, entry in extra.items()]
    return RESOLVED_HOST.sub(registry, GIT_ENTRY.sub("", told)).rstrip("\n") + "\n\n" + "\n".join(entries)


def _lock_entry(pattern: str, entry: dict[str, Any], registry: str) -> str:
    name = pattern.rpartition("@")[0]
    archive = f"{name.rpartition('/')[2]}-{entry['version']}.tgz"
    lines = [
        f"{json.dumps(pattern)}:",
        f"  version {json.dumps(entry['version'])}",
        f"  resolved {json.dumps(f'{registry}/{name}/-/{archive}')}",
        f"  integrity {entry['integrity']}",
    ]
    if entry.get("dependencies"):
        lines.append("  dependencies:")
        lines += [f"    {json.dumps(name)} {json.dumps(wanted)}" for name, wanted in entry["dependencies"].items()]
    return "\n".join(lines) + "\n"


def _yarn(bench: Workbench) -> Path:
    """Yarn 1, which reads the module's lock file, from npm and checked; answers its start script."""
    bench.step("fetch yarn")
    folder = bench.work / "yarn"
    if not folder.exists():
        bench.run("npm", "pack", YARN, "--pack-destination", bench.work)
        archive = bench.work / f"{YARN.replace('@', '-')}.tgz"
        found = "sha512-" + base64.b64encode(hashlib.sha512(archive.read_bytes()).digest()).decode()
        if found != YARN_INTEGRITY:
            raise LocalKubeError(
                f"{YARN} has the checksum {found}, pinned is {YARN_INTEGRITY}",
                "do not go on: the package was changed on its way here",
            )
        partial = bench.work / "yarn.partial"
        shutil.rmtree(partial, ignore_errors=True)
        with tarfile.open(archive) as packed:
            packed.extractall(partial, filter="data")
        partial.rename(folder)
    return folder / "package" / "bin" / "yarn.js"
