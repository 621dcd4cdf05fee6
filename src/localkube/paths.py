"""Where things lie: caches, state and logs, as the XDG Base Directory Specification 0.8 says.

Builds are the cache (all of it may be deleted at any time); what a cluster is made of is the state.
"""

from __future__ import annotations

import os
from pathlib import Path


def cache_dir() -> Path:
    """Everything that can be built again: `$XDG_CACHE_HOME/localkube`, `~/.cache/localkube` by default."""
    return _xdg("XDG_CACHE_HOME", ".cache")


def state_dir() -> Path:
    """What is known of our clusters: `$XDG_STATE_HOME/localkube`, `~/.local/state/localkube` by default."""
    return _xdg("XDG_STATE_HOME", ".local/state")


def cluster_dir(name: str) -> Path:
    """The state of one cluster: its kubeconfig, its settings, its logs."""
    return state_dir() / "clusters" / name


def _xdg(variable: str, default: str) -> Path:
    told = os.environ.get(variable, "")
    # The specification: a path that is not absolute is to be ignored.
    base = Path(told) if told.startswith("/") else Path.home() / default
    return base / "localkube"
