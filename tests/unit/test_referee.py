"""The referee: what is asked of it, what it does with its real program, and what the workspace begins with after it."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from pressplay.policy.clippy import named_lines
from pressplay.policy.formatters import DEFAULTS
from pressplay.protocol.changeset import ChangedFile, Changeset
from pressplay.protocol.run import Brief, Fixer, Limits, Report
from pressplay.resources.reasons import Reason
from pressplay.runner import changes
from pressplay.runner.gateway import Gateway
from pressplay.runner.prepare import prepare, read_manifest
from pressplay.runner.referee import seal
from pressplay.runner.stops import Stop
from tests.unit.a_run import Kept, Origin, brief, gateway, git, origin, referee

SUMS = "def add(a, b):\n    return a - b\n"
MENDED = SUMS.replace("-", "+")
MENDS = Fixer(name="mends", marks={"sums.py": "return"}, commands=(("sed", "-i", "s/a - b/a + b/", "sums.py"),))
FINDS = Fixer(name="finds", commands=(("sh", "-c", "grep -n add sums.py | sed s/^/sums.py:/; exit 1"),))
# What it finds stands one line lower after the one that follows.
MOVES = Fixer(name="moves", commands=(("sh", "-c", "grep -q first sums.py || sed -i '1i # first' sums.py"),))
ELSEWHERE = Fixer(name="elsewhere", marks={"go.mod": "", "sums.py": "package"}, commands=(("false",),))
ABSENT = Fixer(name="absent", commands=(("no-such-program", "--fix"),))
COUNTS = Fixer(name="counts", commands=(("sh", "-c", "echo round >>.git/rounds"),))


class Run:
    """One run; `attempt` takes one in a pod of its own, as far as the agent would begin."""

    def __init__(self, kept: Kept, client: Gateway, folder: Path) -> None:
        self.kept = kept
        self.said: list[str] = []
        self._client = client
        self._folder = folder
        self._pods = 0

    @property
    def pod(self) -> Path:
        """The folders of the latest pod."""
        return self._folder / str(self._pods)

    def begin(self, *fixers: Fixer, **more: object) -> Brief:
        """Init container, referee and the runner's first steps; answers what the runner knows then."""
        self._pods += 1
        for name in ("work", "own", "referee/work", "referee/exchange", "home"):
            (self.pod / name).mkdir(parents=True)
        self.kept.brief = self.kept.brief.model_copy(update={"fixers": fixers, **more})
        prepare(self._client, self.pod / "work", self.pod / "own", beside=self.pod / "referee")
        referee(self.pod / "referee", self.pod / "home")
        return self.seal()

    def seal(self) -> Brief:
        """What the runner does first."""
        told = self._client.brief()
        own, work = self.pod / "own", self.pod / "work"
        base = read_manifest(own)
        return asyncio.run(seal(told, self._client, self.pod / "referee", work, own, base, self.said.append))

    def changed(self) -> dict[str, bytes]:
        """What the gateway was given of the fixers' doing."""
        assert self.kept.reference is not None
        return {file.path: file.data() for file in self.kept.reference.changes.files}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Origin:
    folder = tmp_path_factory.mktemp("origin")
    (folder / "sums.py").write_text(SUMS)
    (folder / ".gitignore").write_text("ignored\n")
    (folder / "app").mkdir()
    (folder / "app" / "main.py").write_text("x = 1\n")
    return origin(folder)


@pytest.fixture
def run(tmp_path: Path, made: Origin) -> Iterator[Run]:
    kept = Kept(brief(made.commit, Limits(tool_seconds=20)), made.pack)
    with gateway(kept, tmp_path) as client:
        yield Run(kept, client, tmp_path)


def test_what_fixers_make_is_kept_and_the_workspace_begins_with_it(run: Run) -> None:
    told = run.begin(MENDS, ELSEWHERE)
    assert run.changed() == {"sums.py": MENDED.encode()}
    assert told.fixed == (Report(fixer="mends", command="sed -i 's/a - b/a + b/' sums.py", code=0, output=""),)
    assert (run.pod / "work/sums.py").read_text() == MENDED
    assert git(run.pod / "work", "status", "--porcelain").strip() == "M sums.py"


def test_what_is_left_is_told_by_the_lines_of_the_tree_as_the_fixers_leave_it(run: Run) -> None:
    told = run.begin(FINDS, MOVES)
    assert told.fixed is not None
    assert {each.fixer: (each.code, each.output) for each in told.fixed} == {
        "finds": (1, "sums.py:2:def add(a, b):"), "moves": (0, ""),
    }  # fmt: skip
    assert run.changed()["sums.py"].startswith(b"# first\ndef")


@pytest.mark.parametrize(("fixers", "rounds"), [((COUNTS,), 1), ((COUNTS, FINDS), 2)])
def test_a_second_round_is_run_only_where_the_first_one_left_something(
    run: Run, fixers: tuple[Fixer, ...], rounds: int
) -> None:
    run.begin(*fixers)
    assert (run.pod / "referee/work/.git/rounds").read_text().count("round") == rounds


def test_a_program_that_is_not_there_is_told_as_such(run: Run) -> None:
    told = run.begin(ABSENT)
    assert told.fixed is not None
    assert [(each.fixer, each.ran) for each in told.fixed] == [("absent", False)]


def test_a_command_that_does_not_end_is_ended_and_the_next_one_runs(run: Run) -> None:
    endless = Fixer(name="endless", commands=(("sleep", "300"),))
    run.kept.brief = run.kept.brief.model_copy(update={"limits": Limits(tool_seconds=1)})
    told = run.begin(endless, MENDS)
    assert told.fixed is not None
    assert [each.code for each in told.fixed] == [124, 0]
    assert run.changed() == {"sums.py": MENDED.encode()}


def test_fixers_run_in_the_run_s_directory_and_what_they_made_is_looked_for_everywhere(run: Run) -> None:
    below = Fixer(name="below", marks={"main.py": ""}, commands=(("true",),))
    run.begin(below, directory="app")
    asked = sorted((run.pod / "referee/exchange/in").iterdir())
    assert [(each / "folder").read_text() for each in asked] == ["/workspace/app"] * 2 + ["/workspace"] * 2


def test_where_no_fixer_is_the_project_s_the_base_itself_is_kept(run: Run) -> None:
    assert run.begin(ELSEWHERE).fixed == ()
    assert run.changed() == {}


def test_who_has_no_fixers_has_nothing_sealed(run: Run) -> None:
    assert run.begin().fixed is None
    assert run.kept.reference is None
    assert list((run.pod / "referee").rglob("*.py")) == []


def test_what_was_left_behind_in_the_referee_s_tree_does_not_come_into_the_workspace(run: Run) -> None:
    hook = "mkdir -p .git/hooks; echo evil >.git/hooks/pre-commit; git config core.fsmonitor evil; echo x >ignored"
    run.begin(Fixer(name="hostile", commands=(("sh", "-c", hook),)))
    assert not (run.pod / "work/.git/hooks/pre-commit").exists()
    assert "evil" not in (run.pod / "work/.git/config").read_text()
    assert not (run.pod / "work/ignored").exists()
    assert run.changed() == {}


def test_a_referee_that_ended_itself_is_taken_for_one_that_left_something(run: Run) -> None:
    # The shell that executes requests is the parent of the one that runs them.
    told = run.begin(Fixer(name="kills", commands=(("sh", "-c", "kill -s TERM $(ps -o ppid= -p $PPID)"),)), MENDS)
    assert told.fixed is not None
    assert {each.code for each in told.fixed} == {137}


def test_what_ruff_leaves_is_named_by_the_lines_of_the_tree_as_ruff_leaves_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "origin").mkdir()
    (tmp_path / "origin" / "ruff.toml").write_text("")
    (tmp_path / "origin" / "f.py").write_text("import os\ndef f(a):\n  unused=a\n  return  a\n")
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}:{os.environ['PATH']}")
    there = origin(tmp_path / "origin")
    kept = Kept(brief(there.commit, Limits(tool_seconds=20)), there.pack)
    with gateway(kept, tmp_path) as client:
        told = Run(kept, client, tmp_path).begin(*DEFAULTS["python"])
    assert kept.reference is not None
    (file,) = kept.reference.changes.files
    assert file.data() == b"def f(a):\n    unused = a\n    return a\n"
    assert told.fixed is not None
    assert {each.fixer for each in told.fixed} == {"ruff"}
    assert named_lines(told.fixed, "", "/workspace") == {"f.py": [range(2, 3)]}


def test_another_attempt_asks_no_referee_and_begins_with_the_saved_work(run: Run) -> None:
    first = run.begin(MENDS)
    work = ChangedFile.model_validate({"path": "sums.py", "mode": "100644", "content": "eCA9IDEK"})
    run.kept.work = Changeset(base=first.checkout.commit, files=(work,))
    second = run.begin(MENDS)
    assert list((run.pod / "referee/exchange/in").iterdir()) == []
    assert second.fixed == first.fixed
    assert (run.pod / "work/sums.py").read_text() == "x = 1\n"


def test_an_attempt_that_ended_before_any_work_begins_with_what_the_fixers_made(run: Run) -> None:
    run.begin(MENDS)
    run.begin(MENDS)
    assert (run.pod / "work/sums.py").read_text() == MENDED


def test_a_runner_that_is_started_again_in_its_pod_leaves_the_agent_s_files_alone(run: Run) -> None:
    run.begin(MENDS)
    (run.pod / "work/sums.py").write_text("x = 2\n")
    (run.pod / "referee/work/sums.py").write_text("x = 3\n")
    run.seal()
    assert (run.pod / "work/sums.py").read_text() == "x = 2\n"
    assert run.changed() == {"sums.py": MENDED.encode()}


def test_more_than_can_be_handed_over_ends_the_run_with_a_remedy(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(changes, "MOST_FILES", 1)
    many = Fixer(name="many", commands=(("sh", "-c", "echo 1 >a; echo 2 >b"),))
    with pytest.raises(Stop, match="have a person format it once") as stopped:
        run.begin(many)
    assert stopped.value.reason is Reason.OUTPUT_REFUSED
