"""Real git behind the stand-in: bare repositories, smart HTTP by git's own program, and merges."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path

SECONDS = 120
PEOPLE = {
    "GIT_AUTHOR_NAME": "localhub", "GIT_AUTHOR_EMAIL": "localhub@localhost",
    "GIT_COMMITTER_NAME": "localhub", "GIT_COMMITTER_EMAIL": "localhub@localhost",
}  # fmt: skip


class GitFailed(Exception):
    """git said no."""


def git(folder: Path, *words: str, stdin: bytes = b"", env: Mapping[str, str] | None = None) -> str:
    """Run git; answers its output."""
    done = subprocess.run(
        ["git", "-c", "safe.directory=*", *words], cwd=folder, input=stdin, capture_output=True, timeout=SECONDS,
        check=False, env={"PATH": os.environ["PATH"], "HOME": "/nonexistent", **PEOPLE, **(env or {})},
    )  # fmt: skip
    if done.returncode:
        raise GitFailed(done.stderr.decode(errors="replace").strip())
    return done.stdout.decode(errors="replace").rstrip("\n")


def create(folder: Path, tree: Path, message: str) -> str:
    """A bare repository whose branch `main` has one commit with the files of a folder."""
    folder.mkdir(parents=True)
    git(folder, "init", "--quiet", "--bare", "--initial-branch=main")
    git(folder, "config", "http.receivepack", "true")
    with tempfile.TemporaryDirectory() as scratch:
        env = {"GIT_INDEX_FILE": f"{scratch}/index", "GIT_DIR": str(folder)}
        git(tree, "--work-tree=.", "add", "--all", "--force", ".", env=env)
        made = git(folder, "write-tree", env=env)
    commit = git(folder, "commit-tree", made, "-m", message)
    git(folder, "update-ref", "refs/heads/main", commit)
    return commit


def branches(folder: Path) -> dict[str, str]:
    """Branch → commit."""
    lines = git(folder, "for-each-ref", "--format=%(refname:lstrip=2) %(objectname)", "refs/heads").splitlines()
    return dict(line.rsplit(" ", 1) for line in lines)


def ahead(folder: Path, base: str, head: str) -> int:
    """Commits that `head` has and `base` has not."""
    return int(git(folder, "rev-list", "--count", f"{base}..{head}"))


def difference(folder: Path, base: str, head: str) -> str:
    """The difference of a pull request as a patch."""
    return git(folder, "diff", f"{base}...{head}")


def size(folder: Path, base: str, head: str) -> dict[str, int]:
    """How much a pull request changes, as GitHub counts it."""
    span = f"{base}...{head}"
    lines = [line.split("\t")[:2] for line in git(folder, "diff", "--numstat", span).splitlines()]
    added, deleted = (sum(int(line[column]) for line in lines if line[column] != "-") for column in (0, 1))
    commits = int(git(folder, "rev-list", "--count", f"{base}..{head}"))
    return {"commits": commits, "additions": added, "deletions": deleted, "changed_files": len(lines)}


def merge(folder: Path, base: str, head: str, message: str, method: str) -> str | None:
    """Merge; answers the commit, or None where there are conflicts."""
    heads = branches(folder)
    try:
        tree = git(folder, "merge-tree", "--write-tree", heads[base], heads[head]).splitlines()[0]
    except GitFailed:
        return None
    parents = ["-p", heads[base], *(["-p", heads[head]] if method == "merge" else [])]
    commit = git(folder, "commit-tree", tree, *parents, "-m", message)
    git(folder, "update-ref", f"refs/heads/{base}", commit, heads[base])
    return commit


def smart_http(
    folder: Path, path: str, query: str, method: str, headers: Mapping[str, str], body: bytes
) -> tuple[int, list[tuple[str, str]], bytes]:
    """One request to git's own CGI program; answers status, headers and body."""
    env = {
        "PATH": os.environ["PATH"], "GIT_PROJECT_ROOT": str(folder), "GIT_HTTP_EXPORT_ALL": "1", "PATH_INFO": path,
        "QUERY_STRING": query, "REQUEST_METHOD": method, "CONTENT_TYPE": headers.get("content-type", ""),
        "CONTENT_LENGTH": str(len(body)), "GIT_PROTOCOL": headers.get("git-protocol", ""), "REMOTE_USER": "localhub",
        "HTTP_CONTENT_ENCODING": headers.get("content-encoding", ""), "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": "safe.directory", "GIT_CONFIG_VALUE_0": "*",
    }  # fmt: skip
    done = subprocess.run(
        ["git", "http-backend"], input=body, capture_output=True, env=env, timeout=SECONDS, check=False
    )
    head, _, content = done.stdout.partition(b"\r\n\r\n")
    told = [tuple(line.split(": ", 1)) for line in head.decode().split("\r\n") if ": " in line]
    status = next((int(value.split()[0]) for name, value in told if name == "Status"), 200)
    return status, [(name, value) for name, value in told if name != "Status"], content
