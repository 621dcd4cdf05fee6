"""The keys of GitHub Apps, from a mounted Secret each: `NAME/app-id`, `NAME/private-key.pem`. Read anew each time."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pydantic import SecretStr

from pressplay.github.app import AppCredential, AppRefused

IDENTITY = "app-id"
KEY = "private-key.pem"


@dataclass(frozen=True)
class Apps:
    """All Apps of a folder."""

    folder: Path

    def names(self) -> dict[str, int]:
        """Names and ids of the Apps whose keys are there."""
        if not self.folder.is_dir():
            return {}
        found = {}
        for path in sorted(self.folder.iterdir()):
            identity = path / IDENTITY
            if identity.is_file() and (path / KEY).is_file() and identity.read_text().strip().isdigit():
                found[path.name] = int(identity.read_text().strip())
        return found

    def find(self, name: str) -> AppCredential:
        """The App of a name; the shared one where that has none of its own.

        Raises:
            AppRefused: there is neither.
        """
        known = self.names()
        chosen = name if name in known else "default"
        if chosen not in known:
            raise AppRefused(
                "no GitHub App is set up; `pressplay github setup` makes one and puts its key into the cluster"
            )
        return AppCredential(chosen, known[chosen], SecretStr((self.folder / chosen / KEY).read_text()))
