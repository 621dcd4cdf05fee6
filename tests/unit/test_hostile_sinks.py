"""Wherever a text that somebody else wrote comes out, it is a text and nothing else: GitHub, terminals, Argo, names."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pressplay.cli.describe import ending, progress, why_now
from pressplay.cli.describe_workflow import STEPS_HEADER, heading, step_row, why_workflow
from pressplay.cli.show import one_line, shown, table
from pressplay.cli.workflows import steps
from pressplay.gateway.commands import shown as answers
from pressplay.github.text import rendered, title
from pressplay.kube.argo import SuspendedNode
from pressplay.ledger.commands import Answered
from pressplay.operator.flows import label_of
from pressplay.operator.nodes.contract import OUTPUTS, supplied
from pressplay.policy.triage import cleaned, evidence
from pressplay.resources import names
from tests.unit.acting import PIECES, acting

NOW = datetime(2030, 1, 1, 12, tzinfo=UTC)
LABEL = r"[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?"
# Hostile pieces in any order, with anything between them.
hostile = st.lists(st.one_of(st.sampled_from(PIECES), st.text(max_size=3)), max_size=12).map("".join)


def run(words: str, phase: str) -> dict[str, Any]:
    """A run whose every text was written by somebody else."""
    told = {"type": "Finished" if phase == "Failed" else "Admitted", "status": "False", "reason": "OutputRefused",
            "message": words, "lastTransitionTime": "2030-01-01T11:55:00Z"}  # fmt: skip
    status = {"phase": phase, "summary": words, "conditions": [told], "startTime": "2030-01-01T11:50:00Z"}
    meta = {"name": "run", "creationTimestamp": "2030-01-01T11:50:00Z"}
    return {"kind": "CodeRun", "metadata": meta, "spec": {"repository": "acme/sums"}, "status": status}


def workflow(words: str, phase: str) -> dict[str, Any]:
    """A Workflow likewise."""
    node = {
        "id": "n", "name": "w.n", "displayName": "n", "type": "Suspend", "phase": phase, "message": words,
        "startedAt": "2030-01-01T11:50:00Z", "inputs": {"parameters": [{"name": "operation", "value": "run"}]},
    }  # fmt: skip
    meta = {
        "name": "w", "namespace": "flows", "labels": {}, "creationTimestamp": "2030-01-01T11:50:00Z",
        "annotations": {names.PARKED: words},
    }  # fmt: skip
    return {"metadata": meta, "spec": {}, "status": {"phase": phase, "message": words, "nodes": {"n": node}}}


def of_workflow(words: str) -> str:
    lines = []
    for told in (workflow(words, phase) for phase in ("Running", "Failed")):
        rows = [step_row(step, None, NOW) for step in steps(told)]
        lines += [heading(told, NOW), *why_workflow(told, steps(told), {}, NOW), table(STEPS_HEADER, rows)]
    return "\n".join(lines)


def of_run(words: str) -> str:
    lines = [*ending(run(words, "Failed")), *why_now(run(words, "Pending"), NOW), progress(run(words, "Running"))]
    return "\n".join(lines)


TO_GITHUB: dict[str, Callable[[str], str]] = {
    "bodies, comments, summaries": lambda words: rendered(words, 5_000),
    "titles": title,
    "answers to commands": lambda words: rendered(answers([Answered("ann", "why", words, 0.0)]), 5_000),
    "names of checks": lambda words: title(words, 200),
}
TO_TERMINALS: dict[str, Callable[[str], str]] = {
    "runs": of_run,
    "Workflows": of_workflow,
    "tables": lambda words: table(("A", "B"), [(words, "b"), ("a", words)]),
    "lines of logs": lambda words: shown(words.replace("\n", " ")),
    "messages": one_line,
}


@pytest.mark.parametrize("sink", TO_GITHUB)
@given(words=hostile)
def test_what_comes_to_github_has_nobody_act_on_it(sink: str, words: str) -> None:
    assert acting(TO_GITHUB[sink](words)) == []


@given(words=hostile)
def test_a_title_is_one_line(words: str) -> None:
    assert len(title(words).splitlines()) <= 1


@pytest.mark.parametrize("sink", TO_TERMINALS)
@given(words=hostile)
def test_what_comes_to_a_terminal_is_shown_and_commands_nothing(sink: str, words: str) -> None:
    told = TO_TERMINALS[sink](words)
    assert all(sign.isprintable() or sign in "\n\t" for sign in told)
    # No line is there that is not ours.
    assert len(told.splitlines()) <= len(TO_TERMINALS[sink]("x").splitlines())


@given(words=hostile)
def test_what_becomes_a_label_is_one(words: str) -> None:
    assert re.fullmatch(LABEL, label_of(f"branch:{words}"))


@given(words=hostile)
def test_an_output_of_a_node_has_its_form_or_is_empty(words: str) -> None:
    node = SuspendedNode("n", "n", {}, tuple(OUTPUTS), NOW, "", on_exit=False)
    for name, value in supplied(node, dict.fromkeys(OUTPUTS, words)).items():
        assert value == "" or re.fullmatch(OUTPUTS[name], value)
        assert "{{" not in value


@given(words=hostile)
def test_a_log_that_a_model_reads_stays_within_its_block(words: str) -> None:
    told = evidence(words, "a" * 40, cleaned(words))
    first, *block = told.split("\n")
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f\u202a-\u202e\u2066-\u2069]", told)
    assert all(line == "" or line.startswith("    ") for line in block), first
