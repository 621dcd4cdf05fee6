"""What counts as changed in a workspace that somebody hostile may have written to, and how git prepares it."""

from __future__ import annotations

import asyncio
import ctypes
import hashlib
import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from pressplay.protocol.changeset import MOST_BYTES, MOST_FILES, Changeset
from pressplay.runner.changes import Changes, NotHandedOver
from pressplay.runner.exchange import Exchange
from pressplay.runner.gateway import Gateway
from pressplay.runner.prepare import prepare, read_manifest
from pressplay.workspace.beneath import Beneath
from tests.unit.a_run import Kept, Origin, brief, gateway, git, origin, workbench

# What git packs where nothing is missing.
EMPTY_PACK = b"PACK\0\0\0\2\0\0\0\0" + hashlib.sha1(b"PACK\0\0\0\2\0\0\0\0", usedforsecurity=False).digest()
BINARY = bytes(range(256)) * 8
SECRET = "not the repository's"


@dataclass
class Prepared:
    """A workspace as the init container leaves it."""

    work: Path
    exchange: Exchange
    kept: Kept
    client: Gateway
    folder: Path
    own: Path

    def again(self) -> None:
        """The init container, as in a new pod or after a restart of this one."""
        prepare(self.client, self.work, self.own)

    def moved(self) -> None:
        """Another pod: nothing is there yet."""
        self.work, self.own = self.folder / "another pod", self.folder / "another pod's own"
        self.work.mkdir()
        self.own.mkdir()

    def changes(self) -> Changes:
        commit = self.kept.brief.checkout.commit
        return Changes(self.work, commit, read_manifest(self.own), self.exchange)

    def collect(self, changes: Changes | None = None) -> Changeset:
        async def collected() -> Changeset:
            await self.exchange.ready()
            return await (changes or self.changes()).collect()

        return asyncio.run(asyncio.wait_for(collected(), 60))


def fill(folder: Path) -> None:
    """The repository that all tests begin with."""
    (folder / "src").mkdir()
    (folder / "src" / "sums.py").write_text("def add(a, b):\n    return a - b\n")
    (folder / "run.sh").write_text("#!/bin/sh\n")
    (folder / "run.sh").chmod(0o755)
    (folder / "logo.bin").write_bytes(BINARY)
    (folder / "ends.txt").write_bytes(b"one $Id$\ntwo\n")
    (folder / "link").symlink_to("src/sums.py")
    (folder / ".gitignore").write_text("build/\n*.log\n")
    (folder / "kept.log").write_text("is in the repository although it is ignored\n")
    # Read by git, these would change what is checked out and what is seen as changed.
    (folder / ".gitattributes").write_text("*.txt text eol=crlf ident\n")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Origin:
    folder = tmp_path_factory.mktemp("origin")
    fill(folder)
    # The bytes as they are, whatever the attributes say.
    (folder / ".git" / "info").mkdir(parents=True)
    (folder / ".git" / "info" / "attributes").write_text("* -text -eol -ident\n")
    return origin(folder)


@pytest.fixture
def prepared(tmp_path: Path, made: Origin) -> Iterator[Prepared]:
    for name in ("work", "exchange", "home", "own"):
        (tmp_path / name).mkdir()
    kept = Kept(brief(made.commit), made.pack)
    work, exchange = tmp_path / "work", tmp_path / "exchange"
    with gateway(kept, tmp_path) as client, workbench(work, exchange, tmp_path / "home") as bench:
        made_ready = Prepared(work, bench, kept, client, tmp_path, tmp_path / "own")
        made_ready.again()
        yield made_ready


def told(changes: Changeset) -> dict[str, tuple[str, bytes]]:
    return {file.path: (file.mode, file.data()) for file in changes.files}


def test_a_prepared_workspace_holds_the_commit_s_files_as_they_are_and_nothing_counts_as_changed(
    prepared: Prepared,
) -> None:
    assert prepared.collect().empty
    assert (prepared.work / "ends.txt").read_bytes() == b"one $Id$\ntwo\n"
    assert (prepared.work / "logo.bin").read_bytes() == BINARY
    assert os.access(prepared.work / "run.sh", os.X_OK)
    assert (prepared.work / "link").readlink() == Path("src/sums.py")
    assert git(prepared.work, "branch", "--show-current").strip() == "pressplay/add"
    assert git(prepared.work, "remote") == ""


def test_what_was_changed_added_and_deleted_is_told_file_by_file(prepared: Prepared) -> None:
    work = prepared.work
    (work / "src" / "sums.py").write_text("def add(a, b):\n    return a + b\n")
    (work / "new folder").mkdir()
    (work / "new folder" / "ünïcode \n name").write_bytes(b"")
    (work / "logo.bin").write_bytes(BINARY[::-1])
    (work / "run.sh").chmod(0o644)
    (work / "tool.sh").write_text("#!/bin/sh\n")
    (work / "tool.sh").chmod(0o755)
    (work / "link").unlink()
    (work / "link").symlink_to("run.sh")
    (work / "kept.log").unlink()
    changes = prepared.collect()
    assert told(changes) == {
        "src/sums.py": ("100644", b"def add(a, b):\n    return a + b\n"),
        "new folder/ünïcode \n name": ("100644", b""),
        "logo.bin": ("100644", BINARY[::-1]),
        "run.sh": ("100644", b"#!/bin/sh\n"),
        "tool.sh": ("100755", b"#!/bin/sh\n"),
        "link": ("120000", b"run.sh"),
    }
    assert changes.deleted == ("kept.log",)
    assert changes.base == prepared.kept.brief.checkout.commit


def test_what_the_agent_commits_or_stages_counts_as_well(prepared: Prepared) -> None:
    (prepared.work / "committed.py").write_text("1\n")
    (prepared.work / "run.sh").unlink()
    git(prepared.work, "add", "--all")
    git(prepared.work, "commit", "--quiet", "--message=mine")
    (prepared.work / "staged.py").write_text("2\n")
    git(prepared.work, "add", "staged.py")
    changes = prepared.collect()
    assert set(told(changes)) == {"committed.py", "staged.py"}
    assert changes.deleted == ("run.sh",)


def test_what_is_ignored_is_left_out_but_not_what_the_repository_has(prepared: Prepared) -> None:
    for name in ("build", "node_modules", "src/__pycache__"):
        (prepared.work / name).mkdir()
        (prepared.work / name / "made").write_text("by a program\n")
    (prepared.work / "debug.log").write_text("ignored\n")
    (prepared.work / "kept.log").write_text("changed\n")
    assert set(told(prepared.collect())) == {"kept.log"}


def test_a_later_look_sees_later_changes_and_what_was_put_back(prepared: Prepared) -> None:
    changes = prepared.changes()
    assert prepared.collect(changes).empty
    before = (prepared.work / "src" / "sums.py").read_text()
    found = (prepared.work / "src" / "sums.py").stat()
    (prepared.work / "src" / "sums.py").write_text(before.replace("-", "+"))
    # As some tools do: same size, and the time of the last change is set back.
    os.utime(prepared.work / "src" / "sums.py", ns=(found.st_atime_ns, found.st_mtime_ns))
    assert set(told(prepared.collect(changes))) == {"src/sums.py"}
    (prepared.work / "src" / "sums.py").write_text(before)
    assert prepared.collect(changes).empty


def outside(work: Path) -> Path:
    folder = work.parent / "outside"
    folder.mkdir()
    (folder / "sums.py").write_text(SECRET)
    return folder


def folder_becomes_a_link(work: Path) -> None:
    (work / "src" / "sums.py").unlink()
    (work / "src").rmdir()
    (work / "src").symlink_to(outside(work))


def file_becomes_a_pipe(work: Path) -> None:
    (work / "src" / "sums.py").unlink()
    os.mkfifo(work / "src" / "sums.py")


def file_becomes_a_folder(work: Path) -> None:
    (work / "src" / "sums.py").unlink()
    (work / "src" / "sums.py").mkdir()


@pytest.mark.parametrize("done", [folder_becomes_a_link, file_becomes_a_pipe, file_becomes_a_folder])
def test_what_is_no_file_any_more_is_deleted_and_nothing_behind_it_is_read(
    prepared: Prepared, done: Callable[[Path], None]
) -> None:
    done(prepared.work)
    changes = prepared.collect()
    assert changes.deleted == ("src/sums.py",)
    assert SECRET.encode() not in b"".join(data for _, data in told(changes).values())


def test_a_link_out_of_the_workspace_is_told_as_a_link(prepared: Prepared) -> None:
    target = outside(prepared.work) / "sums.py"
    (prepared.work / "leak").symlink_to(target)
    assert told(prepared.collect()) == {"leak": ("120000", os.fsencode(target))}


# Of linux/capability.h: version 3, and the two that let root read everything.
CAPABILITIES = 0x20080522
READS_ALL = 1 << 1 | 1 << 2


@contextmanager
def bound_by_permissions() -> Iterator[None]:
    """Have permissions hold for this thread, also where the tests are run by root."""
    head = (ctypes.c_uint32 * 2)(CAPABILITIES, 0)
    held = (ctypes.c_uint32 * 6)()
    system = ctypes.CDLL(None, use_errno=True)
    assert system.capget(head, held) == 0
    less = (ctypes.c_uint32 * 6)(*held)
    less[0] &= ~READS_ALL
    assert system.capset(head, less) == 0
    try:
        yield
    finally:
        assert system.capset(head, held) == 0


def test_a_file_that_the_runner_may_not_read_is_named_and_never_told_as_deleted(prepared: Prepared) -> None:
    (prepared.work / "run.sh").chmod(0)
    with bound_by_permissions(), pytest.raises(NotHandedOver, match=r"`run\.sh` cannot be read; give the group"):
        prepared.collect()


def test_a_folder_that_the_runner_may_not_look_into_is_no_folder_of_deleted_files(prepared: Prepared) -> None:
    (prepared.work / "src").chmod(0)
    with bound_by_permissions(), pytest.raises(NotHandedOver, match=r"`src/sums\.py` cannot be read"):
        prepared.collect()
    (prepared.work / "src").chmod(0o755)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root makes files of another user")
def test_what_a_program_made_for_its_own_user_alone_is_opened_and_handed_over(prepared: Prepared) -> None:
    (prepared.work / "src" / "sums.py").write_text("made anew, as by a temporary file that was renamed\n")
    (prepared.work / "src" / "sums.py").chmod(0o600)
    (prepared.work / "-n 'ew").mkdir()
    (prepared.work / "-n 'ew" / "it").write_text("new\n")
    for name in ("-n 'ew/it", "-n 'ew", "src/sums.py"):
        (prepared.work / name).chmod(0o700)
        os.chown(prepared.work / name, 10001, os.getegid())
    (prepared.work / "src" / "sums.py").chmod(0o600)
    with bound_by_permissions():
        changes = prepared.collect()
    assert changes.deleted == ()
    assert told(changes)["src/sums.py"] == ("100644", b"made anew, as by a temporary file that was renamed\n")
    assert told(changes)["-n 'ew/it"] == ("100755", b"new\n")


def test_a_tree_that_is_deeper_than_pythons_stack_is_walked(tmp_path: Path) -> None:
    place = os.open(tmp_path, os.O_RDONLY)
    for _ in range(1_200):
        os.mkdir("d", dir_fd=place)
        below = os.open("d", os.O_RDONLY, dir_fd=place)
        os.close(place)
        place = below
    os.close(os.open("file", os.O_CREAT, dir_fd=place))
    os.close(place)
    assert list(Beneath(tmp_path).walk()) == ["d/" * 1_200 + "file"]
    subprocess.run(["rm", "-r", str(tmp_path / "d")], check=True)


def hostile_git(work: Path) -> Path:
    """Have git in the workspace start a program wherever settings and hooks can; answers what the program leaves."""
    mark = work.parent / "ran"
    program = work.parent / "hostile.sh"
    program.write_text(f"#!/bin/sh\n: >'{mark}'\n")
    program.chmod(0o755)
    hooks = work / ".git" / "hooks"
    hooks.mkdir(exist_ok=True)
    for name in ("post-index-change", "pre-commit", "post-commit", "post-checkout", "reference-transaction"):
        (hooks / name).symlink_to(program)
    git(work, "config", "core.hooksPath", str(hooks))
    git(work, "config", "core.fsmonitor", str(program))
    git(work, "config", "core.pager", str(program))
    git(work, "config", "alias.ls-files", f"!{program}")
    mark.unlink(missing_ok=True)
    return mark


def test_hostile_settings_and_hooks_of_git_do_nothing(prepared: Prepared) -> None:
    mark = hostile_git(prepared.work)
    (prepared.work / "new.py").write_text("1\n")
    assert set(told(prepared.collect())) == {"new.py"}
    prepared.again()
    assert not mark.exists()
    # That they would do something if git were run as everybody runs it:
    git(prepared.work, "status")
    assert mark.exists()


def test_settings_that_point_elsewhere_bring_nothing_from_there(prepared: Prepared) -> None:
    git(prepared.work, "config", "core.worktree", str(outside(prepared.work)))
    (prepared.work / "src" / "sums.py").write_text("changed\n")
    changes = prepared.collect()
    assert told(changes)["src/sums.py"] == ("100644", b"changed\n")
    assert changes.deleted == ()
    assert SECRET.encode() not in b"".join(data for _, data in told(changes).values())


def test_where_git_is_broken_by_the_agent_its_work_is_not_lost(prepared: Prepared) -> None:
    (prepared.work / ".git" / "config").write_text("[broken\n")
    (prepared.work / "new.py").write_text("1\n")
    (prepared.work / "run.sh").unlink()
    changes = prepared.collect()
    assert told(changes) == {"new.py": ("100644", b"1\n")}
    assert changes.deleted == ("run.sh",)


def test_more_than_can_be_handed_over_is_refused_with_the_limit(prepared: Prepared) -> None:
    with (prepared.work / "huge").open("wb") as file:
        file.truncate(MOST_BYTES + 1)
    with pytest.raises(NotHandedOver, match=f"`huge` has {MOST_BYTES + 1:,} bytes"):
        prepared.collect()
    (prepared.work / "huge").unlink()
    (prepared.work / "many").mkdir()
    for number in range(MOST_FILES + 1):
        (prepared.work / "many" / str(number)).touch()
    with pytest.raises(NotHandedOver, match=f"at most {MOST_FILES:,} can be handed over"):
        prepared.collect()


def test_the_next_attempt_finds_the_work_of_the_last_one(prepared: Prepared) -> None:
    (prepared.work / "src" / "sums.py").write_text("half done\n")
    (prepared.work / "tool.sh").write_text("#!/bin/sh\n")
    (prepared.work / "tool.sh").chmod(0o755)
    (prepared.work / "link").unlink()
    (prepared.work / "run.sh").unlink()
    (prepared.work / "run.sh").symlink_to("tool.sh")
    saved = prepared.collect()
    prepared.kept.work = saved
    prepared.moved()
    prepared.again()
    assert prepared.collect() == saved
    assert (prepared.work / "src" / "sums.py").read_text() == "half done\n"
    assert not (prepared.work / "link").exists()


def test_saved_work_of_another_base_is_not_laid_over_this_one(prepared: Prepared) -> None:
    (prepared.work / "src" / "sums.py").write_text("half done\n")
    prepared.kept.work = prepared.collect().model_copy(update={"base": "0" * 40})
    prepared.moved()
    prepared.again()
    assert prepared.collect().empty


def test_a_restart_in_the_same_pod_keeps_what_is_there(prepared: Prepared) -> None:
    (prepared.work / "src" / "sums.py").write_text("half done\n")
    (prepared.work / "new.py").write_text("1\n")
    before = prepared.collect()
    prepared.again()
    assert prepared.collect() == before


def test_a_restart_runs_nothing_that_the_work_has_put_in_git_s_way(prepared: Prepared) -> None:
    """git beside the run's token must not obey settings that the workbench could write."""
    canary = prepared.folder / "canary"
    script = f"sh -c 'touch {canary}; cat'"
    for name in ("filter.evil.clean", "filter.evil.smudge", "filter.evil.process", "core.fsmonitor"):
        git(prepared.work, "config", name, script)
    git(prepared.work, "config", "filter.evil.required", "true")
    (prepared.work / ".git" / "info" / "attributes").write_text("* filter=evil\n")
    (prepared.work / "src" / "sums.py").write_text("half done\n")
    prepared.again()
    assert not canary.exists()
    assert (prepared.work / "src" / "sums.py").read_text() == "half done\n"


def test_a_preparation_that_was_cut_off_begins_anew(prepared: Prepared) -> None:
    prepared.moved()
    git(prepared.work, "init", "--quiet")
    (prepared.work / "half").write_text("checked out\n")
    (prepared.work / "out").symlink_to(prepared.folder / "home")
    prepared.again()
    assert not (prepared.work / "half").exists()
    assert (prepared.folder / "home").is_dir()
    assert prepared.collect().empty


@pytest.mark.parametrize("ignored", [False, True])
def test_a_file_whose_name_is_no_text_is_named_with_what_to_do(prepared: Prepared, ignored: bool) -> None:
    name = b"odd\xff.log" if ignored else b"odd\xff"
    Path(os.fsdecode(os.fsencode(prepared.work) + b"/" + name)).write_text("x")
    if ignored:
        assert prepared.collect().empty
        return
    with pytest.raises(NotHandedOver, match=r"`odd\\xff` is not UTF-8; rename it"):
        prepared.collect()


def test_a_path_that_is_too_long_to_be_handed_over_is_named(prepared: Prepared) -> None:
    folder = prepared.work
    for _ in range(6):
        folder = folder / ("long" * 50)
    folder.mkdir(parents=True)
    (folder / "x").write_text("x")
    with pytest.raises(NotHandedOver, match=r"has 1,207 characters; at most 1,024"):
        prepared.collect()


def test_what_a_mirror_holds_is_borrowed_and_only_the_rest_is_asked_for(prepared: Prepared) -> None:
    mirror = prepared.folder / "mirrors" / "acme" / "sums.git"
    git(prepared.folder, "clone", "--quiet", "--bare", str(prepared.work), str(mirror))
    git(mirror, "symbolic-ref", "HEAD", "refs/heads/pressplay/add")
    for folder in mirror.rglob("*"):
        folder.chmod(0o555 if folder.is_dir() else 0o444)
    prepared.kept.pack = EMPTY_PACK
    prepared.moved()
    prepare(prepared.client, prepared.work, prepared.own, prepared.folder / "mirrors")
    assert prepared.kept.asked[-1].endswith(f"?have={prepared.kept.brief.checkout.commit}")
    assert prepared.collect().empty
    assert git(prepared.work, "log", "--format=%s").strip() == "first"
    assert (prepared.work / "src" / "sums.py").is_file()


@pytest.mark.parametrize("head", ["ref: refs/heads/../../../etc/passwd", "ref: refs/heads/none", "nonsense", ""])
def test_a_mirror_that_says_nothing_of_use_is_left_alone(prepared: Prepared, head: str) -> None:
    mirror = prepared.folder / "mirrors" / "acme" / "sums.git"
    mirror.mkdir(parents=True)
    (mirror / "HEAD").write_text(f"{head}\n")
    prepared.moved()
    prepare(prepared.client, prepared.work, prepared.own, prepared.folder / "mirrors")
    assert "?" not in prepared.kept.asked[-1]
    assert not (prepared.work / ".git" / "objects" / "info" / "alternates").exists()
    assert prepared.collect().empty
