"""The versions of what a cluster carries, the same whether pulled or built.

Save one thing: upstream's node image brings an etcd, a CoreDNS and a provisioner of volumes of its own. What is
compiled from the module `build/modules/kit` stands in its go.mod; a test holds both together.
"""

from __future__ import annotations

# The newest patch of the newest line whose kubelet takes cgroup v1 as it comes.
KUBERNETES = "v1.34.4"
ETCD = "v3.6.16"
COREDNS = "v1.14.7"
NATS = "v2.14.9"
HELM = "v3.20.2"
KIND = "v0.33.0"
ARGO_WORKFLOWS = "v3.7.16"
ARGO_EVENTS = "v1.9.10"

# In the place of a registry in the names of images that we made: nobody pulls or pushes there.
IMAGE_HOST = "localkube.local"

STOCK_NODE_IMAGE = f"docker.io/kindest/node:{KUBERNETES}"

# What a Dockerfile may build on: upstream's image where it can be pulled, our own where not.
STOCK_BASE_IMAGE = "docker.io/library/debian:bookworm-slim"
BUILT_BASE_IMAGE = f"{IMAGE_HOST}/debian:bookworm"
