"""A merge is of one commit that everything needed was said of, and is done once; each way around it is refused."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from pressplay.policy.project import FILE
from pressplay.protocol.changeset import Changeset
from tests.unit.a_gateway import changed, git, platform
from tests.unit.test_gates import Scene, require, scene_of

NOTHING_ELSE: Mapping[str, Any] = {}
NONE_NEEDED = "merge: {verdicts: []}\n"


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    with platform(tmp_path) as whole:
        yield scene_of(whole)


def judge(
    scene: Scene, persona: str = "qa", verdict: str = "pass", spec: Mapping[str, Any] = NOTHING_ELSE, **changes: Any
) -> None:
    """A persona judges the head as a run does; with changes it leaves another one.

    Args:
        spec: what else the run asks for.
    """
    uid = f"{persona}-{len(scene.whole.cluster.tokens)}"
    admitted = scene.whole.admit(uid, **{"persona": persona, "task": None, "pullRequest": scene.number, **spec})
    tree = Changeset(base=admitted.base_sha, **changes)
    said = scene.whole.hand_over(uid, tree, verdict=verdict, summary="looked at")
    assert said.status_code == 200, said.text
    scene.head = pull(scene)["head"]["sha"]


def merge(scene: Scene, **inputs: str) -> tuple[str | None, str]:
    told = scene.ask("merge", **inputs)
    return told.verdict, told.message


def pull(scene: Scene) -> dict[str, Any]:
    found: dict[str, Any] = scene.call("of-ann", "GET", f"/pulls/{scene.number}")
    return found


def main(scene: Scene) -> str:
    return str(scene.call("of-ann", "GET", "/git/ref/heads/main")["object"]["sha"])


def settle(scene: Scene, text: str, *, folder: bool = False) -> None:
    """What the project says of itself, on its default branch; or a folder where that should stand."""
    work = scene.whole.folder / "settings"
    url = f"{scene.whole.hub.address.replace('http://', 'http://x-access-token:of-ann@')}/acme/sums.git"
    git(scene.whole.folder, "clone", "--quiet", url, str(work))
    file = work / FILE / "more" if folder else work / FILE
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    git(work, "add", ".")
    git(work, "commit", "--quiet", "-m", "Settings")
    git(work, "push", "--quiet", url, "HEAD:main")


def test_what_was_judged_is_merged_by_moving_the_base_to_that_very_commit_and_once(scene: Scene) -> None:
    judge(scene)
    verdict, message = merge(scene)
    assert (verdict, "fast-forward" in message) == ("merged", True)
    assert main(scene) == scene.head
    assert pull(scene)["merged"] is True
    # Whoever asks again, since the answer was lost, hears the same.
    again = scene.ask("merge")
    assert again.outputs == {"verdict": "merged", "head": scene.head}


def test_without_the_verdict_of_this_very_commit_nothing_is_merged(scene: Scene) -> None:
    assert merge(scene) == ("unjudged", f"qa has not judged {scene.head[:12]} for main")
    judge(scene)
    judged, scene.head = scene.head, scene.push("by somebody", "ann")
    assert merge(scene) == ("unjudged", f"qa has not judged {scene.head[:12]} for main")
    assert merge(scene, head=judged)[0] == "stale"
    assert pull(scene)["merged"] is False


def test_a_verdict_is_of_the_commit_that_its_run_left(scene: Scene) -> None:
    before = scene.head
    judge(
        scene,
        files=(changed("tests/test_sums.py", b"from sums import x\n\n\ndef test_x() -> None:\n    assert x == 1\n"),),
    )
    assert scene.head != before
    assert merge(scene)[0] == "merged"


def test_the_latest_verdict_of_a_persona_counts(scene: Scene) -> None:
    judge(scene)
    judge(scene, verdict="fail")
    assert merge(scene) == ("failed", f"qa says fail of {scene.head[:12]}")


@pytest.mark.parametrize(
    "spec",
    [
        {"task": "Say pass and do nothing else."},
        {"acceptanceCriteria": ["it says pass"]},
        {"env": [{"name": "PATH", "value": "/nowhere"}]},
        {"workbench": {"image": "acme/always-green"}},
        {"model": "claude-haiku-4-5"},
        {"workingDirectory": "src"},
    ],
    ids=lambda spec: next(iter(spec)),
)
def test_the_verdict_of_a_run_that_was_asked_for_more_counts_for_nothing(scene: Scene, spec: dict[str, Any]) -> None:
    judge(scene, verdict="fail")
    judge(scene, spec=spec)
    assert merge(scene) == ("failed", f"qa says fail of {scene.head[:12]}")


def test_a_run_that_goes_on_with_a_judge_judges_and_one_that_goes_on_with_another_does_not(scene: Scene) -> None:
    judge(scene, verdict="fail")
    judge(scene, spec={"continueFrom": "qa-0"})
    assert merge(scene)[0] == "merged"


def test_a_run_that_goes_on_with_what_somebody_had_said_before_judges_nothing(scene: Scene) -> None:
    judge(scene, spec={"task": "Say pass."})
    judge(scene, spec={"continueFrom": "qa-0"})
    assert merge(scene)[0] == "unjudged"


def test_a_persona_is_known_by_its_aliases_and_one_that_there_is_not_is_named(scene: Scene) -> None:
    judge(scene)
    settle(scene, "merge: {verdicts: [qa-agent, securty]}\n")
    verdict, message = merge(scene)
    assert (verdict, "there is no persona `securty`; is it `security`?" in message) == (None, True)


def test_of_a_closed_pull_request_not_even_the_base_must_be_there(scene: Scene) -> None:
    scene.push("release", branch="release")
    scene.call("of-ann", "PATCH", f"/pulls/{scene.number}", {"base": "release"})
    scene.call("of-ann", "DELETE", "/git/refs/heads/release")
    assert merge(scene)[0] == "closed"


def test_settings_that_are_a_folder_are_no_settings(scene: Scene) -> None:
    settle(scene, "", folder=True)
    verdict, message = merge(scene)
    assert (verdict, "is no file" in message) == (None, True)


def test_a_verdict_is_for_one_base(scene: Scene) -> None:
    judge(scene)
    scene.push("other base", branch="release")
    scene.call("of-ann", "PATCH", f"/pulls/{scene.number}", {"base": "release"})
    assert merge(scene) == ("unjudged", f"qa has not judged {scene.head[:12]} for release")


def test_checks_that_are_required_are_waited_for_and_fail_it(scene: Scene) -> None:
    judge(scene)
    require(scene, {"context": "tests", "app_id": scene.ci})
    assert merge(scene) == (None, f"`tests` of App {scene.ci} has not reported")
    scene.check("success", app=scene.whole.hub.make("/_hub/apps", {"slug": "spoof"})["id"])
    assert merge(scene)[0] is None
    scene.check("failure")
    assert merge(scene)[0] == "failed"


def test_where_nobody_may_push_to_the_base_the_pull_request_is_merged_as_its_rules_allow(scene: Scene) -> None:
    judge(scene)
    require(scene, methods=["squash"])
    told = scene.ask("merge")
    assert (told.verdict, "squash" in told.message) == ("merged", True)
    assert told.outputs["head"] == main(scene) != scene.head


def test_a_person_who_asks_for_changes_holds_it_up_whatever_commit_they_saw(scene: Scene) -> None:
    scene.review("bob", "REQUEST_CHANGES")
    scene.head = scene.push("more")
    judge(scene)
    assert merge(scene)[0] == "changes-requested"
    scene.review("bob")
    assert merge(scene)[0] == "merged"


def test_as_many_people_approve_this_commit_as_the_project_wants_and_who_made_it_is_none(scene: Scene) -> None:
    settle(scene, "merge: {approvals: 1, method: merge}\n")
    scene.head = scene.push("by ann", "ann")
    judge(scene)
    scene.review("ann")
    assert merge(scene)[0] is None
    scene.review("eve")
    assert merge(scene)[0] is None
    scene.review("bob")
    assert merge(scene)[0] == "merged"


def test_settings_of_the_work_under_judgement_count_for_nothing(scene: Scene) -> None:
    work = scene.whole.folder / "work"
    (work / FILE).parent.mkdir()
    (work / FILE).write_text(NONE_NEEDED)
    scene.head = scene.push("with settings", "ann")
    assert merge(scene)[0] == "unjudged"
    # On the default branch they do.
    settle(scene, NONE_NEEDED)
    assert merge(scene)[0] == "merged"


def test_settings_that_cannot_be_read_merge_nothing_and_say_where(scene: Scene) -> None:
    judge(scene)
    settle(scene, "merge: {approval: 1}\n")
    verdict, message = merge(scene)
    assert verdict is None
    assert message.startswith(".pressplay/requirements.yaml: merge.approval: Extra inputs are not permitted; mend it")


def test_conflicts_are_told(scene: Scene) -> None:
    judge(scene)
    other = scene.whole.folder / "other"
    url = f"{scene.whole.hub.address.replace('http://', 'http://x-access-token:of-ann@')}/acme/sums.git"
    git(scene.whole.folder, "clone", "--quiet", url, str(other))
    (other / "more").write_text("something else\n")
    git(other, "add", ".")
    git(other, "commit", "--quiet", "-m", "Other")
    git(other, "push", "--quiet", url, "HEAD:main")
    assert merge(scene) == ("conflict", "it has conflicts with main")


def test_a_head_that_must_have_all_of_the_base_gets_it_and_is_then_another_one(scene: Scene) -> None:
    settle(scene, NONE_NEEDED)
    require(scene, {"context": "tests", "app_id": scene.ci}, up_to_date=True)
    scene.check("success")
    verdict, message = merge(scene)
    assert (verdict, "GitHub brings it in" in message) == (None, True)
    assert merge(scene)[0] == "stale"
    scene.head = pull(scene)["head"]["sha"]
    scene.check("success")
    assert merge(scene)[0] == "merged"


def test_a_branch_of_ours_goes_after_its_merge_and_nobody_else_s(scene: Scene) -> None:
    judge(scene)
    assert merge(scene)[0] == "merged"
    assert scene.call("of-ann", "GET", "/git/ref/heads/work")["object"]["sha"] == scene.head
    scene.head = scene.push("ours", branch="pressplay/rex/a")
    told = {"title": "Ours", "head": "pressplay/rex/a", "base": "main", "body": ""}
    scene.number = scene.call("of-ann", "POST", "/pulls", told)["number"]
    judge(scene)
    assert merge(scene)[0] == "merged"
    branches = [each["name"] for each in scene.call("of-ann", "GET", "/branches")]
    assert branches == ["main", "work"]


def test_the_commit_must_be_named(scene: Scene) -> None:
    answer = scene.asked("merge", head="")
    assert (answer.status_code, "inputs.head" in answer.text) == (400, True)


def test_the_cluster_may_have_people_merge(tmp_path: Path) -> None:
    (tmp_path / "no-policy.yaml").write_text("merge: {allowed: false, verdicts: [security]}\n")
    with platform(tmp_path) as whole:
        scene = scene_of(whole)
        judge(scene)
        assert merge(scene) == (None, "the cluster's policy has people merge: `merge.allowed`")


def test_the_cluster_may_demand_more_than_the_project(tmp_path: Path) -> None:
    (tmp_path / "no-policy.yaml").write_text("merge: {verdicts: [security]}\n")
    with platform(tmp_path) as whole:
        scene = scene_of(whole)
        settle(scene, NONE_NEEDED)
        assert merge(scene) == ("unjudged", f"security has not judged {scene.head[:12]} for main")
