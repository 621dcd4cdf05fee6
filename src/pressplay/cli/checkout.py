"""What a git checkout tells of a task: repository, base branch, folder. Reads only, and asks no server."""

from __future__ import annotations

import re
import subprocess
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from pressplay.cli.failures import Problem

# user@host:owner/name, which looks like a URL and is none.
SCP_LIKE = re.compile(r"^(?:[\w.-]+@)?(?P<host>[\w.-]+):(?!//)(?P<path>.+)$")
SECONDS = 20


@dataclass(frozen=True)
class Checkout:
    """A working tree.

    Attributes:
        repository: owner/name; empty where no remote tells it.
        host: of the remote.
        base: the remote's branch that the current one follows; None for the repository's default.
        directory: where in the tree one is; empty at its root.
        unpushed: commits here that the remote's branch lacks, as far as this checkout knows.
        changed: whether files differ from the last commit.
    """

    repository: str
    host: str = ""
    base: str | None = None
    directory: str = ""
    unpushed: int = 0
    changed: bool = False


def read(folder: Path) -> Checkout | None:
    """The checkout that `folder` is in; None where it is in none."""
    if _git(folder, "rev-parse", "--is-inside-work-tree") != "true":
        return None
    remote, base = _followed(folder)
    url = _git(folder, "remote", "get-url", remote) or ""
    host, repository = parse_remote(url)
    upstream = f"{remote}/{base}" if base else ""
    unpushed = _git(folder, "rev-list", "--count", f"{upstream}..HEAD") if upstream else None
    return Checkout(
        repository=repository,
        host=host,
        base=base,
        directory=(_git(folder, "rev-parse", "--show-prefix") or "").rstrip("/"),
        unpushed=int(unpushed or 0),
        changed=bool(_git(folder, "status", "--porcelain", "--untracked-files=no")),
    )


def _followed(folder: Path) -> tuple[str, str | None]:
    """The remote, and its branch that the current branch follows."""
    branch = _git(folder, "symbolic-ref", "--quiet", "--short", "HEAD")
    if branch:
        remote = _git(folder, "config", f"branch.{branch}.remote")
        merge = _git(folder, "config", f"branch.{branch}.merge")
        if remote and remote != "." and merge:
            return remote, merge.removeprefix("refs/heads/")
        # Pushed without being followed.
        if _git(folder, "rev-parse", "--verify", "--quiet", f"refs/remotes/origin/{branch}"):
            return "origin", branch
    remotes = (_git(folder, "remote") or "").split()
    return ("origin" if "origin" in remotes or not remotes else remotes[0]), None


def parse_remote(url: str) -> tuple[str, str]:
    """Host and owner/name of a remote's address; both empty where it is none of a repository on a server."""
    scp = SCP_LIKE.match(url) if "://" not in url else None
    if scp:
        host, path = scp["host"], scp["path"]
    else:
        try:
            parts = urlsplit(url)
        except ValueError:
            return "", ""
        host, path = parts.netloc.rpartition("@")[2], parts.path
        if parts.scheme not in ("https", "http", "ssh", "git"):
            return "", ""
    words = path.strip("/").removesuffix(".git").split("/")
    return (host, "/".join(words[-2:])) if len(words) >= 2 and all(words[-2:]) else ("", "")


def _git(folder: Path, *words: str) -> str | None:
    """What git prints; None where it fails."""
    try:
        done = subprocess.run(["git", *words], cwd=folder, capture_output=True, text=True, timeout=SECONDS, check=False)
    except FileNotFoundError:
        raise Problem("git is not there", "install git, or name the repository with --repo owner/name") from None
    except subprocess.TimeoutExpired:
        return None
    return done.stdout.strip() if done.returncode == 0 else None
