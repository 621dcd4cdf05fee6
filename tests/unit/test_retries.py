"""Which nodes of a failed Workflow begin anew, and the selector by which Argo finds them. All of it pure."""

from __future__ import annotations

from typing import Any

from pressplay.kube.retries import ALL_OF_OURS, Node, Wish, read_wish, restartable, selector_of

OURS = {"parameters": [{"name": "operation", "value": "run"}]}


def node(name: str, type_: str, phase: str, *children: str, **more: Any) -> dict[str, Any]:
    return {
        "id": f"id-{name}", "name": f"w.{name}" if name else "w", "displayName": name.rpartition(".")[2], "type": type_,
        "phase": phase, "startedAt": "2030-01-01T12:00:00Z", "children": [f"id-{child}" for child in children], **more,
    }  # fmt: skip


def tried(name: str, phase: str, *after: str) -> list[dict[str, Any]]:
    """A run as Argo keeps it: its tries, and the node around them. What follows hangs on the last try."""
    return [
        node(name, "Retry", phase, f"{name}(0)", inputs=OURS),
        node(f"{name}(0)", "Suspend", phase, *after, inputs=OURS),
    ]


def found(*nodes: dict[str, Any]) -> list[Node]:
    return restartable({each["id"]: each for each in nodes})


def failed(nodes: list[Node]) -> list[Node]:
    return [each for each in nodes if each.broken and not each.overcome]


def test_the_tries_of_a_step_are_one_and_begin_anew_together() -> None:
    [run] = found(node("", "DAG", "Failed", "qa"), *tried("qa", "Failed"))
    assert (run.id, run.step, run.name) == ("id-qa", "qa", "qa")
    assert selector_of([run], [run]) == "id=id-qa"


def test_groups_and_exit_handlers_do_not_begin_anew_by_themselves() -> None:
    report = node("onExit", "Suspend", "Succeeded", inputs=OURS)
    assert [each.name for each in found(node("", "DAG", "Failed"), *tried("qa", "Failed"), report)] == ["qa"]


def test_several_that_failed_are_found_by_what_only_they_have() -> None:
    every = found(*tried("clippy", "Succeeded"), *tried("qa", "Failed"), *tried("docs", "Failed"))
    assert selector_of(failed(every), every) == ALL_OF_OURS


def test_several_are_not_begun_anew_where_argo_would_find_more() -> None:
    """What failed and was got over would begin anew with them, and all that came of it."""
    every = found(*tried("qa", "Failed", "fix"), *tried("fix", "Succeeded", "one", "two"),
                  *tried("one", "Failed"), *tried("two", "Failed"))  # fmt: skip
    assert [each.name for each in failed(every)] == ["one", "two"]
    assert selector_of(failed(every), every) is None
    assert selector_of([every[0]], every) == f"id={every[0].id}"


def test_a_step_of_somebody_s_own_is_found_alone_and_never_by_our_operations() -> None:
    every = found(*tried("qa", "Failed"), node("ask", "Suspend", "Failed"))
    assert selector_of(failed(every), every) is None


def test_pods_that_failed_begin_anew_without_being_selected() -> None:
    every = found(node("build", "Pod", "Failed"), *tried("qa", "Failed"))
    assert selector_of([each for each in every if each.name == "build"], every) == ""
    assert selector_of(every, every) == "id=id-qa"


def test_a_wish_is_read_as_it_was_written() -> None:
    for wish in (Wish("2030-01-01T12:00:00Z", "id=w-1"), Wish("2030-01-01T12:00:00Z", "")):
        assert read_wish(str(wish)) == wish
