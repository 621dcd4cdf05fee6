"""What the doctor finds, with small programs and a small server in the place of real ones."""

from __future__ import annotations

import http.server
import os
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from localkube import doctor
from localkube.build.programs import Need
from localkube.doctor import Finding
from localkube.engine import Engine
from localkube.errors import LocalKubeError
from localkube.machine import GIB, Machine

MACHINE = Machine("Linux", "x86_64", 2, 8 * GIB, cgroup_version=1, controllers=frozenset(), namespaces=frozenset())
NEED = Need("tool", "builds things", "sudo apt-get install tool", (1, 25), ("version",))


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("localkube.engine.packages.SEARCHED", str(tmp_path))
    return tmp_path


def script(path: Path, body: str) -> None:
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)


def test_a_program_that_is_there_and_new_enough_is_ok(folder: Path) -> None:
    script(folder / "tool", "echo go version go1.26.8 linux/amd64")
    assert doctor.look_for_program(NEED, optional=False) == Finding("tool", "ok", f"1.26.8 ({folder}/tool)")


def test_versions_are_compared_as_numbers(folder: Path) -> None:
    script(folder / "tool", "echo version 1.9")
    found = doctor.look_for_program(NEED, optional=False)
    assert found.state == "missing"
    assert "1.9 is too old, at least 1.25" in found.detail


def test_a_missing_program_is_named_with_what_installs_it(folder: Path) -> None:
    found = doctor.look_for_program(NEED, optional=False)
    assert (found.state, found.command) == ("missing", "sudo apt-get install tool")


def test_where_images_can_be_pulled_a_missing_program_is_a_warning(folder: Path) -> None:
    assert doctor.look_for_program(NEED, optional=True).state == "warning"


def test_what_only_some_machines_need_is_a_warning(folder: Path) -> None:
    assert doctor.look_for_program(replace(NEED, when="rarely"), optional=False).state == "warning"


@pytest.mark.parametrize(("user", "state"), [(0, "warning"), (1000, "missing")])
def test_what_up_installs_itself_is_not_missing(
    folder: Path, monkeypatch: pytest.MonkeyPatch, user: int, state: str
) -> None:
    script(folder / "apt-get", "exit 0")
    monkeypatch.setattr(os, "geteuid", lambda: user)
    found = doctor.look_for_program(replace(NEED, package="tool"), optional=False)
    assert found.state == state
    assert ("`pressplay cluster up` installs it" in found.detail) is (user == 0)


def test_a_program_that_does_not_tell_its_version_is_taken(folder: Path) -> None:
    script(folder / "tool", "exit 3")
    assert doctor.look_for_program(NEED, optional=False).state == "ok"


def test_an_engine_that_denies_us_is_missing_with_its_remedy() -> None:
    def find() -> Engine | None:
        raise LocalKubeError("you may not", "join the group")

    engine, found = doctor.look_for_engine(find)
    assert engine is None
    assert found == Finding("engine", "missing", "you may not", "join the group")


def test_an_engine_that_answers_is_told_with_its_version(folder: Path) -> None:
    script(folder / "docker", "echo 20.10.24")
    answering = Engine("docker", str(folder / "docker"), "unix:///x", ours=True)
    assert doctor.look_for_engine(lambda: answering) == (
        answering,
        Finding("engine", "ok", "docker 20.10.24 at unix:///x, started by us"),
    )


def test_without_an_engine_debian_is_told_that_up_installs_one(folder: Path) -> None:
    assert doctor.look_for_engine(lambda: None)[1].state == "missing"
    script(folder / "apt-get", "exit 0")
    assert doctor.look_for_engine(lambda: None)[1].state == "warning"


class Registry(http.server.BaseHTTPRequestHandler):
    status = 401

    def do_GET(self) -> None:
        self.send_response(self.status)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def registry(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with http.server.HTTPServer(("127.0.0.1", 0), Registry) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/v2/"
        server.shutdown()
        thread.join()


@pytest.mark.parametrize(("status", "answers"), [(200, True), (401, True), (403, False), (502, False)])
def test_a_registry_answers_when_it_serves_or_asks_who_we_are(
    registry: str, status: int, answers: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Registry, "status", status)
    assert doctor.registry_answers(registry) is answers


def test_a_registry_that_is_not_there_does_not_answer() -> None:
    assert not doctor.registry_answers("http://127.0.0.1:9/v2/", seconds=2)


def test_what_the_machine_lacks_is_missing_and_advice_is_a_warning() -> None:
    found = doctor.judge_machine(replace(MACHINE, memory=GIB), None)
    assert {finding.name: finding.state for finding in found}["memory"] == "missing"
    assert "machine" not in {finding.name for finding in found}
    beside = Engine("docker", "docker", "tcp://192.0.2.1:2375")
    advised = doctor.judge_machine(replace(MACHINE, inotify_instances=8), beside)
    assert {finding.name: finding.state for finding in advised} == {"inotify": "warning", "machine": "ok"}


def test_the_text_has_a_line_for_each_and_commands_where_something_is_to_be_done() -> None:
    told = doctor.as_text([Finding("a", "ok", "fine", "unused"), Finding("b", "missing", "gone", "get b")])
    assert told.splitlines() == ["ok       a: fine", "MISSING  b: gone", "         → get b"]


def test_findings_are_plain_data_for_json() -> None:
    assert Finding("a", "ok", "fine").as_json() == {"name": "a", "state": "ok", "detail": "fine", "command": ""}
