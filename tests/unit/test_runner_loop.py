"""The agent's loop, whole: a scripted model, the real tools and workbench, and the gateway's wire on a real port."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from pressplay.llm.messages import Message, Tool
from pressplay.llm.scripted import Script, ScriptedModel
from pressplay.protocol.run import Accepted, Limits, Refusal, Report
from pressplay.resources.exits import RunnerExit
from pressplay.resources.reasons import Reason
from pressplay.runner.changes import Changes
from pressplay.runner.exchange import Exchange
from pressplay.runner.fixers import worked
from pressplay.runner.gateway import Gateway
from pressplay.runner.loop import MOST_NUDGES, MOST_REFUSALS, MOST_REPEATS, Loop
from pressplay.runner.prepare import prepare, read_manifest
from pressplay.runner.stops import Stop
from pressplay.runner.tools import Toolbox
from tests.unit.a_run import PULL_REQUEST, Kept, Origin, brief, gateway, origin, workbench

Turn = dict[str, Any]
SUMS = "def add(a, b):\n    return a - b\n"
MENDED = "def add(a, b):\n    return a + b\n"
EDIT = {"tool": "edit", "arguments": {"path": "sums.py", "old": "a - b", "new": "a + b"}}
FINISH = {"tool": "finish", "arguments": {"title": "Add adds", "body": "It subtracted.", "summary": "Mended."}}


def turn(*calls: dict[str, Any], **more: Any) -> Turn:
    return {"calls": calls, **more}


def shell(command: str, **more: Any) -> dict[str, Any]:
    return {"tool": "shell", "arguments": {"command": command, **more}}


class Attempt:
    """One run; each `play` is another attempt of it."""

    def __init__(self, kept: Kept, client: Gateway, exchange: Exchange, work: Path, folder: Path) -> None:
        self.kept = kept
        self.said: list[str] = []
        self.offered: tuple[Tool, ...] = ()
        self.work = work
        self._client = client
        self._exchange = exchange
        self._folder = folder

    def play(
        self, *turns: Turn, limits: Limits | None = None, attempt: int = 1, judges: bool = False,
        comments: bool = False, fixed: tuple[Report, ...] | None = None, formatting: bool = False,
        clock: Callable[[], float] = time.monotonic,
    ) -> Accepted:  # fmt: skip
        told = brief(self.kept.brief.checkout.commit, limits, attempt).model_copy(
            update={"judges": judges, "comments": comments, "fixed": fixed, "formatting": formatting}
        )
        model = ScriptedModel(Script.model_validate({"turns": turns}))

        async def run() -> Accepted:
            await self._exchange.ready()
            tools = Toolbox(
                self.work, "", self._exchange, told.tools, told.limits.tool_seconds, told.limits.output_bytes,
                judges=judges, comments=comments,
            )  # fmt: skip
            self.offered = tools.offered()
            base = read_manifest(self._folder)
            changes = Changes(self.work, told.checkout.commit, base, self._exchange)
            loop = Loop(told, model, tools, changes, self._client, self.said.append, clock)
            return await worked(loop)

        return asyncio.run(asyncio.wait_for(run(), 60))

    def stops(self, *turns: Turn, **more: Any) -> Stop:
        with pytest.raises(Stop) as stopped:
            self.play(*turns, **more)
        return stopped.value

    @property
    def conversation(self) -> list[Message]:
        """As the gateway has kept it."""
        return [Message.model_validate(entry.body) for entry in self.kept.entries]

    def answers(self) -> list[tuple[str, bool]]:
        """What the agent was told by its tools, and whether it was an error."""
        return [(told.text, told.is_error) for message in self.conversation for told in message.tool_results]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Origin:
    folder = tmp_path_factory.mktemp("origin")
    (folder / "sums.py").write_text(SUMS)
    return origin(folder)


@pytest.fixture
def run(tmp_path: Path, made: Origin) -> Iterator[Attempt]:
    for name in ("work", "exchange", "home", "own"):
        (tmp_path / name).mkdir()
    kept = Kept(brief(made.commit), made.pack)
    work, exchange = tmp_path / "work", tmp_path / "exchange"
    with gateway(kept, tmp_path) as client, workbench(work, exchange, tmp_path / "home") as bench:
        prepare(client, work, tmp_path / "own")
        yield Attempt(kept, client, bench, work, tmp_path / "own")


def changed(kept: Kept) -> dict[str, bytes]:
    return {file.path: file.data() for file in kept.outputs[-1].changes.files}


def test_an_agent_reads_edits_runs_and_finishes(run: Attempt) -> None:
    accepted = run.play(
        turn({"tool": "read", "arguments": {"path": "sums.py"}}),
        turn(EDIT, expect={"contains": ["2\t    return a - b"], "errors": 0}),
        turn(shell("cat sums.py >seen.txt; grep -c '+' sums.py"), expect={"contains": ["sums.py is changed"]}),
        turn(FINISH, expect={"contains": ["1\n[exit code 0]"], "errors": 0}),
    )
    assert accepted == PULL_REQUEST
    (output,) = run.kept.outputs
    assert (output.title, output.body, output.summary) == ("Add adds", "It subtracted.", "Mended.")
    assert changed(run.kept) == {"sums.py": MENDED.encode(), "seen.txt": MENDED.encode()}
    assert output.changes.base == run.kept.brief.checkout.commit


def test_every_turn_and_the_work_are_kept_and_the_log_tells_them(run: Attempt) -> None:
    run.play(turn(EDIT, text="It subtracts."), turn(FINISH))
    assert [message.role for message in run.conversation] == ["user", "assistant", "user", "assistant", "user"]
    assert run.conversation[0].text == "Mend add."
    assert run.conversation[-1].tool_results[0].text == "pull request http://hub/acme/sums/pull/7"
    assert run.kept.work == run.kept.outputs[0].changes
    assert any("step 1: It subtracts." in line for line in run.said)
    assert "  edit sums.py" in run.said


def test_a_long_output_is_cut_in_the_middle_and_the_model_is_told(run: Attempt) -> None:
    run.play(
        turn(shell("echo first; seq 1 20000; echo last")),
        turn(FINISH, expect={"matches": ["^first$", r"^\[\.\.\. [0-9,]+ bytes are left out \.\.\.\]$", "^last$"],
                             "lacks": ["\n10000\n"]}),
        limits=Limits(output_bytes=1000),
    )  # fmt: skip
    assert len(run.answers()[0][0]) < 1100


def test_a_command_that_never_ends_is_ended_at_the_run_s_limit_and_the_agent_goes_on(run: Attempt) -> None:
    run.play(
        turn(shell("sleep 300 & echo begun; while :; do sleep 300; done", seconds=500)),
        turn(shell("echo well"), expect={"contains": ["begun", "[ended after 1 s: the time was over]"]}),
        turn(FINISH, expect={"contains": ["well\n[exit code 0]"]}),
        limits=Limits(tool_seconds=1),
    )


def test_wrong_edits_and_calls_are_answered_and_the_agent_mends_them(run: Attempt) -> None:
    run.play(
        turn(
            {"tool": "edit", "arguments": {"path": "sums.py", "old": "a * b", "new": "x"}},
            {"tool": "edit", "arguments": {"path": "sums.py", "old": "a", "new": "x"}},
            {"tool": "edit", "arguments": '{"path": "sums.py", "old": '},
            {"tool": "read", "arguments": {"path": "none.py"}},
        ),
        turn(EDIT),
        turn(FINISH),
    )
    wrong, right = run.answers()[:4], run.answers()[4]
    words = ("the old piece is not in the file", "the old piece is 3 times in the file", "the arguments are no JSON",
             "there is no such file")  # fmt: skip
    assert [error for _, error in wrong] == [True] * 4
    assert all(said.startswith(begin) for (said, _), begin in zip(wrong, words, strict=True))
    assert right == ("sums.py is changed", False)
    assert changed(run.kept) == {"sums.py": MENDED.encode()}


def test_an_agent_that_cannot_do_it_hands_nothing_over_and_its_reason_is_told(run: Attempt) -> None:
    cannot = {"tool": "finish", "arguments": {"title": "x", "body": "There is no add.", "outcome": "cannot"}}
    stop = run.stops(turn(EDIT), turn(cannot))
    assert (stop.code, stop.reason, str(stop)) == (RunnerExit.GAVE_UP, Reason.GAVE_UP, "There is no add.")
    assert run.kept.outputs == []


def test_when_the_steps_are_used_up_the_run_ends_with_its_work_kept(run: Attempt) -> None:
    stop = run.stops(turn(EDIT), turn(shell("true")), turn(FINISH), limits=Limits(steps=2))
    assert (stop.code, stop.reason) == (RunnerExit.BUDGET, Reason.STEPS_EXHAUSTED)
    assert "spec.budget.steps" in str(stop)
    assert run.kept.work is not None
    assert [file.data() for file in run.kept.work.files] == [MENDED.encode()]
    assert run.kept.outputs == []


def test_when_the_time_is_over_no_further_call_is_made(run: Attempt) -> None:
    times = iter([0.0, 1.0, 10.0])
    stop = run.stops(turn(shell("true")), turn(FINISH), limits=Limits(seconds=10), clock=lambda: next(times))
    assert (stop.code, stop.reason) == (RunnerExit.BUDGET, Reason.TIME_EXHAUSTED)
    assert run.kept.outputs == []


def test_another_attempt_goes_on_where_the_last_one_ended(run: Attempt) -> None:
    turns = (turn(EDIT), turn(shell("cat sums.py")), turn(FINISH, expect={"contains": ["a + b"]}))
    run.stops(*turns, limits=Limits(steps=1))
    assert run.play(*turns, attempt=2) == PULL_REQUEST
    assert [entry.attempt for entry in run.kept.entries] == [1, 1, 1, 2, 2, 2, 2]
    assert changed(run.kept) == {"sums.py": MENDED.encode()}


def test_an_attempt_that_was_cut_off_in_a_call_is_told_that_it_was_interrupted(run: Attempt) -> None:
    turns = (turn(EDIT), turn(FINISH, expect={"contains": ["interrupted before it ended"], "errors": 1}))
    run.stops(*turns, limits=Limits(steps=1))
    # As if the pod had gone before the result of the call was kept.
    del run.kept.entries[2:]
    assert run.play(*turns, attempt=2) == PULL_REQUEST


def refusal(reason: Reason = Reason.OUTPUT_REFUSED) -> Refusal:
    return Refusal(reason=reason, message="x.py has a key in line 3")


def test_a_refused_output_is_explained_and_can_be_mended(run: Attempt) -> None:
    run.kept.refusals = [refusal()]
    write = {"tool": "write", "arguments": {"path": "x.py", "content": "key = 'k'\n"}}
    accepted = run.play(
        turn(write, FINISH),
        turn(shell("rm x.py"), FINISH, expect={"contains": ["This is not taken: x.py has a key in line 3"]}),
    )
    assert accepted == PULL_REQUEST
    first, second = run.kept.outputs
    assert [file.path for file in first.changes.files] == ["x.py"]
    assert second.changes.empty


def test_an_output_that_stays_refused_ends_the_run_with_the_reason(run: Attempt) -> None:
    run.kept.refusals = [refusal()] * MOST_REFUSALS
    stop = run.stops(turn(*[FINISH] * MOST_REFUSALS))
    assert (stop.code, stop.reason) == (RunnerExit.OUTPUT_REFUSED, Reason.OUTPUT_REFUSED)
    assert str(stop) == "x.py has a key in line 3"


def test_what_no_agent_can_mend_ends_the_run_at_once(run: Attempt) -> None:
    run.kept.refusals = [refusal(Reason.PUSH_REJECTED)]
    assert run.stops(turn(FINISH)).reason is Reason.PUSH_REJECTED
    assert len(run.kept.outputs) == 1


def test_the_same_again_and_again_ends_the_run_with_evidence(run: Attempt) -> None:
    read = {"tool": "read", "arguments": {"path": "none.py"}}
    stop = run.stops(turn(*[read] * MOST_REPEATS))
    assert (stop.code, stop.reason) == (RunnerExit.NOT_CONVERGING, Reason.NOT_CONVERGING)
    assert str(stop) == f"`read none.py` gave the same result {MOST_REPEATS} times"


def test_an_agent_that_only_talks_is_asked_to_go_on_and_then_given_up(run: Attempt) -> None:
    stop = run.stops(*[{"text": "I think it is done."}] * (MOST_NUDGES + 1))
    assert (stop.code, stop.reason) == (RunnerExit.GAVE_UP, Reason.GAVE_UP)
    assert "I think it is done." in str(stop)
    asked = [message for message in run.conversation[1:] if message.role == "user"]
    assert [message.text for message in asked] == [
        "Go on with the tools. When the task is done, call finish."
    ] * MOST_NUDGES


@pytest.mark.parametrize(
    ("wrong", "code", "reason"),
    [
        ({"faults": [{"kind": "overloaded"}]}, RunnerExit.MODEL_UNAVAILABLE, Reason.MODEL_UNAVAILABLE),
        ({"faults": [{"kind": "unauthorized"}]}, RunnerExit.GATEWAY_UNAVAILABLE, Reason.GATEWAY_UNAVAILABLE),
        ({"stop": "context"}, RunnerExit.NOT_CONVERGING, Reason.NOT_CONVERGING),
        ({"stop": "refused"}, RunnerExit.GAVE_UP, Reason.GAVE_UP),
    ],
)
def test_a_model_that_does_not_answer_ends_the_attempt_by_its_kind(
    run: Attempt, wrong: Turn, code: RunnerExit, reason: Reason
) -> None:
    stop = run.stops(wrong)
    assert (stop.code, stop.reason) == (code, reason)


@pytest.mark.parametrize("judges", [True, False])
def test_a_verdict_is_handed_over_by_who_may_judge_and_asked_of_nobody_else(run: Attempt, judges: bool) -> None:
    run.play(turn({"tool": "finish", "arguments": {"title": "Fine", "body": "", "verdict": "pass"}}), judges=judges)
    assert run.kept.outputs[0].verdict == ("pass" if judges else None)
    (finish,) = [tool for tool in run.offered if tool.name == "finish"]
    assert ("verdict" in str(finish.parameters)) is judges


@pytest.mark.parametrize("comments", [True, False])
def test_a_comment_is_handed_over_by_who_may_comment_and_asked_of_nobody_else(run: Attempt, comments: bool) -> None:
    told = {"title": "Fine", "body": "", "comment": "Handle 0."}
    run.play(turn({"tool": "finish", "arguments": told}), comments=comments)
    assert run.kept.outputs[0].comment == ("Handle 0." if comments else "")
    (finish,) = [tool for tool in run.offered if tool.name == "finish"]
    assert ("comment" in str(finish.parameters)) is comments


# --- fixers first ---------------------------------------------------------------------------------------------------

IDLE = Report(fixer="idle", command="true", code=0, output="")
FINDS = Report(fixer="finds", command="lint .", code=1, output="sums.py:1: no docstring")
ABSENT = Report(fixer="absent", command="no-such-program --fix", code=127, output="sh: not found")


def test_where_fixers_leave_nothing_their_changes_are_handed_over_and_no_model_is_asked(run: Attempt) -> None:
    (run.work / "sums.py").write_text(MENDED)
    assert run.play(turn(FINISH), fixed=(IDLE,)) == PULL_REQUEST
    assert changed(run.kept) == {"sums.py": MENDED.encode()}
    assert run.kept.outputs[0].title == "Format with idle"
    assert run.kept.entries == []


def test_a_clean_tree_is_handed_over_unchanged_without_a_model(run: Attempt) -> None:
    run.play(turn(FINISH), fixed=(IDLE,))
    assert run.kept.outputs[0].changes.empty
    assert run.kept.entries == []


def test_what_fixers_leave_is_the_agent_s_task_with_their_words(run: Attempt) -> None:
    run.play(turn(FINISH), fixed=(IDLE, FINDS))
    task = run.conversation[0].text
    assert task.startswith("Mend add.")
    assert "The fixers ran already: idle, finds." in task
    assert "$ lint .\nsums.py:1: no docstring\n[exit code 1]" in task
    assert "and no others" not in task


def test_who_only_formats_is_told_so(run: Attempt) -> None:
    run.play(turn(FINISH), fixed=(FINDS,), formatting=True)
    assert "Change the lines that they name, and no others" in run.conversation[0].text


def test_where_a_fixer_is_not_there_nothing_is_called_clean(run: Attempt) -> None:
    run.play(turn(FINISH), fixed=(IDLE, ABSENT), formatting=True)
    assert "no-such-program --fix" in run.conversation[0].text
    assert "The fixers ran already: idle." in run.conversation[0].text


def test_where_no_fixer_is_the_project_s_the_agent_works_as_ever(run: Attempt) -> None:
    run.play(turn(FINISH), fixed=())
    assert run.conversation[0].text == "Mend add."


def test_where_no_fixer_is_the_project_s_who_only_formats_ends_with_a_remedy_and_no_model(run: Attempt) -> None:
    run.play(turn(FINISH), fixed=(), formatting=True)
    (output,) = run.kept.outputs
    assert output.changes.empty
    assert "name its commands under `format` in .pressplay/requirements.yaml" in output.summary
    assert run.kept.entries == []


def test_what_fixers_change_against_the_rules_the_agent_mends(run: Attempt) -> None:
    run.kept.refusals.append(Refusal(reason=Reason.OUTPUT_REFUSED, message=".github/a.yml is protected"))
    run.play(turn(shell("git checkout sums.py")), turn(FINISH), fixed=(IDLE,))
    assert "What they changed is not taken: .github/a.yml is protected" in run.conversation[0].text


def test_an_attempt_that_goes_on_is_told_of_them_no_second_time(run: Attempt) -> None:
    run.stops(turn(FINISH), fixed=(FINDS,), limits=Limits(steps=0))
    run.play(turn(FINISH), fixed=(FINDS,), attempt=2)
    assert [message.text for message in run.conversation if "The fixers ran" in message.text] == [
        run.conversation[0].text
    ]
