"""git's output is bounded while it is read, and what is large is read in parts: with real git and real processes."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

from pressplay.protocol.changeset import MOST_BYTES, ChangedFile, Changeset
from pressplay.workspace import git as gits
from pressplay.workspace import objects
from pressplay.workspace.git import Git, GitFailed
from pressplay.workspace.mirror import Mirror
from pressplay.workspace.tidying import DAY, tidy
from tests.unit.test_workspace_changes import PEOPLE, changed

ENDLESS = "import sys\nwhile True: sys.stdout.write('x' * 65536)"


@pytest.fixture
def mirror(tmp_path: Path) -> Mirror:
    made = Mirror(tmp_path, 7)
    made.prepare()
    return made


def alias(program: str) -> tuple[str, ...]:
    """Words that have git start a program of ours in its own process group."""
    return ("-c", f'alias.canary=!exec {sys.executable} -c "{program}"', "canary")


def test_a_command_that_prints_without_end_is_stopped_while_it_does(
    mirror: Mirror, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gits, "MOST_OUTPUT", 10 * 1024 * 1024)
    with pytest.raises(GitFailed, match="printed more than 10,485,760 bytes"):
        mirror.git.run(*alias(ENDLESS), seconds=60)


def test_a_command_that_writes_a_file_without_end_is_stopped_while_it_does(
    mirror: Mirror, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gits, "MOST_WRITTEN", 10 * 1024 * 1024)
    with pytest.raises(GitFailed, match="printed more than 10,485,760 bytes"):
        mirror.git.write(tmp_path / "file", *alias(ENDLESS), seconds=60)
    assert (tmp_path / "file").stat().st_size < 11 * 1024 * 1024
    mirror.git.write(tmp_path / "file", "version")
    assert (tmp_path / "file").read_text().startswith("git version")


def test_what_a_command_has_started_ends_with_its_time(mirror: Mirror, tmp_path: Path) -> None:
    mark = tmp_path / "pid"
    program = f"import os, time; open('{mark}', 'w').write(str(os.getpid())); time.sleep(600)"
    with pytest.raises(GitFailed, match="no end after 2 s"):
        mirror.git.run(*alias(program), seconds=2)
    ends = time.monotonic() + 20
    while Path(f"/proc/{mark.read_text()}/cmdline").exists():
        if Path(f"/proc/{mark.read_text()}/cmdline").read_bytes() == b"":
            break
        assert time.monotonic() < ends, "waited 20 s until the program is gone"
        time.sleep(0.01)


def test_more_input_than_a_pipe_holds_meets_more_output_than_a_pipe_holds(mirror: Mirror) -> None:
    blob = mirror.git.text("hash-object", "-w", "--stdin", stdin=b"x" * 1000)
    told = mirror.git.run("cat-file", "--batch", stdin=f"{blob}\n".encode() * 20_000)
    assert told.count(b"x" * 1000) == 20_000


def test_input_that_a_command_does_not_want_is_no_fault_of_ours(mirror: Mirror) -> None:
    with pytest.raises(GitFailed, match=r"usage|unknown option"):
        mirror.git.run("cat-file", "--nonsense", stdin=b"x" * 10_000_000)


def commit_of(mirror: Mirror, blobs: dict[str, bytes]) -> str:
    lines = []
    for path, data in blobs.items():
        lines.append(f"100644 blob {mirror.git.text('hash-object', '-w', '--stdin', stdin=data)}\t{path}\n")
    tree = mirror.git.text("mktree", stdin="".join(lines).encode())
    commit = mirror.git.with_variables(**PEOPLE).text("commit-tree", tree, "-m", "first")
    mirror.git.run("update-ref", "refs/heads/main", commit)
    return commit


def test_a_file_of_the_base_that_is_too_large_to_be_read_can_be_deleted_and_replaced(mirror: Mirror) -> None:
    large = b"a line\n" * (MOST_BYTES // 7 + 1)
    base = commit_of(mirror, {"gone": large, "large": large, "small": b"one\n"})
    small = ChangedFile.model_validate({"path": "large", "mode": "100644", "content": "b25lCg=="})
    told = mirror.tree(Changeset(base=base, files=(small,), deleted=("gone", "small"))).changes
    assert [(each.path, each.status, each.size, each.binary) for each in told] == [
        ("gone", "D", 0, True), ("large", "M", 4, True), ("small", "D", 0, False),
    ]  # fmt: skip
    assert told[1].added == ("one",)
    assert told[2].removed == ("one",)


def test_contents_come_in_groups_that_fit_into_memory() -> None:
    known = {"a": 60, "b": 30, "c": 50, "d": 500}
    assert list(objects.groups([["a", "b"], ["c"], [], ["d"], ["a"]], known, 100)) == [[0], [1, 2], [3], [4]]
    assert list(objects.groups([], known, 100)) == []


def test_many_changed_files_take_few_processes(mirror: Mirror, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    base = commit_of(mirror, {f"f{number}": b"one\n" for number in range(300)})
    started: list[tuple[str, ...]] = []
    start = Git._start

    def counted(self: Git, words: tuple[str, ...], *more: object) -> subprocess.Popen[bytes]:
        started.append(words)
        return start(self, words, *more)  # type: ignore[arg-type]

    monkeypatch.setattr(Git, "_start", counted)
    files = tuple(changed(f"f{number}", b"two\n") for number in range(300))
    told = mirror.tree(Changeset(base=base, files=files)).changes
    assert {(each.added, each.removed) for each in told} == {(("two",), ("one",))}
    assert len(started) < 15, started


def test_nothing_is_left_open(mirror: Mirror) -> None:
    before = len(list(Path("/proc/self/fd").iterdir()))
    for _ in range(20):
        mirror.git.succeeds("rev-parse", "nothing")
        mirror.git.run("hash-object", "--stdin", stdin=b"x")
    assert len(list(Path("/proc/self/fd").iterdir())) <= before


def test_what_is_of_no_use_any_more_beside_a_mirror_goes_and_the_rest_stays(mirror: Mirror, tmp_path: Path) -> None:
    base = commit_of(mirror, {"a": b"one\n"})
    mirror.tree(Changeset(base=base, files=(changed("b"),)))
    pack, _ = mirror.export(base, 50)
    (tmp_path / "incoming" / "left").mkdir(parents=True)
    ours = list((tmp_path / "7.work" / "objects").glob("??/*"))
    assert ours
    now = time.time()
    assert tidy(tmp_path, now) == 0
    assert tidy(tmp_path, now + 4 * DAY) == 3
    assert not pack.exists()
    assert [path.exists() for path in ours] == [True] * len(ours)
    assert tidy(tmp_path, now + 31 * DAY) == len(ours)
    assert mirror.tree(Changeset(base=base, files=(changed("b"),))).changes
