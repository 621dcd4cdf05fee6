"""What the API server refuses of a run, by its definition alone, and what it says then."""

from __future__ import annotations

from typing import Any

import pytest

from pressplay.kube.access import Access, Refused, objects

API = "agents.platform/v1"
RUN = {"repository": "acme/sums", "task": "add"}


def create(access: Access, spec: dict[str, Any], kind: str = "CodeRun") -> dict[str, Any]:
    body = {"apiVersion": API, "kind": kind, "metadata": {"name": "one"}, "spec": spec}
    # As kubectl does: a field that is not known is refused.
    return access.create(objects(API, f"{kind.lower()}s", access.namespace), body, fieldValidation="Strict")


def begun(access: Access) -> None:
    """As the operator would write it."""
    status = {"phase": "Running", "startTime": "2026-01-01T00:00:00Z", "attempts": 1}
    access.patch(f"{objects(API, 'coderuns', access.namespace, 'one')}/status", {"status": status})


def change(access: Access, spec: dict[str, Any]) -> dict[str, Any]:
    return access.patch(objects(API, "coderuns", access.namespace, "one"), {"spec": spec})


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ({"task": "add"}, "spec.repository: Required value"),
        ({"repository": "sums", "task": "add"}, "spec.repository in body should match"),
        ({"repository": "acme/sums"}, "say the task in exactly one way: task, issue or pullRequest"),
        ({**RUN, "issue": 1}, "say the task in exactly one way"),
        ({**RUN, "issue": 1, "pullRequest": 2}, "say the task in exactly one way"),
        ({**RUN, "pullRequest": 2, "head": "main"}, "spec.head"),
        ({**RUN, "task": ""}, "spec.task"),
        ({"repository": "acme/sums", "issue": 0}, "spec.issue"),
        ({**RUN, "persona": "rex", "githubApp": "qa"}, "githubApp is another name for persona"),
        ({**RUN, "persona": "Not A Name"}, "spec.persona"),
        ({**RUN, "branch": "-rf"}, "spec.branch"),
        ({**RUN, "workingDirectory": "../outside"}, "spec.workingDirectory"),
        ({**RUN, "workingDirectory": "/etc"}, "spec.workingDirectory"),
        ({**RUN, "budget": {"dollars": "1,50"}}, "spec.budget.dollars"),
        ({**RUN, "budget": {"steps": 0}}, "spec.budget.steps"),
        ({**RUN, "budget": {"seconds": 1}}, "spec.budget.seconds"),
        ({**RUN, "attempts": 11}, "spec.attempts"),
        ({**RUN, "env": [{"name": "A-B", "value": "x"}]}, "spec.env[0].name"),
        ({**RUN, "workbench": {"image": "x y"}}, "spec.workbench.image"),
        ({**RUN, "workbench": {"resources": {"memory": "much"}}}, "spec.workbench.resources.memory"),
        ({**RUN, "ttlSecondsAfterFinished": -1}, "spec.ttlSecondsAfterFinished"),
        ({**RUN, "repo": "acme/sums"}, 'unknown field "spec.repo"'),
        ({**RUN, "suspend": "yes"}, "spec.suspend"),
    ],
)
def test_a_wrong_run_is_refused_with_the_field_and_what_is_wrong(
    access: Access, spec: dict[str, Any], words: str
) -> None:
    with pytest.raises(Refused) as refused:
        create(access, spec)
    assert words in str(refused.value)


def test_a_minimal_run_is_taken(access: Access) -> None:
    made = create(access, RUN)
    assert "status" not in made


@pytest.mark.parametrize("field", ["task", "repository", "model", "persona", "base", "branch", "budget", "attempts"])
def test_what_was_begun_does_not_change(access: Access, field: str) -> None:
    values: dict[str, Any] = {"repository": "acme/other", "budget": {"steps": 9}, "attempts": 5}
    create(access, RUN)
    begun(access)
    with pytest.raises(Refused) as refused:
        change(access, {field: values.get(field, "another")})
    assert f"spec.{field} cannot change once the run has begun" in str(refused.value)


def test_before_it_has_begun_everything_may_be_mended(access: Access) -> None:
    create(access, RUN)
    assert change(access, {"task": "subtract", "model": "another"})["spec"]["task"] == "subtract"


def test_a_run_that_has_begun_can_be_held_let_go_on_and_cancelled(access: Access) -> None:
    create(access, RUN)
    begun(access)
    for told in ({"suspend": True}, {"suspend": False}, {"cancel": True}):
        assert change(access, told)["spec"].items() >= told.items()


def test_documents_need_no_task_and_refuse_one(access: Access) -> None:
    with pytest.raises(Refused) as refused:
        create(access, RUN, "DocsRun")
    assert 'unknown field "spec.task"' in str(refused.value)
    assert create(access, {"repository": "acme/sums"}, "DocsRun")["kind"] == "DocsRun"
