"""People at the stand-in for GitHub, who do what people do: push, open pull requests, comment.

All that they do is told by webhooks, as if GitHub told it.
"""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from localdemo.objects import HUB_PORT, STAND_INS
from localdemo.standins import StandIns, forward

GIT_SECONDS = 60
API = "/api/v3/repos"


@dataclass(frozen=True)
class Person:
    """Somebody with a token."""

    hub: StandIns
    login: str

    @property
    def token(self) -> str:
        """Theirs."""
        return f"of-{self.login}"

    def exists(self, role: str = "write") -> Person:
        """Have them be there, with a role in every repository."""
        self.hub.hub("POST", "/_hub/users", {"login": self.login, "token": self.token, "role": role})
        return self

    def push(self, repository: str, branches: Mapping[str, Mapping[str, str]]) -> None:
        """Push branches, each of one commit on the default branch that holds these texts by path."""
        with forward(self.hub.kubectl, STAND_INS, f"deployment/{STAND_INS}", HUB_PORT) as port:
            url = f"http://x:{self.token}@127.0.0.1:{port}/{repository}.git"
            with tempfile.TemporaryDirectory() as folder:
                work = Path(folder)
                self._git(work, "clone", "--quiet", url, ".")
                for branch, files in branches.items():
                    self._git(work, "checkout", "--quiet", "-B", branch, "origin/main")
                    for path, text in files.items():
                        (work / path).write_text(text)
                    self._git(work, "add", ".")
                    self._git(work, "commit", "--quiet", "--message", f"Work on {branch}")
                self._git(work, "push", "--quiet", "origin", *branches)

    def open(self, repository: str, branch: str, title: str, body: str = "") -> int:
        """Open a pull request; answers its number."""
        told = {"title": title, "body": body, "head": branch, "base": "main"}
        return int(self._post(f"{repository}/pulls", told)["number"])

    def report(self, repository: str, title: str, body: str = "") -> int:
        """Open an issue; answers its number."""
        return int(self._post(f"{repository}/issues", {"title": title, "body": body})["number"])

    def approve(self, repository: str, number: int) -> None:
        """Review a pull request, and have nothing against it."""
        self._post(f"{repository}/pulls/{number}/reviews", {"event": "APPROVE", "body": "Fine."})

    def comment(self, repository: str, number: int, text: str) -> None:
        """Say something on an issue or a pull request."""
        self._post(f"{repository}/issues/{number}/comments", {"body": text})

    def close(self, repository: str, number: int) -> None:
        """Close a pull request."""
        self.hub.hub("PATCH", f"{API}/{repository}/pulls/{number}", {"state": "closed"}, token=self.token)

    def _post(self, path: str, told: Mapping[str, Any]) -> dict[str, Any]:
        made: dict[str, Any] = self.hub.hub("POST", f"{API}/{path}", told, token=self.token)
        return made

    def _git(self, work: Path, *words: str) -> None:
        who = {f"GIT_{role}_{what}": f"{self.login}@localhost" for role in ("AUTHOR", "COMMITTER")
               for what in ("NAME", "EMAIL")}  # fmt: skip
        env = {"PATH": os.environ["PATH"], "HOME": str(work), "GIT_CONFIG_NOSYSTEM": "1", **who}
        subprocess.run(
            ["git", *words], cwd=work, env=env, check=True, capture_output=True, timeout=GIT_SECONDS
        )  # fmt: skip


def comments(hub: StandIns, repository: str, number: int) -> list[dict[str, Any]]:
    """What was said on an issue or a pull request, the oldest first."""
    found: list[dict[str, Any]] = hub.hub("GET", f"{API}/{repository}/issues/{number}/comments?per_page=100")
    return found


def commits(hub: StandIns, repository: str, number: int) -> list[str]:
    """The messages of a pull request's commits, the oldest first."""
    found = hub.hub("GET", f"{API}/{repository}/pulls/{number}/commits?per_page=100")
    return [str(each["commit"]["message"]) for each in found]
