"""What the stand-in knows, in memory and in one JSON file beside its repositories."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from localhub.keys import AppKey, new_key

HOUR = 3600.0


@dataclass
class State:
    """Everything but git's own data. Plain values, so that it can be kept as JSON.

    Attributes:
        url: where the stand-in is reached.
        tokens: of installations and of people, by their text.
        key_of: the key of a new App, by how many there are before it.
    """

    folder: Path
    url: str
    numbers: int = 1000
    apps: dict[str, dict[str, Any]] = field(default_factory=dict)
    installations: dict[str, dict[str, Any]] = field(default_factory=dict)
    repositories: dict[str, dict[str, Any]] = field(default_factory=dict)
    users: dict[str, dict[str, Any]] = field(default_factory=dict)
    tokens: dict[str, dict[str, Any]] = field(default_factory=dict)
    faults: list[dict[str, Any]] = field(default_factory=list)
    deliveries: list[dict[str, Any]] = field(default_factory=list)
    lock: threading.RLock = field(default_factory=threading.RLock)
    key_of: Callable[[int], AppKey] = field(default=new_key)

    @property
    def file(self) -> Path:
        """Where it is kept."""
        return self.folder / "state.json"

    def number(self) -> int:
        """A number that nothing else has."""
        with self.lock:
            self.numbers += 1
            return self.numbers

    def save(self) -> None:
        """Keep it."""
        with self.lock:
            names = ("numbers", "apps", "installations", "repositories", "users", "tokens", "deliveries")
            part = self.file.with_suffix(".part")
            part.write_text(json.dumps({name: getattr(self, name) for name in names}))
            part.replace(self.file)

    def load(self) -> None:
        """Have what was kept."""
        self.folder.mkdir(parents=True, exist_ok=True)
        if self.file.exists():
            for name, value in json.loads(self.file.read_text()).items():
                setattr(self, name, value)

    def git_folder(self, repository: dict[str, Any]) -> Path:
        """The bare repository."""
        return self.folder / "git" / f"{repository['id']}.git"

    def find_repository(self, owner: str, name: str) -> dict[str, Any] | None:
        """A repository by its name; case does not count."""
        wanted = f"{owner}/{name.removesuffix('.git')}".lower()
        return next((one for key, one in self.repositories.items() if key.lower() == wanted), None)

    def bearer(self, token: str) -> dict[str, Any] | None:
        """What a token is good for; None where it is not good."""
        found = self.tokens.get(token)
        return found if found is not None and found["expires"] > time.time() else None
