"""What the fixers made is kept before the agent, and who only formats hands over that or mends what linters named."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import delete, select

from pressplay.ledger import tables
from pressplay.ledger.retention import prune
from pressplay.protocol.changeset import ChangedFile, Changeset
from pressplay.protocol.control import Admission
from pressplay.protocol.run import Reference, Report, Sealed
from pressplay.resources.reasons import Reason
from tests.unit.a_gateway import Platform, changed, git, platform

MESSY = "import os\nx=1\ndef add(a, b):\n  return a\n"
TIDY = "import os\n\nx = 1\n\n\ndef add(a, b):\n    return a\n"
UNUSED = TIDY.removeprefix("import os\n\n")
LINTED = "F401 [*] `os` imported but unused\n --> sums.py:1:8\n  |\n"
FILES = {
    "sums.py": MESSY, "other.py": "y=1\n", "app/a.py": "z = 1\n", ".github/workflows/a.yaml": "on:   push\n",
}  # fmt: skip


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    with platform(tmp_path_factory.mktemp("platform")) as there:
        there.hub.repository("acme/messy", FILES)
        yield there


class Run:
    """A run of who only formats."""

    def __init__(self, made: Platform, uid: str, **spec: Any) -> None:
        self.uid, self._made = uid, made
        self.admission: Admission = made.admit(uid, "acme/messy", persona="clippy", **spec)

    def changes(self, *files: ChangedFile, deleted: tuple[str, ...] = ()) -> Changeset:
        return Changeset(base=self.admission.base_sha, files=files, deleted=deleted)

    def call(self, method: str, path: str, body: Any = None) -> Any:
        return self._made.call(method, path, f"token-{self.uid}", body)

    def seal(self, *files: ChangedFile, said: str = LINTED, deleted: tuple[str, ...] = ()) -> Sealed:
        reports = (Report(fixer="ruff", command="ruff check --fix .", code=1 if said else 0, output=said),)
        told = Reference(changes=self.changes(*files, deleted=deleted), reports=reports)
        answer = self.call("POST", "/run/reference", told.model_dump())
        assert answer.status_code == 200, answer.text
        return Sealed.model_validate_json(answer.content)

    def hand_over(self, *files: ChangedFile, deleted: tuple[str, ...] = ()) -> Any:
        return self._made.hand_over(self.uid, self.changes(*files, deleted=deleted))

    def refused(self, *files: ChangedFile, deleted: tuple[str, ...] = ()) -> str:
        answer = self.hand_over(*files, deleted=deleted)
        assert answer.status_code == 422, answer.text
        assert answer.json()["reason"] == Reason.OUTPUT_REFUSED
        return str(answer.json()["message"])

    def accepted(self, *files: ChangedFile) -> dict[str, Any]:
        answer = self.hand_over(*files)
        assert answer.status_code == 200, answer.text
        told: dict[str, Any] = answer.json()
        return told


def sums(text: str, **more: str) -> ChangedFile:
    return changed("sums.py", text.encode(), **more)


@pytest.fixture
def run(made: Platform, request: pytest.FixtureRequest) -> Run:
    return Run(made, request.node.name[:60])


def test_a_run_is_told_to_have_a_referee_where_its_persona_has_fixers(made: Platform, run: Run) -> None:
    assert run.admission.fixers
    assert not made.admit("by-rex", "acme/messy", persona="rex").fixers
    told = run.call("GET", "/run/brief").json()
    assert (bool(told["fixers"]), told["fixed"], told["formatting"]) == (True, None, True)
    run.seal(sums(TIDY))
    (report,) = run.call("GET", "/run/brief").json()["fixed"]
    assert (report["code"], report["output"]) == (1, LINTED)


def test_honest_formatting_comes_to_a_pull_request(made: Platform, run: Run) -> None:
    sealed = run.seal(sums(TIDY))
    told = run.accepted(sums(TIDY))
    assert told["outcome"] == "pull_request"
    folder = made.hub.state.git_folder(made.hub.state.repositories["acme/messy"])
    assert git(folder, "rev-parse", f"{told['head']}^{{tree}}").strip() == sealed.tree


def test_a_line_that_the_linter_named_may_be_mended(run: Run) -> None:
    run.seal(sums(TIDY))
    assert run.accepted(sums(UNUSED))["outcome"] == "pull_request"


def test_logic_that_is_changed_is_refused_by_file_and_line_and_the_agent_may_mend_it(run: Run) -> None:
    run.seal(sums(TIDY))
    told = run.refused(sums(UNUSED.replace("return a", "return a - b")))
    assert told.startswith("sums.py:7 is changed, and neither the formatter changes it nor does the linter name it")
    assert run.accepted(sums(UNUSED))["outcome"] == "pull_request"


def test_every_file_and_line_beyond_is_told_at_once(run: Run) -> None:
    run.seal(sums(TIDY))
    told = run.refused(
        sums(UNUSED.replace("return a", "return b")), changed("other.py", b"y = 2\n"), changed("app/a.py", b"z = 2\n")
    )
    assert all(place in told for place in ("sums.py:7 is", "other.py:1 is", "app/a.py:1 is"))


@pytest.mark.parametrize(
    ("file", "said"),
    [
        (sums(MESSY), "sums.py is not as the formatter leaves it; run it"),
        (sums(TIDY, mode="100755"), "sums.py is of another mode or a link (100644, now 100755)"),
        (sums("app/a.py", mode="120000"), "sums.py is of another mode or a link (100644, now 120000)"),
    ],
)
def test_a_tree_that_is_not_the_formatter_s_is_refused(made: Platform, file: ChangedFile, said: str) -> None:
    run = Run(made, f"other-{said[:30]}-{file.mode}".replace(" ", "-").replace("(", ""))
    run.seal(sums(TIDY), said="sums.py:1: all\n")
    assert said in run.refused(file)


def test_handing_over_nothing_where_the_formatter_changes_something_is_refused(run: Run) -> None:
    run.seal(sums(TIDY))
    assert "sums.py is not as the formatter leaves it; run it" in run.refused()


def test_a_clean_tree_is_nothing_to_change(run: Run) -> None:
    run.seal(said="")
    assert run.accepted()["outcome"] == "nothing_to_change"


def test_lines_are_named_from_the_directory_in_which_the_linter_ran(made: Platform) -> None:
    below, root = Run(made, "below", workingDirectory="app"), Run(made, "root")
    for run in (below, root):
        run.seal(said="a.py:1:1: E741 ambiguous\n")
    assert below.accepted(changed("app/a.py", b"zed = 1\n"))["outcome"] == "pull_request"
    assert "app/a.py:1 is changed" in root.refused(changed("app/a.py", b"zed = 1\n"))


def test_the_first_reference_stays_and_none_is_taken_once_the_agent_has_begun(made: Platform, run: Run) -> None:
    first = run.seal(sums(TIDY))
    assert run.seal(sums("evil = 1\n")) == first
    assert run.call("GET", "/run/work").json()["files"][0]["content"] == sums(TIDY).content
    late = Run(made, "late")
    entry = {"sequence": 0, "attempt": 1, "kind": "note", "body": {}}
    assert late.call("POST", "/run/transcript", {"entries": [entry]}).status_code == 204
    told = Reference(changes=late.changes(sums("evil = 1\n")))
    answer = late.call("POST", "/run/reference", told.model_dump())
    assert (answer.status_code, "the agent has begun" in answer.text) == (409, True)
    assert "nothing is kept of what the project's fixers make" in late.refused(sums(TIDY))


def test_of_another_commit_nothing_is_kept(run: Run) -> None:
    told = Reference(changes=Changeset(base="0" * 40))
    assert run.call("POST", "/run/reference", told.model_dump()).status_code == 422
    assert run.call("GET", "/run/work").status_code == 204


def test_what_the_persona_may_not_change_is_left_out_of_what_fixers_make(run: Run) -> None:
    workflow = changed(".github/workflows/a.yaml", b"on: push\n")
    sealed = run.seal(sums(TIDY), workflow, changed("new.log"), changed("..", b"x"), deleted=("other.py", "no.py"))
    assert sealed.left_out == ("..", ".github/workflows/a.yaml", "new.log", "no.py", "other.py")
    assert [file["path"] for file in run.call("GET", "/run/work").json()["files"]] == ["sums.py"]
    assert run.accepted(sums(TIDY))["outcome"] == "pull_request"


def test_what_fixers_say_is_kept_without_secrets(run: Run) -> None:
    token = "ghp_" + "a1B2" * 9
    run.seal(said=f"sums.py:1: {token}\n")
    assert token not in run.call("GET", "/run/brief").text


def test_objects_that_were_tidied_away_are_made_again(made: Platform, run: Run) -> None:
    sealed = run.seal(sums(TIDY))
    objects = made.mirrors / f"{run.admission.repository_id}.work" / "objects"
    (objects / sealed.tree[:2] / sealed.tree[2:]).unlink()
    assert "sums.py:7 is changed" in run.refused(sums(UNUSED.replace("return a", "return b")))


def test_who_formats_anything_they_like_is_not_held_to_it(made: Platform) -> None:
    made.admit("rex-alone", "acme/messy", persona="rex")
    row = made.gateway.ledger.run("rex-alone")
    assert row is not None
    changes = Changeset(base=row.admission.base_sha, files=(sums("x = 3\n"),))
    assert made.hand_over("rex-alone", changes).status_code == 200


def test_what_is_kept_is_forgotten_with_the_run_and_that_it_was_sealed_is_not(made: Platform, run: Run) -> None:
    run.seal(sums(TIDY))
    ledger = made.gateway.ledger
    with ledger.transaction() as connection:
        connection.execute(delete(tables.actions).where(tables.actions.c.action == "finished"))
    ledger.finish(run.uid, Reason.CANCELLED, None)
    assert prune(ledger, before=4e9) == 1
    with ledger.transaction() as connection:
        assert connection.execute(select(tables.references).where(tables.references.c.run == run.uid)).all() == []
    assert ("gateway", "reference-sealed") in ledger.actions(run.uid)
