"""What a run hands over becomes a tree, or is refused by name: with real git."""

from __future__ import annotations

import base64
import subprocess
from pathlib import Path

import pytest

from pressplay.protocol.changeset import ChangedFile, Changeset
from pressplay.protocol.quarantine import CommitRequest
from pressplay.workspace.changes import Unacceptable
from pressplay.workspace.mirror import Mirror

PEOPLE = {f"GIT_{who}_{what}": "x@localhost" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}


@pytest.fixture
def mirror(tmp_path: Path) -> Mirror:
    made = Mirror(tmp_path, 7)
    made.prepare()
    return made


@pytest.fixture
def base(mirror: Mirror) -> str:
    blob = mirror.git.text("hash-object", "-w", "--stdin", stdin=b"one\n")
    tree = mirror.git.text("mktree", stdin=f"100644 blob {blob}\tREADME\n".encode())
    commit = mirror.git.with_variables(**PEOPLE).text("commit-tree", tree, "-m", "first")
    mirror.git.run("update-ref", "refs/heads/main", commit)
    return commit


def changed(path: str, content: bytes = b"x", mode: str = "100644") -> ChangedFile:
    return ChangedFile.model_validate({"path": path, "mode": mode, "content": base64.b64encode(content).decode()})


def test_a_changeset_becomes_a_tree_with_its_difference(mirror: Mirror, base: str) -> None:
    changes = Changeset(base=base, files=(changed("src/new.py", b"print(1)\n"), changed("README", b"one\ntwo\n")))
    tree = mirror.tree(changes)
    told = {change.path: change for change in tree.changes}
    assert told["README"].added == ("two",)
    assert told["src/new.py"].old_mode == "000000"


@pytest.mark.parametrize(
    ("path", "rule"),
    [
        (".git/hooks/post-checkout", "path-git"), (".GIT/config", "path-git"), ("a/GIT~1/config", "path-git"),
        (".g\u200cit/config", "path-invisible"), ("../out", "path-shape"), ("/etc/passwd", "path-shape"),
        ("a//b", "path-shape"), ("a\\b", "path-shape"), ("a\nb", "path-control"), ("readme", "path-alias"),
        ("README/below", "path-below-file"),
    ],
)  # fmt: skip
def test_a_hostile_path_is_refused_by_name(mirror: Mirror, base: str, path: str, rule: str) -> None:
    with pytest.raises(Unacceptable) as refused:
        mirror.tree(Changeset(base=base, files=(changed(path),)))
    assert rule in [violation.rule for violation in refused.value.violations]


@pytest.mark.parametrize("target", [b"/etc/passwd", b"../../secret", b".git/config", b"a/../../x"])
def test_a_link_that_leads_out_is_refused(mirror: Mirror, base: str, target: bytes) -> None:
    with pytest.raises(Unacceptable) as refused:
        mirror.tree(Changeset(base=base, files=(changed("link", target, "120000"),)))
    assert [violation.rule for violation in refused.value.violations] == ["link-escapes"]


def test_an_export_holds_what_the_commit_reaches_and_nothing_else(mirror: Mirror, base: str, tmp_path: Path) -> None:
    secret = mirror.git.text("hash-object", "-w", "--stdin", stdin=b"of another branch\n")
    pack, shallow = mirror.export(base, 50)
    assert shallow == ()
    target = tmp_path / "clone.git"
    subprocess.run(["git", "init", "--quiet", "--bare", str(target)], check=True)
    with pack.open("rb") as stream:
        subprocess.run(["git", "index-pack", "--stdin"], cwd=target, stdin=stream, check=True, capture_output=True)
    listed = subprocess.run(
        ["git", "cat-file", "--batch-all-objects", "--batch-check"],
        cwd=target,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert base in listed
    assert secret not in listed
    assert len(listed.splitlines()) == 3


def test_the_same_request_makes_the_same_commit(mirror: Mirror, base: str) -> None:
    tree = mirror.tree(Changeset(base=base, files=(changed("a"),)))
    wanted = CommitRequest(
        tree=tree.tree, parent=base, message="m", author_name="a", author_email="a@b", time=1_700_000_000
    )
    assert mirror.commit(wanted) == mirror.commit(wanted)
