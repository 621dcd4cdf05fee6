"""What a run hands over becomes a tree, or is refused by name: with real git."""

from __future__ import annotations

import base64
import subprocess
from pathlib import Path

import pytest

from pressplay.policy.tests import weakened
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
    assert (told["README"].added, told["README"].added_at) == (("two",), (2,))
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
    found = objects_in(pack, tmp_path / "clone.git")
    assert base in found
    assert secret not in found
    assert len(found) == 3


def test_the_same_request_makes_the_same_commit(mirror: Mirror, base: str) -> None:
    tree = mirror.tree(Changeset(base=base, files=(changed("a"),)))
    wanted = CommitRequest(
        tree=tree.tree, parent=base, message="m", author_name="a", author_email="a@b", time=1_700_000_000
    )
    assert mirror.commit(wanted) == mirror.commit(wanted)


def objects_in(pack: Path, folder: Path) -> set[str]:
    """The objects of a pack, by a git that knows nothing else."""
    subprocess.run(["git", "init", "--quiet", "--bare", str(folder)], check=True)
    with pack.open("rb") as stream:
        subprocess.run(["git", "index-pack", "--stdin"], cwd=folder, stdin=stream, check=True, capture_output=True)
    words = ["git", "cat-file", "--batch-all-objects", "--batch-check"]
    shown = subprocess.run(words, cwd=folder, check=True, capture_output=True, text=True).stdout
    return {line.split()[0] for line in shown.splitlines()}


def test_an_export_for_who_has_a_commit_already_holds_only_the_rest(mirror: Mirror, base: str, tmp_path: Path) -> None:
    tree = mirror.tree(Changeset(base=base, files=(changed("new.py", b"print(1)\n"),)))
    later = mirror.ours.with_variables(**PEOPLE).text("commit-tree", tree.tree, "-p", base, "-m", "second")
    pack, shallow = mirror.export(later, 50, base)
    assert shallow == ()
    new = mirror.ours.text("rev-parse", f"{later}:new.py")
    assert objects_in(pack, tmp_path / "rest.git") == {later, tree.tree, new}
    nothing, _ = mirror.export(base, 50, base)
    assert objects_in(nothing, tmp_path / "nothing.git") == set()
    # A commit that nobody here knows is no reason to give less.
    whole, _ = mirror.export(later, 50, "0" * 40)
    assert base in objects_in(whole, tmp_path / "whole.git")


def test_lines_that_go_unseen_are_counted_and_a_test_that_loses_them_is_named(mirror: Mirror, base: str) -> None:
    padding = "".join(f"x = {number}\n" for number in range(2_000))
    test = f"{padding}assert add(1, 2) == 3\n".encode()
    blob = mirror.git.text("hash-object", "-w", "--stdin", stdin=test)
    folder = mirror.git.text("mktree", stdin=f"100644 blob {blob}\ttest_sums.py\n".encode())
    tree = mirror.git.text("mktree", stdin=f"040000 tree {folder}\ttests\n".encode())
    parent = mirror.git.with_variables(**PEOPLE).text("commit-tree", tree, "-p", base, "-m", "second")
    mirror.git.run("update-ref", "refs/heads/main", parent)
    made = mirror.tree(Changeset(base=parent, files=(changed("tests/test_sums.py", b"assert True\n"),)))
    (change,) = made.changes
    assert (len(change.removed), change.unseen) == (2_000, 1)
    assert "1 lines more than are looked at" in " ".join(each.message for each in weakened(change))
