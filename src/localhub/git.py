"""Real git behind the stand-in: bare repositories, smart HTTP by git's own program, and merges."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SECONDS = 120
PEOPLE = {
    "GIT_AUTHOR_NAME": "localhub", "GIT_AUTHOR_EMAIL": "localhub@localhost",
    "GIT_COMMITTER_NAME": "localhub", "GIT_COMMITTER_EMAIL": "localhub@localhost",
}  # fmt: skip


# Run by git for each ref that is pushed, with its name, old and new commit. What other branches have is no news.
GUARD = """#!/bin/sh
case "$3" in *[!0]*) ;; *) exit 0 ;; esac
for each in $LOCALHUB_RULED; do
  test "$1" = "$each" || continue
  echo "error: GH013: Repository rule violations found for $1." >&2
  echo "- Changes must be made through a pull request." >&2
  exit 1
done
test -n "$LOCALHUB_WORKFLOWS" && exit 0
found=$(git log --format= --name-only "$3" --not --all -- .github/workflows | sort -u | head -n 1)
test -z "$found" && exit 0
echo "refusing to allow a GitHub App to create or update workflow \\`$found\\` without \\`workflows\\` permission" >&2
exit 1
"""


class GitFailed(Exception):
    """git said no."""


def git(folder: Path, *words: str, stdin: bytes = b"", env: Mapping[str, str] | None = None) -> str:
    """Run git; answers its output. Paths are what they say, and no patterns.

    Raises:
        GitFailed: it said no.
    """
    if any("\0" in word for word in words):
        raise GitFailed("a zero byte is in no name")
    done = subprocess.run(
        ["git", "-c", "safe.directory=*", *words], cwd=folder, input=stdin, capture_output=True, timeout=SECONDS,
        check=False, env={"PATH": os.environ["PATH"], "HOME": "/nonexistent", "GIT_LITERAL_PATHSPECS": "1", **PEOPLE,
             **(env or {})},
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


def refs(folder: Path) -> dict[str, str]:
    """Branches and tags by their whole names → commit, or the object of a tag with a text."""
    lines = git(folder, "for-each-ref", "--format=%(refname) %(objectname)", "refs/heads", "refs/tags").splitlines()
    return dict(line.rsplit(" ", 1) for line in lines)


@dataclass(frozen=True)
class Commit:
    """A commit.

    Attributes:
        date: of its author, ISO 8601.
        files: letters of what happened, and paths; against the first parent.
    """

    sha: str
    tree: str
    parents: tuple[str, ...]
    author: str
    email: str
    committer: str
    committer_email: str
    date: str
    message: str
    files: tuple[tuple[str, str], ...]


def commit(folder: Path, sha: str) -> Commit:
    """A commit by its id."""
    fields = ("%H", "%T", "%P", "%an", "%ae", "%cn", "%ce", "%aI", "%B")
    told = git(folder, "show", "--no-patch", f"--format={'%x00'.join(fields)}", sha).split("\0")
    listed = git(folder, "diff-tree", "-r", "--root", "--no-commit-id", "--name-status", "--no-renames", "-m", sha)
    files = tuple((line[0], line[2:]) for line in listed.splitlines() if line)
    parents = tuple(told[2].split())
    sha, tree, _, author, email, committer, committer_email, date, message = told
    return Commit(sha, tree, parents, author, email, committer, committer_email, date, message.strip(), files)


def resolve(folder: Path, ref: str) -> str | None:
    """The commit that a branch, a ref or an id means."""
    for name in (f"refs/heads/{ref}", f"refs/{ref}", ref):
        with suppress(GitFailed):
            found = git(folder, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{name}^{{commit}}")
            # Of `^name` git answers all but that.
            if not found.startswith("^"):
                return found
    return None


def history(folder: Path, start: str) -> list[str] | None:
    """The commits that lead to one, the latest first."""
    sha = resolve(folder, start)
    return git(folder, "rev-list", sha).splitlines() if sha else None


def between(folder: Path, old: str, new: str) -> list[str]:
    """The commits that `new` has and `old` has not, the latest first; `old` may be none at all."""
    known = [f"^{old}"] if old.strip("0") else ["^refs/heads/main"]
    return git(folder, "rev-list", new, *known).splitlines()


def merge_base(folder: Path, one: str, other: str) -> str | None:
    """The latest commit that both have."""
    with suppress(GitFailed):
        return git(folder, "merge-base", one, other)
    return None


def holds(folder: Path, commit: str, earlier: str) -> bool:
    """Whether one commit leads to another."""
    return merge_base(folder, commit, earlier) == earlier


def rewound(folder: Path, old: str, new: str) -> bool:
    """Whether a branch that moved has lost commits."""
    return bool(old.strip("0") and new.strip("0")) and merge_base(folder, old, new) != old


def entries(folder: Path, ref: str, path: str) -> dict[str, Any] | list[dict[str, Any]] | None:
    """What lies at a path: a file, the entries of a folder, or nothing."""
    sha = resolve(folder, ref)
    if sha is None or set(path.split("/")) & {".", ".."}:
        return None
    if "\0" in path:
        return None
    if path:
        found = _listed(folder, sha, path)
        if len(found) != 1 or found[0]["type"] != "dir":
            return found[0] if found else None
        path += "/"
    return _listed(folder, sha, path)


def _listed(folder: Path, sha: str, path: str) -> list[dict[str, Any]]:
    kinds = {"blob": "file", "tree": "dir", "commit": "submodule"}
    found = []
    for line in git(folder, "ls-tree", "-z", "-l", sha, "--", *([path] if path else [])).split("\0"):
        facts, _, name = line.partition("\t")
        if name:
            mode, kind, blob_id, size = facts.split()
            told = "symlink" if mode == "120000" else kinds[kind]
            found.append({"type": told, "sha": blob_id, "size": int(size) if size.isdigit() else 0, "path": name,
                          "name": name.rpartition("/")[2]})  # fmt: skip
    return found


def blob(folder: Path, sha: str) -> bytes:
    """A file's bytes."""
    return subprocess.run(
        ["git", "-c", "safe.directory=*", "cat-file", "blob", sha], cwd=folder, capture_output=True, check=True,
        timeout=SECONDS,
    ).stdout  # fmt: skip


def ahead(folder: Path, base: str, head: str) -> int:
    """Commits that `head` has and `base` has not."""
    return int(git(folder, "rev-list", "--count", f"{base}..{head}"))


def merges(folder: Path, base: str, head: str) -> bool:
    """Whether two commits merge without conflicts."""
    return _merged_tree(folder, base, head) is not None


def _merged_tree(folder: Path, base: str, head: str) -> str | None:
    try:
        return git(folder, "merge-tree", "--write-tree", base, head).splitlines()[0]
    except GitFailed:
        return None


def person(login: str) -> dict[str, str]:
    """Somebody as the author of commits that are made here, by the address of those who hide theirs."""
    return {"GIT_AUTHOR_NAME": login, "GIT_AUTHOR_EMAIL": f"{login}@users.noreply.localhub"}


def merge(folder: Path, base: str, head: str, message: str, method: str, author: str) -> str | None:
    """Merge a branch into another, as GitHub names the ways; answers the base's new head, None where that conflicts.

    Args:
        author: login of the new commit's author; rebased commits keep theirs.
    """
    heads = branches(folder)
    if method == "rebase":
        commit = _rebased(folder, heads[base], heads[head])
    else:
        tree = _merged_tree(folder, heads[base], heads[head])
        parents = ["-p", heads[base], *(["-p", heads[head]] if method == "merge" else [])]
        commit = git(folder, "commit-tree", tree, *parents, "-m", message, env=person(author)) if tree else None
    if commit is not None:
        git(folder, "update-ref", f"refs/heads/{base}", commit, heads[base])
    return commit


def _rebased(folder: Path, base: str, head: str) -> str | None:
    """The commits of `head` that `base` has not, one by one on top of it."""
    with tempfile.TemporaryDirectory() as scratch:
        tree = Path(scratch) / "tree"
        git(folder, "worktree", "add", "--quiet", "--detach", str(tree), head)
        try:
            git(tree, "rebase", "--quiet", "--empty=drop", "--no-autostash", base)
            return git(tree, "rev-parse", "HEAD")
        except GitFailed:
            return None
        finally:
            git(folder, "worktree", "remove", "--force", str(tree))


def write_guard(folder: Path) -> Path:
    """A folder with the hook that judges what is pushed; what it forbids is told by variables."""
    hooks = folder / "guards"
    hooks.mkdir(exist_ok=True)
    part = hooks / "update.part"
    part.write_text(GUARD)
    part.chmod(0o755)
    part.replace(hooks / "update")
    return hooks


def smart_http(
    folder: Path,
    path: str,
    query: str,
    method: str,
    headers: Mapping[str, str],
    body: bytes,
    guard: Path | None = None,
    variables: Mapping[str, str] | None = None,
) -> tuple[int, list[tuple[str, str]], bytes]:
    """One request to git's own CGI program; answers status, headers and body.

    Args:
        guard: a folder with git's hooks that judge what is pushed, by these variables.
    """
    env = {
        **(variables or {}),
        "PATH": os.environ["PATH"], "GIT_PROJECT_ROOT": str(folder), "GIT_HTTP_EXPORT_ALL": "1", "PATH_INFO": path,
        "QUERY_STRING": query, "REQUEST_METHOD": method, "CONTENT_TYPE": headers.get("content-type", ""),
        "CONTENT_LENGTH": str(len(body)), "GIT_PROTOCOL": headers.get("git-protocol", ""), "REMOTE_USER": "localhub",
        "HTTP_CONTENT_ENCODING": headers.get("content-encoding", ""), "GIT_CONFIG_COUNT": "2",
        "GIT_CONFIG_KEY_0": "safe.directory", "GIT_CONFIG_VALUE_0": "*",
        "GIT_CONFIG_KEY_1": "core.hooksPath", "GIT_CONFIG_VALUE_1": str(guard or "/nonexistent"),
    }  # fmt: skip
    done = subprocess.run(
        ["git", "http-backend"], input=body, capture_output=True, env=env, timeout=SECONDS, check=False
    )
    head, _, content = done.stdout.partition(b"\r\n\r\n")
    told = [tuple(line.split(": ", 1)) for line in head.decode().split("\r\n") if ": " in line]
    status = next((int(value.split()[0]) for name, value in told if name == "Status"), 200)
    return status, [(name, value) for name, value in told if name != "Status"], content
