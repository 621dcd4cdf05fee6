"""Upstream's installation manifests as objects, from the kustomizations that their modules bring.

Reads the little of Kustomize that these use: `resources` and `namespace`. `images` and `patches`, which upstream uses
to write its version in, are left out: whoever installs the objects names images himself. Anything else is refused, so
that a new version which uses more of it is noticed and not half rendered.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from localkube.errors import LocalKubeError

UNDERSTOOD = {"apiVersion", "kind", "resources", "namespace"}
LEFT_OUT = {"images", "patches"}

# Kinds of these manifests that belong to no namespace.
CLUSTER_WIDE = {"Namespace", "CustomResourceDefinition", "ClusterRole", "ClusterRoleBinding", "PriorityClass"}


def render(folder: Path) -> list[dict[str, Any]]:
    """The objects of the kustomization in `folder`, in the order in which its files name them.

    Raises:
        LocalKubeError: it uses something of Kustomize that is not understood here.
    """
    told = yaml.safe_load((folder / "kustomization.yaml").read_text())
    unknown = sorted(set(told) - UNDERSTOOD - LEFT_OUT)
    if unknown:
        raise LocalKubeError(f"{folder}/kustomization.yaml uses {', '.join(unknown)}, which is not understood")
    objects = [item for name in told["resources"] for item in _resource(folder / name)]
    if "namespace" in told:
        for item in objects:
            _set_namespace(item, told["namespace"])
    return objects


def _resource(path: Path) -> list[dict[str, Any]]:
    if path.is_dir():
        return render(path)
    return [item for item in yaml.safe_load_all(path.read_text()) if item]


def _set_namespace(item: dict[str, Any], namespace: str) -> None:
    if item["kind"] not in CLUSTER_WIDE:
        item["metadata"]["namespace"] = namespace
    for subject in item.get("subjects", []):
        if subject["kind"] == "ServiceAccount":
            subject["namespace"] = namespace
