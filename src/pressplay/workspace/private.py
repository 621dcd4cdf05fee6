"""The private repository of a run: made of one pack, its objects and its configuration shared with nobody.

Runs where the workspace is prepared, before anything of the repository could have run.
"""

from __future__ import annotations

import hashlib
import re
import stat
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pressplay.protocol.changeset import Changeset
from pressplay.protocol.run import Checkout
from pressplay.workspace.beneath import Beneath
from pressplay.workspace.git import Git

# Files come out as they are in the repository, whatever its attributes say: no filter, no line ends, no encodings.
_ATTRIBUTES = "* -text -eol -ident -filter -working-tree-encoding\n"
# What runs of programs leave behind and nobody commits, also where the project's own .gitignore does not say so.
_EXCLUDED = "__pycache__/\n*.pyc\n.pytest_cache/\n.mypy_cache/\n.ruff_cache/\nnode_modules/\n.venv/\n"
_ID = re.compile(r"[0-9a-f]{40}([0-9a-f]{24})?")
_CONFIG = """\
[core]
\trepositoryformatversion = {version}
\tfilemode = true
\tbare = false
\tlogallrefupdates = true
\tsharedRepository = group
[user]
\tname = agent
\temail = agent@localhost
"""


@dataclass(frozen=True)
class BaseFile:
    """A file of the commit that the work begins on.

    Attributes:
        mode: git's, as text.
        blob: its object id.
    """

    mode: str
    blob: str
    size: int


def make_private_repository(
    folder: Path, pack: Path, checkout: Checkout, shallow: Sequence[str] = (), borrowed: Path | None = None
) -> dict[str, BaseFile]:
    """Make a repository in an empty folder and check the commit out; answers the files of its tree by path.

    Args:
        shallow: commits whose parents are not to be had.
        borrowed: a bare repository whose objects are used where they lie; it only needs to be readable.

    Raises:
        GitFailed: the pack or the commit cannot be used, or the disk is full.
    """
    git = Git(folder)
    form = "sha256" if len(checkout.commit) == 64 else "sha1"
    git.run("init", "--quiet", "--template=", f"--object-format={form}", f"--initial-branch={checkout.branch}")
    inside = folder / ".git"
    (inside / "info").mkdir(exist_ok=True)
    (inside / "info" / "attributes").write_text(_ATTRIBUTES)
    (inside / "info" / "exclude").write_text(_EXCLUDED)
    if form == "sha1":
        (inside / "config").write_text(_CONFIG.format(version=0))
    if borrowed is not None:
        (inside / "objects" / "info" / "alternates").write_text(f"{borrowed / 'objects'}\n")
    if shallow:
        (inside / "shallow").write_text("".join(f"{commit}\n" for commit in shallow))
    with pack.open("rb") as stream:
        git.run("index-pack", "--stdin", "--fix-thin", stdin=stream)
    git.run("update-ref", f"refs/heads/{checkout.branch}", checkout.commit)
    git.run("update-ref", "refs/pressplay/base", checkout.commit)
    git.run("symbolic-ref", "HEAD", f"refs/heads/{checkout.branch}")
    git.run("read-tree", checkout.commit)
    git.run("checkout-index", "--all", "--force")
    git.run("update-index", "-q", "--refresh")
    return files_of(git, checkout.commit)


def tip_of(repository: Path) -> str | None:
    """The commit of a bare repository's HEAD, read without git; None where there is none.

    Its settings are somebody else's, and two files say what is asked.
    """
    try:
        told = (repository / "HEAD").read_text().strip()
        if not told.startswith("ref: "):
            return told if _ID.fullmatch(told) else None
        name = told.removeprefix("ref: ")
        if name.startswith("refs/heads/") and ".." not in name and (loose := repository / name).is_file():
            found = loose.read_text().strip()
            return found if _ID.fullmatch(found) else None
        lines = (repository / "packed-refs").read_text().splitlines()
    except (OSError, UnicodeDecodeError):
        return None
    return next((line.split(" ")[0] for line in lines if line.endswith(f" {name}") and _ID.match(line)), None)


def files_of(git: Git, commit: str) -> dict[str, BaseFile]:
    """The files of a commit's tree by path; submodules are left out."""
    found: dict[str, BaseFile] = {}
    for line in git.run("ls-tree", "-r", "-z", "-l", "--full-tree", commit).split(b"\0"):
        if not line:
            continue
        facts, _, path = line.partition(b"\t")
        mode, kind, blob, size = facts.decode("ascii").split()
        if kind == "blob":
            found[path.decode("utf-8", "surrogateescape")] = BaseFile(mode, blob, int(size))
    return found


def apply_changeset(folder: Path, changes: Changeset) -> None:
    """Lay saved work over the working tree; no link in it is followed.

    Raises:
        NotBeneath: a path leads out of the folder.
        ValueError: a content is no base64.
    """
    tree = Beneath(folder)
    for path in changes.deleted:
        tree.remove(path)
    for file in changes.files:
        _make_way(tree, file.path)
        if file.mode == "120000":
            tree.link(file.path, file.data().decode("utf-8", "surrogateescape"))
        else:
            tree.write(file.path, file.data(), executable=file.mode == "100755")


def _make_way(tree: Beneath, path: str) -> None:
    """Remove a link that lies where a file, or a folder on the way to it, is to be."""
    parts = path.split("/")
    for length in range(1, len(parts) + 1):
        place = "/".join(parts[:length])
        try:
            found = tree.status(place)
        except FileNotFoundError:
            return
        if stat.S_ISLNK(found.st_mode):
            tree.remove(place)
            return


def blob_id(data: bytes, form: str = "sha1") -> str:
    """The object id that git gives to a file of this content."""
    digest = hashlib.new(form, usedforsecurity=False)
    digest.update(b"blob %d\0" % len(data))
    digest.update(data)
    return digest.hexdigest()
