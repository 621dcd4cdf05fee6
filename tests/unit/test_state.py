"""What is written down of clusters, and asking before something is changed."""

from __future__ import annotations

from pathlib import Path

import pytest

from localkube import state
from localkube.consent import Consent, given_beforehand
from localkube.errors import LocalKubeError
from localkube.state import ClusterRecord


@pytest.fixture(autouse=True)
def state_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    return tmp_path


def test_a_record_is_found_as_it_was_saved() -> None:
    record = ClusterRecord(
        "one", "kind", "built", without=("argo",), ui_port=2746, node_image="image", engine="docker",
        context="kind-one", complete=True,
    )  # fmt: skip
    record.save()
    assert state.find("one") == record
    assert state.names() == ["one"]


def test_a_forgotten_cluster_leaves_no_file(state_home: Path) -> None:
    record = ClusterRecord("one", "kind", "built")
    record.save()
    record.forget()
    assert state.find("one") is None
    assert not [path for path in state_home.rglob("*") if path.is_file()]


def test_an_unknown_name_is_answered_with_those_that_there_are() -> None:
    ClusterRecord("one", "kind", "built").save()
    with pytest.raises(LocalKubeError) as refused:
        state.require("two")
    assert "there: one" in refused.value.message
    assert "--name two" in refused.value.remedy


@pytest.mark.parametrize("name", ["", "Upper", "-a", "a-", "a/b", "..", "a" * 41, "ü"])
def test_a_name_that_is_no_dns_label_is_refused(name: str) -> None:
    with pytest.raises(LocalKubeError, match="cannot name a cluster"):
        state.check_name(name)


def test_a_cluster_is_changed_by_one_process_at_a_time() -> None:
    with (
        state.exclusive("one"),
        pytest.raises(LocalKubeError, match="another process is working on cluster 'one'"),
        state.exclusive("one"),
    ):
        pass


def test_a_yes_beforehand_goes_on_and_still_says_what_is_changed() -> None:
    said: list[str] = []
    Consent(given=True, ask=None, say=said.append).require(["install the Debian package docker.io"])
    assert "  - install the Debian package docker.io" in said


def test_without_anybody_to_ask_nothing_is_changed() -> None:
    with pytest.raises(LocalKubeError) as refused:
        Consent(given=False, ask=None, say=lambda _: None).require(["x"])
    assert "--yes" in refused.value.remedy


def test_a_no_is_taken_as_a_no() -> None:
    with pytest.raises(LocalKubeError, match="nothing was changed"):
        Consent(given=False, ask=lambda _: False, say=lambda _: None).require(["x"])


def test_nothing_to_change_needs_no_question() -> None:
    Consent(given=False, ask=None, say=lambda _: None).require([])


@pytest.mark.parametrize(
    ("flag", "environment", "given"),
    [
        (True, {}, True),
        (False, {"YES": "1"}, True),
        (False, {"CI": "true"}, True),
        (False, {"CI": "false", "YES": "0"}, False),
        (False, {}, False),
    ],
)
def test_yes_is_said_by_flag_or_environment(flag: bool, environment: dict[str, str], given: bool) -> None:
    assert given_beforehand(flag, environment) is given
