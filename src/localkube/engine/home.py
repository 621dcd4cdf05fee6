"""Where an engine of our own lives: all its places in one value, so that two engines can stand side by side."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class EngineHome:
    """The places of one engine; nothing of it lies elsewhere.

    Attributes:
        run_dir: sockets, pid files and the state of running containers; gone after a reboot.
        lib_dir: images, volumes, settings and the log.
        bridge: the name of its network bridge, at most 15 characters.
    """

    run_dir: Path = Path("/run/localkube")
    lib_dir: Path = Path("/var/lib/localkube")
    bridge: str = "localkube0"

    @property
    def socket(self) -> Path:
        """Where it listens."""
        return self.run_dir / "docker.sock"

    @property
    def host(self) -> str:
        """The address for DOCKER_HOST."""
        return f"unix://{self.socket}"

    @property
    def exec_root(self) -> Path:
        """The state of what runs."""
        return self.run_dir / "exec"

    @property
    def pidfile(self) -> Path:
        """Where dockerd writes its pid."""
        return self.run_dir / "docker.pid"

    @property
    def lock(self) -> Path:
        """Beside `run_dir`, not in it: it is held while that folder is removed."""
        return self.run_dir.with_name(self.run_dir.name + ".lock")

    @property
    def data_root(self) -> Path:
        """Images, volumes and containers."""
        return self.lib_dir / "docker"

    @property
    def config(self) -> Path:
        """The settings that we write for dockerd."""
        return self.lib_dir / "daemon.json"

    @property
    def log(self) -> Path:
        """What dockerd and its containerd print."""
        return self.lib_dir / "dockerd.log"

    @property
    def shim(self) -> Path:
        """The runtime that it calls where a capability is missing."""
        return self.lib_dir / "bin" / "localkube-runc"

    @property
    def record(self) -> Path:
        """What the machine was like before we changed it."""
        return self.lib_dir / "before.json"
