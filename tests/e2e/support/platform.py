"""The product on the cluster, with stand-ins for GitHub and the vendor: installed as a user would, by helm."""

from __future__ import annotations

import base64
import io
import json
import subprocess
import sys
import tarfile
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from localkube import tools
from localkube.state import ClusterRecord
from tests.e2e.support.kube import Kube

ROOT = Path(__file__).parents[3]
SYSTEM, STAND_INS = "pressplay-system", "localhub"
ADMIN, KEY = "admin-of-the-stand-in", "sk-ant-key-of-the-stand-in"
PERMISSIONS = {"contents": "write", "pull_requests": "write", "issues": "write", "metadata": "read"}


@dataclass(frozen=True)
class Platform:
    """What is installed, and a way to its stand-ins."""

    kube: Kube
    images: dict[str, str]

    def hub(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        """Call the stand-in for GitHub as its administrator."""
        return self._call(8080, method, path, json.dumps(body).encode() if body is not None else None)

    def script(self, name: str, text: str) -> None:
        """Give the stand-in for the model a script."""
        self._call(8090, "PUT", f"/_model/scripts/{name}", text.encode())

    def conversations(self) -> list[dict[str, Any]]:
        """The latest requests that the stand-in for the model got."""
        found: list[dict[str, Any]] = self._call(8090, "GET", "/_model/requests", None)
        return found

    def repository(self, name: str, files: dict[str, str]) -> None:
        """A repository with one commit, on which the App is installed."""
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
            for path, text in files.items():
                info = tarfile.TarInfo(f"source/{path}")
                info.size = len(text.encode())
                tar.addfile(info, io.BytesIO(text.encode()))
        archive = base64.b64encode(buffer.getvalue()).decode()
        self.hub("POST", "/_hub/repositories", {"name": name, "archive_base64": archive})

    def pull(self, repository: str, number: int) -> dict[str, Any]:
        """A pull request as GitHub would tell it."""
        found: dict[str, Any] = self.hub("GET", f"/api/v3/repos/{repository}/pulls/{number}")
        return found

    def page(self, repository: str, number: int) -> str:
        """The page of a pull request, with its difference."""
        return str(self._call(8080, "GET", f"/{repository}/pull/{number}", None))

    def _call(self, port: int, method: str, path: str, body: bytes | None) -> Any:
        headers = {"Content-Type": "application/json"}
        if path.startswith("/_hub"):
            headers["Authorization"] = f"Bearer {ADMIN}"
        with self.kube.forward(STAND_INS, "deployment/localhub", port) as local:
            address = f"http://127.0.0.1:{local}{path}"
            request = urllib.request.Request(address, data=body, method=method, headers=headers)
            with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310 - a port of our own
                text = answer.read().decode()
                kind = answer.headers.get("content-type", "")
        return json.loads(text) if text and kind.startswith("application/json") else text


def install(kube: Kube, record: ClusterRecord) -> Platform:
    """Have everything of this checkout on the cluster, and ready."""
    images = _images()
    kubectl = tools.kubectl(record)
    kubectl.apply(stand_ins(images["localhub"]))
    kubectl.run("rollout", "status", "deployment/localhub", f"--namespace={STAND_INS}", "--timeout=180s", timeout=200)
    platform = Platform(kube, images)
    app = platform.hub("POST", "/_hub/apps", {"slug": "pressplay"})
    wanted = {"app_id": app["id"], "repositories": "all", "permissions": PERMISSIONS}
    platform.hub("POST", "/_hub/installations", wanted)
    kubectl.apply([_namespace(SYSTEM), *_secrets(app)])
    _helm(record, images)
    # Keys that changed reach the signer with the kubelet's next look; a new pod has them at once.
    kubectl.run("rollout", "restart", "deployment/pressplay-gateway", f"--namespace={SYSTEM}")
    for name in ("pressplay-gateway", "pressplay-operator"):
        words = ("rollout", "status", f"deployment/{name}", f"--namespace={SYSTEM}", "--timeout=240s")
        kubectl.run(*words, timeout=260)
    return platform


def uninstall(record: ClusterRecord) -> None:
    """Remove all of it, so that the cluster is as it was; definitions and runs stay, as they do for a user."""
    subprocess.run(
        [str(tools.path_of("helm")), "uninstall", "pressplay", f"--namespace={SYSTEM}",
         f"--kubeconfig={record.kubeconfig}", "--ignore-not-found"],
        check=True, stdout=subprocess.DEVNULL, timeout=120,
    )  # fmt: skip
    kubectl = tools.kubectl(record)
    kubectl.run("delete", "namespace", SYSTEM, STAND_INS, "--ignore-not-found", "--timeout=120s", timeout=150)


def _images() -> dict[str, str]:
    done = subprocess.run(
        [sys.executable, str(ROOT / "tools" / "images.py"), "--values", str(ROOT / "build" / "images.json")],
        cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True, timeout=1800,
    )  # fmt: skip
    found: dict[str, str] = json.loads(done.stdout)
    return found


def _helm(record: ClusterRecord, images: dict[str, str]) -> None:
    hub, model = f"http://localhub.{STAND_INS}:8080", f"http://localhub.{STAND_INS}:8090"
    values = {
        "github": {"url": hub, "apiUrl": f"{hub}/api/v3"},
        "llm": {"provider": "anthropic", "baseUrl": model},
        "networkPolicy": {"enabled": False},
    }
    file = ROOT / "build" / "e2e-values.yaml"
    file.write_text(yaml.safe_dump(values))
    subprocess.run(
        [str(tools.path_of("helm")), "upgrade", "--install", "pressplay", str(ROOT / "charts" / "pressplay"),
         "--take-ownership", f"--namespace={SYSTEM}", f"--values={ROOT / 'build' / 'images.json'}", f"--values={file}",
         f"--kubeconfig={record.kubeconfig}"],
        cwd=ROOT, check=True, stdout=subprocess.DEVNULL, timeout=300,
    )  # fmt: skip


def _namespace(name: str) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}


def _secrets(app: dict[str, Any]) -> list[dict[str, Any]]:
    def secret(name: str, data: dict[str, str]) -> dict[str, Any]:
        meta = {"name": name, "namespace": SYSTEM}
        encoded = {key: base64.b64encode(value.encode()).decode() for key, value in data.items()}
        return {"apiVersion": "v1", "kind": "Secret", "metadata": meta, "data": encoded}

    return [
        secret("pressplay-github-app", {"app-id": str(app["id"]), "private-key.pem": app["private_key"]}),
        secret("pressplay-llm", {"ANTHROPIC_API_KEY": KEY}),
    ]


def stand_ins(image: str) -> list[dict[str, Any]]:
    """The objects of both stand-ins: one pod, two containers, a volume for the repositories."""
    security = {
        "allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}, "readOnlyRootFilesystem": True,
        "seccompProfile": {"type": "RuntimeDefault"},
    }  # fmt: skip

    def container(name: str, command: list[str], port: int, env: dict[str, str]) -> dict[str, Any]:
        return {
            "name": name, "image": image, "imagePullPolicy": "IfNotPresent", "command": command,
            "env": [{"name": key, "value": value} for key, value in env.items()], "securityContext": security,
            "ports": [{"containerPort": port}],
            "readinessProbe": {"httpGet": {"path": "/", "port": port}, "periodSeconds": 1},
            "volumeMounts": [{"name": "data", "mountPath": "/data"}, {"name": "tmp", "mountPath": "/tmp"}],
        }  # fmt: skip

    labels = {"app": "localhub"}
    meta = {"name": "localhub", "namespace": STAND_INS}
    pod = {
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "terminationGracePeriodSeconds": 2,
        "securityContext": {"runAsNonRoot": True, "fsGroup": 10030},
        "containers": [
            container("hub", ["python3", "-m", "localhub"], 8080, {"LOCALHUB_ADMIN_TOKEN": ADMIN}),
            container("model", ["python3", "-m", "localhub.model"], 8090, {"LOCALHUB_MODEL_KEYS": KEY}),
        ],
        "volumes": [
            {"name": "data", "persistentVolumeClaim": {"claimName": "localhub"}},
            {"name": "tmp", "emptyDir": {}},
        ],
    }
    ports = [{"name": "hub", "port": 8080}, {"name": "model", "port": 8090}]
    claim = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
    template = {"metadata": {"labels": labels}, "spec": pod}
    deployment = {"replicas": 1, "strategy": {"type": "Recreate"}, "selector": {"matchLabels": labels},
                  "template": template}  # fmt: skip
    return [
        _namespace(STAND_INS),
        {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": meta, "spec": claim},
        {"apiVersion": "v1", "kind": "Service", "metadata": meta, "spec": {"selector": labels, "ports": ports}},
        {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": meta, "spec": deployment},
    ]
