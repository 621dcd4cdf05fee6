"""Model calls of a run, by the vendors' own SDKs with a base URL and the run's token: what passes and what does not.

The gateway's route, its authentication, the ledger and the signer are real, each on a listener of its own; the vendor
is the stand-in, and the API server's answers are told by a table.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import anthropic
import httpx
import openai
import pytest
from starlette.applications import Starlette

from localhub.model.scripts import parse
from localhub.model.server import Fault, Vendor
from pressplay.gateway.answers import HANDLERS
from pressplay.gateway.auth import POD_NAME, POD_UID, Authenticator
from pressplay.gateway.metrics import Metrics
from pressplay.gateway.model.routes import ModelCalls
from pressplay.gateway.plan import Plan
from pressplay.gateway.signer.apps import Apps
from pressplay.gateway.signer.client import Signer
from pressplay.gateway.signer.server import application
from pressplay.github.app import AppClient
from pressplay.kube.reader import TokenOwner
from pressplay.ledger.calls import Limits
from pressplay.ledger.store import Ledger
from pressplay.llm import catalogue
from pressplay.llm.config import SettingsSource
from pressplay.protocol.control import Admission, AdmissionRequest
from pressplay.resources.names import ATTEMPT, RUN_SERVICE_ACCOUNT
from pressplay.resources.reasons import Reason
from tests.e2e.support.waiting import until
from tests.serving import served

KEY, TOKEN, UID = "sk-the-vendors-key", "token-of-the-run", "uid-of-the-run"
CLAUDE, GPT = "claude-haiku-5-5", "gpt-5.4-mini"
HELLO = "match: hello\nturns: [{text: Good day}]\nrepeat: last\n"
SECONDS = 20
Client = Signer | httpx.AsyncClient


@dataclass
class Cluster:
    """What the API server would tell."""

    pod_status: dict[str, Any] = field(default_factory=lambda: {"phase": "Running", "podIPs": [{"ip": "127.0.0.1"}]})
    run_spec: dict[str, Any] = field(default_factory=dict)
    pod_uid: str = "uid-of-the-pod"

    async def review(self, token: str, _audience: str) -> TokenOwner | None:
        extra = {POD_NAME: ["pod"], POD_UID: ["uid-of-the-pod"]}
        return TokenOwner(f"system:serviceaccount:team:{RUN_SERVICE_ACCOUNT}", extra) if token == TOKEN else None

    async def pod(self, _namespace: str, _name: str) -> dict[str, Any] | None:
        meta = {"uid": self.pod_uid, "ownerReferences": [owner("Job", "uid-of-the-job")]}
        return {"metadata": meta, "status": self.pod_status}

    async def job(self, _namespace: str, _name: str) -> dict[str, Any] | None:
        meta = {"uid": "uid-of-the-job", "labels": {ATTEMPT: "1"}, "ownerReferences": [owner("CodeRun", UID)]}
        return {"metadata": meta}

    async def run(self, _kind: str, _namespace: str, name: str) -> dict[str, Any] | None:
        return {"metadata": {"uid": UID, "name": name}, "spec": self.run_spec}


def owner(kind: str, uid: str) -> dict[str, Any]:
    return {"kind": kind, "name": "one", "uid": uid, "controller": True}


@dataclass
class Route:
    """What a test deals with."""

    address: str
    vendor: Vendor
    ledger: Ledger
    cluster: Cluster

    def post(self, path: str, body: object, token: str = TOKEN) -> httpx.Response:
        headers = {"authorization": f"Bearer {token}", "content-type": "application/json"}
        return httpx.post(f"{self.address}{path}", content=json.dumps(body), headers=headers, timeout=SECONDS)


@contextmanager
def route(folder: Path, wire: str, model: str, **limits: int) -> Iterator[Route]:
    vendor = Vendor(frozenset({KEY}), {"hello.yaml": parse("hello.yaml", HELLO)})
    ledger, cluster = Ledger(f"sqlite:///{folder / 'ledger.db'}"), Cluster()
    admit(ledger, wire, model, limits)
    with served(vendor.application()) as upstream:
        settings = folder / "llm"
        settings.mkdir()
        (settings / f"{wire.upper()}_API_KEY").write_text(KEY)
        (settings / "LLM_BASE_URL").write_text(upstream)
        (settings / "LLM_PROVIDER").write_text(wire)
        github, vendors = httpx.AsyncClient(), httpx.AsyncClient()
        keys = application(Apps(folder), AppClient(github, upstream), SettingsSource(settings, {}), vendors)
        socket = folder / "signer.sock"
        with served(keys, github.aclose, vendors.aclose, uds=str(socket)):
            signer = Signer(socket)
            calls = ModelCalls(
                Authenticator(cluster, ledger), ledger, signer, catalogue.load(), Metrics(), sleep=at_once
            )
            with served(Starlette(routes=[*calls.routes()], exception_handlers=HANDLERS), signer.close) as address:
                yield Route(address, vendor, ledger, cluster)
    ledger.close()


async def at_once(_seconds: float) -> None:
    """The waits between tries are for a vendor that is overloaded, not for us."""


def admit(ledger: Ledger, wire: str, model: str, limits: dict[str, int]) -> None:
    request = AdmissionRequest(uid=UID, namespace="team", name="one", kind="CodeRun", spec={})
    admission = Admission(
        uid=UID, repository_id=1, repository="acme/sums", base="main", base_sha="0" * 40, branch="b", persona="rex",
        model=model, seconds=600,
    )  # fmt: skip
    told = {"tokens": None, "micro_dollars": None, "steps": None, **limits}
    plan = Plan.model_validate(
        {"persona": "rex", "wire": wire, "models": [model], "task": "hello", "depth": 1, "seconds": 600, **told}
    )
    ledger.admit(request, admission, plan.model_dump_json())


@pytest.fixture
def claude(tmp_path: Path) -> Iterator[Route]:
    with route(tmp_path, "anthropic", CLAUDE) as made:
        yield made


def message(**more: Any) -> dict[str, Any]:
    return {"model": CLAUDE, "max_tokens": 100, "messages": [{"role": "user", "content": "hello"}], **more}


def test_anthropic_s_sdk_works_with_a_base_url_and_the_run_s_token(claude: Route) -> None:
    with anthropic.Anthropic(base_url=claude.address, auth_token=TOKEN, max_retries=0) as client:
        answer = client.messages.create(**message())
        assert answer.content[0].text == "Good day"
        with client.messages.stream(**message()) as stream:
            assert "".join(stream.text_stream) == "Good day"
    usage, cost = claude.ledger.totals(UID)
    assert usage.calls == 2
    assert cost > 0


def test_openai_s_sdk_works_with_a_base_url_and_the_run_s_token(tmp_path: Path) -> None:
    hello: Any = [{"role": "user", "content": "hello"}]
    with route(tmp_path, "openai", GPT) as made:
        with openai.OpenAI(base_url=f"{made.address}/v1", api_key=TOKEN, max_retries=0) as client:
            answer = client.chat.completions.create(model=GPT, messages=hello, max_completion_tokens=100)
            assert answer.choices[0].message.content == "Good day"
            stream = client.chat.completions.create(
                model=GPT, messages=hello, max_completion_tokens=100, stream=True,
                stream_options={"include_usage": True},
            )  # fmt: skip
            pieces = [piece.choices[0].delta.content or "" for piece in stream if piece.choices]
            assert "".join(pieces) == "Good day"
        # A stream is booked when it has ended here; its reader may see that earlier.
        until("both calls to be booked", lambda: made.ledger.totals(UID)[0].calls == 2, seconds=SECONDS)


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"tools": [{"type": "web_search_20250305", "name": "web_search"}]}, "tools"),
        ({"tools": [{"type": "code_execution_20250825", "name": "code_execution"}]}, "tools"),
        ({"mcp_servers": [{"type": "url", "url": "https://example.com", "name": "x"}]}, "mcp_servers"),
        ({"container": "c"}, "container"),
        ({"service_tier": "auto"}, "service_tier"),
        ({"metadata": {"user_id": "somebody"}}, "metadata"),
        ({"inference_geo": "eu"}, "inference_geo"),
        ({"messages": [{"role": "user", "content": [
            {"type": "image", "source": {"type": "url", "url": "https://example.com/canary"}}]}]}, "source"),
        ({"messages": [{"role": "user", "content": [
            {"type": "document", "source": {"type": "file", "file_id": "f"}}]}]}, "document"),
    ],
)  # fmt: skip
def test_what_would_reach_beyond_the_model_is_refused_by_name(claude: Route, more: dict[str, Any], words: str) -> None:
    answer = claude.post("/v1/messages", message(**more))
    assert answer.status_code == 400
    assert words in answer.json()["error"]["message"]
    assert answer.headers["pressplay-reason"] == Reason.MODEL_REFUSED_REQUEST
    assert not claude.vendor.requests


@pytest.mark.parametrize("debug", ["true", ""])
def test_each_call_is_logged_where_that_is_asked_for_and_never_its_key_or_text(
    claude: Route, tmp_path: Path, caplog: pytest.LogCaptureFixture, debug: str
) -> None:
    (tmp_path / "llm" / "LLM_DEBUG").write_text(debug)
    with caplog.at_level(logging.INFO, "pressplay.gateway.signer"):
        assert claude.post("/v1/messages", message()).status_code == 200
    lines = [each for each in caplog.messages if "answered 200 after" in each]
    assert len(lines) == (1 if debug else 0)
    assert KEY not in caplog.text
    assert "hello" not in "".join(lines)


def test_another_model_than_the_run_s_is_refused(claude: Route) -> None:
    answer = claude.post("/v1/messages", message(model="claude-opus-5-5"))
    assert answer.status_code == 403
    assert f"this run may use {CLAUDE}" in answer.json()["error"]["message"]


@pytest.mark.parametrize("path", ["/v1/files", "/v1/messages/batches", "/v1/models", "/v1/complete", "//v1/messages"])
def test_no_other_route_of_the_vendor_s_is_there(claude: Route, path: str) -> None:
    assert claude.post(path, message()).status_code == 404
    assert not claude.vendor.requests


def test_a_query_which_selects_another_api_is_refused(claude: Route) -> None:
    assert claude.post("/v1/messages?beta=true", message()).status_code == 400
    assert not claude.vendor.requests


def test_headers_of_the_caller_s_do_not_reach_the_vendor(claude: Route) -> None:
    headers = {"authorization": f"Bearer {TOKEN}", "anthropic-beta": "canary", "x-canary": "canary"}
    httpx.post(f"{claude.address}/v1/messages", json=message(), headers=headers, timeout=SECONDS)
    assert "canary" not in str(list(claude.vendor.requests))
    assert TOKEN not in str(list(claude.vendor.requests))


def test_a_call_that_could_exceed_the_budget_is_not_made(tmp_path: Path) -> None:
    with route(tmp_path, "anthropic", CLAUDE, tokens=50) as made:
        answer = made.post("/v1/messages", message())
        assert answer.status_code == 400
        assert answer.headers["pressplay-reason"] == Reason.TOKENS_EXHAUSTED
        assert "spec.budget.tokens" in answer.json()["error"]["message"]
        assert not made.vendor.requests


def test_a_vendor_that_is_overloaded_is_asked_again_and_paid_once(claude: Route) -> None:
    claude.vendor.faults.append(Fault(status=529, count=2))
    assert claude.post("/v1/messages", message()).status_code == 200
    assert claude.ledger.totals(UID)[0].calls == 1


def test_a_refused_key_is_said_without_the_key(claude: Route) -> None:
    claude.vendor.faults.append(Fault(status=401))
    answer = claude.post("/v1/messages", message())
    assert answer.headers["pressplay-reason"] == Reason.MODEL_REFUSED_KEY
    assert KEY not in answer.text + str(answer.headers)


def test_an_answer_that_breaks_off_is_booked(claude: Route) -> None:
    claude.vendor.faults.append(Fault(cut=500))
    answer = claude.post("/v1/messages", message(stream=True))
    assert "message_start" in answer.text
    assert "message_stop" not in answer.text
    usage, cost = claude.ledger.totals(UID)
    assert usage.input_tokens > 0
    assert cost > 0
    # It costs, and is no step: nobody has its answer.
    assert usage.calls == 0
    assert claude.ledger.left(UID, Limits(steps=5)).steps == 5


@pytest.mark.parametrize(
    "change",
    [
        {"pod_status": {"phase": "Succeeded", "podIPs": [{"ip": "127.0.0.1"}]}},
        {"pod_status": {"phase": "Running", "podIPs": [{"ip": "10.0.0.9"}]}},
        {"run_spec": {"cancel": True}},
        {"run_spec": {"suspend": True}},
        {"pod_uid": "uid-of-another-pod"},
    ],
    ids=["pod has ended", "another address", "cancelled", "suspended", "another pod"],
)
def test_a_token_is_good_only_for_its_living_pod_of_a_run_under_way(claude: Route, change: dict[str, Any]) -> None:
    for name, value in change.items():
        setattr(claude.cluster, name, value)
    assert claude.post("/v1/messages", message()).status_code == 401
    assert not claude.vendor.requests


def test_without_a_good_token_nothing_is_told(claude: Route) -> None:
    assert claude.post("/v1/messages", message(), token="guessed").status_code == 401
    assert httpx.post(f"{claude.address}/v1/messages", json=message(), timeout=SECONDS).status_code == 401


def test_an_attempt_that_was_closed_can_call_no_more(claude: Route) -> None:
    assert claude.post("/v1/messages", message()).status_code == 200
    claude.ledger.close_attempt(UID, 1, Reason.RETRYING)
    assert claude.post("/v1/messages", message()).status_code == 401


def test_a_run_that_has_finished_can_call_no_more(claude: Route) -> None:
    claude.ledger.finish(UID, Reason.SUCCEEDED, None)
    assert claude.post("/v1/messages", message()).status_code == 401
