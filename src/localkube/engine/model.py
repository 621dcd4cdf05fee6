"""An engine that answers: how to call it, and the few things every caller asks of it."""

from __future__ import annotations

import datetime as dt
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from localkube.errors import CommandFailed
from localkube.shell import run, run_into_log

# How Docker and Podman say that there is no image or container of a name.
NOT_THERE = ("no such image", "no such container", "image not known", "no such object", "no container with name")


def moment(told: str) -> dt.datetime:
    """A time as engines write it (RFC 3339, Docker with nanoseconds, Podman with an offset), to microseconds in UTC."""
    cut = re.sub(r"(\.\d{1,6})\d*", r"\1", told)
    return dt.datetime.fromisoformat(cut).astimezone(dt.UTC)


@dataclass(frozen=True)
class Engine:
    """A container engine.

    Attributes:
        kind: whose command line it understands.
        cli: the program that talks to it.
        host: its address, as in DOCKER_HOST; None where the program finds it by itself.
        ours: whether we started it, so that we may end it.
        variables: what else its program must find in the environment.
    """

    kind: Literal["docker", "podman"]
    cli: str
    host: str | None = None
    ours: bool = False
    variables: tuple[tuple[str, str], ...] = ()

    @property
    def address(self) -> str:
        """What tells this engine from others: its host, or its kind where its program finds it by itself."""
        return self.host or self.kind

    def env(self) -> dict[str, str]:
        """The variables under which other programs (kind, the docker command) use this engine and no other."""
        found: dict[str, str] = {**dict(self.variables), "KIND_EXPERIMENTAL_PROVIDER": self.kind}
        if self.host:
            found["DOCKER_HOST"] = self.host
        return found

    def run(
        self,
        *args: str | Path,
        timeout: float | None = None,
    ) -> str:
        """Run one command of the engine and return its output. Raises CommandFailed."""
        return run([self.cli, *args], timeout=timeout, env=self.env())

    def has_image(self, reference: str) -> bool:
        """Whether the engine has this image already. Raises CommandFailed where the engine itself fails."""
        return bool(self._inspect("image", reference, "{{.Id}}"))

    def build(self, folder: Path, tag: str, dockerfile: Path, arguments: Mapping[str, str], log: Path) -> None:
        """Build a Dockerfile; what is printed goes to `log`. Raises CommandFailed, which names the log."""
        words = [word for name, value in arguments.items() for word in ("--build-arg", f"{name}={value}")]
        command: list[str | Path] = [self.cli, "build", "--tag", tag, "--file", dockerfile, *words, folder]
        run_into_log(command, log, env={**self.env(), **self._builder()})

    def _builder(self) -> dict[str, str]:
        """Docker's newer builder is a plug-in of its command, which not every installation has."""
        if self.kind == "podman":
            return {}
        try:
            self.run("buildx", "version", timeout=30)
        except CommandFailed:
            return {"DOCKER_BUILDKIT": "0"}
        return {}

    def container_state(self, name: str) -> str:
        """What a container does: running, exited, …; empty where there is none of that name.

        Raises:
            CommandFailed: the engine itself fails.
        """
        # `ps` says this as well, but Podman writes "Up 2 minutes" there.
        return self._inspect("container", name, "{{.State.Status}}")

    def container_started(self, name: str) -> dt.datetime:
        """When a container was started last, in UTC. Raises CommandFailed where there is none of that name."""
        told = self.run("container", "inspect", "--format", "{{json .State.StartedAt}}", name, timeout=60)
        return moment(json.loads(told))

    def save_archive(self, reference: str, path: Path) -> None:
        """Write an image to a `docker save` archive; what is there already is replaced."""
        partial = path.with_name(path.name + ".partial")
        partial.unlink(missing_ok=True)  # Podman refuses to write into an archive that exists
        self.run("save", "-o", partial, reference)
        partial.replace(path)

    def load_archive(self, path: Path) -> None:
        """Take the images of a `docker save` archive in."""
        self.run("load", "-i", path)

    def _inspect(self, kind: str, name: str, template: str) -> str:
        """One fact of an image or container; empty where it does not exist."""
        try:
            return self.run(kind, "inspect", "--format", template, name, timeout=60).strip()
        except CommandFailed as failed:
            if any(phrase in failed.output.lower() for phrase in NOT_THERE):
                return ""
            raise
