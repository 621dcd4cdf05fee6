"""Credentials of every form, plain and in base64, are told in no log, transcript, pull request or ledger."""

from __future__ import annotations

import base64
import io
import logging
import os
import re
import sqlite3
import subprocess
import sys
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from pressplay.policy.redaction import CUT, RedactingFilter, Redactor
from pressplay.protocol.changeset import Changeset
from pressplay.resources.reasons import Reason
from tests.unit.a_gateway import OPERATOR, SECONDS, Platform, changed, git, listening, platform


def part(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


HEAD, CLAIMS = part(b'{"alg":"RS256","typ":"JWT"}'), part(b'{"iss":"1","sub":"' + b"x" * 300 + b'"}')
SIGNED = f"{HEAD}.{CLAIMS}.{'aZ09-_x' * 40}"
BODY = "\n".join(["MIIEowIBAAKCAQEA" + "x1Y2" * 12] * 25)
FORMS = {
    "of an installation, old": "ghs_" + "a1B2" * 9,
    "of an installation, new": f"ghs_1234567_{SIGNED}",
    "of a person": "ghp_" + "a1B2" * 9,
    "to renew one": "ghr_" + "a1B2" * 19,
    "fine-grained": "github_pat_11ABCDEFG0" + "aB1_" * 15,
    "of Anthropic": "sk-ant-api03-" + "aB1-_" * 18,
    "of OpenAI": "sk-proj-" + "aB1_" * 20,
    "of OpenAI, old": "sk-" + "aB12" * 12,
    "of a run": SIGNED,
    "a key of an App": f"-----BEGIN RSA PRIVATE KEY-----\n{BODY}\n-----END RSA PRIVATE KEY-----",
    "a key in PKCS 8": f"-----BEGIN PRIVATE KEY-----\n{BODY}\n-----END PRIVATE KEY-----",
}


def encoded(text: str, *, address: bool = False) -> str:
    return (base64.urlsafe_b64encode if address else base64.b64encode)(text.encode()).decode()


WAYS: dict[str, Callable[[str], str]] = {
    "alone": lambda secret: secret,
    "in a sentence": lambda secret: f"it is {secret}, they say",
    "behind a line's end": lambda secret: f"$ cat token\n{secret}\n",
    "behind an escaped line's end": lambda secret: f"b'first\\n{secret}'",
    "behind a terminal's colour": lambda secret: f"\x1b[1;31m{secret}\x1b[0m",
    "as Bearer": lambda secret: f"Authorization: Bearer {secret}",
    "in an address": lambda secret: f"https://x-access-token:{secret}@github.com/acme/sums",
    "in an address's argument": lambda secret: f"?next=https%3A%2F%2Fx%3A{secret}",
    "in base64": encoded,
    "in base64 of addresses": lambda secret: encoded(f"??>>{secret}", address=True),
    "as Basic": lambda secret: f"Authorization: Basic {encoded(f'x-access-token:{secret}')}",
    "in base64, in a path": lambda secret: f"/data/{encoded(secret)}",
    "in base64, one on": lambda secret: encoded(f" {secret} "),
    "in base64, two on": lambda secret: f"data={encoded(f': {secret} :')};",
}


def leaks(told: str, secret: str) -> list[str]:
    """Parts of a secret that are told, plain or in base64; a form's first letters are no secret."""
    parts = [secret[at : at + 12] for at in range(12, len(secret) - 12, 12)] if "\n" not in secret else BODY.split("\n")
    decoded = [told]
    for run in re.findall(r"[A-Za-z0-9+/]{16,}", told.replace("-", "+").replace("_", "/")):
        for digits in (run[offset:] for offset in range(4)):
            decoded += [base64.b64decode(digits[: len(digits) // 4 * 4]).decode("latin-1")]
    return [each for each in parts if any(each in text for text in decoded)]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("way", WAYS)
def test_a_credential_is_cut_out_in_whatever_form_it_stands_in_a_text(form: str, way: str) -> None:
    secret = FORMS[form]
    told = Redactor().redact(WAYS[way](secret))
    assert CUT in told
    assert leaks(told, secret) == []


@pytest.mark.parametrize(
    "text",
    [
        "highs_and_lows_of_the_market_xx", "task-management-system-components-list", "a sk-learn estimator",
        "commit 0123456789abcdef0123456789abcdef01234567", "https://github.com/acme/sums/pull/7#issuecomment-1",
        "-----BEGIN PUBLIC KEY-----\nMIIB\n-----END PUBLIC KEY-----", "ghs_ is how they begin",
        "sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=", "user@example.com:/srv/git/repository.git",
    ],
)  # fmt: skip
def test_ordinary_text_stays_as_it_is(text: str) -> None:
    assert Redactor().redact(text) == text


# --- logs -----------------------------------------------------------------------------------------------------------


def test_a_log_tells_no_credential_in_message_arguments_exceptions_or_stacks() -> None:
    sink = io.StringIO()
    handler = logging.StreamHandler(sink)
    handler.addFilter(RedactingFilter(Redactor()))
    log = logging.getLogger("of a test of redaction")
    log.addHandler(handler)
    secret = FORMS["of an installation, new"]
    log.warning("the token is %s", secret)
    log.warning("what is wrong with %d", secret)
    try:
        raise ValueError(f"no {secret}")
    except ValueError:
        log.exception("it failed", stack_info=True)
    assert leaks(sink.getvalue(), secret) == []
    assert sink.getvalue().count(CUT) == 3
    assert "ValueError: no" in sink.getvalue()


def test_the_signer_s_log_tells_no_token_of_a_request_that_fails(tmp_path: Path) -> None:
    socket, log = tmp_path / "signer.sock", tmp_path / "log"
    env = {**os.environ, "PRESSPLAY_SIGNER_SOCKET": str(socket), "PRESSPLAY_APPS": str(tmp_path)}
    with (
        log.open("wb") as sink,
        subprocess.Popen([sys.executable, "-m", "pressplay.gateway.signer"], env=env, stderr=sink) as process,
    ):
        try:
            listening(socket, process)
            transport = httpx.HTTPTransport(uds=str(socket))
            with httpx.Client(transport=transport, base_url="http://signer", timeout=SECONDS) as http:
                cut = f'{{"token": "{FORMS["of a person"]}"'
                answers = [
                    http.request("DELETE", "/tokens", content=cut),
                    http.request("DELETE", "/tokens", json={"token": [FORMS["of a person"]]}),
                    http.post("/tokens", json={"repository": FORMS["of a person"]}),
                ]
        finally:
            process.terminate()
    assert {answer.status_code for answer in answers} == {400}
    told = "".join([log.read_text(), *(answer.text for answer in answers)])
    assert "a1B2a1B2" not in told


# --- transcript, pull request, ledger -------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    with platform(tmp_path_factory.mktemp("told")) as made:
        yield made


def ledger(folder: Path) -> str:
    """Every value in the ledger, unpacked."""
    found: list[str] = []
    with sqlite3.connect(folder / "ledger.db") as connection:
        for (table,) in connection.execute("select name from sqlite_master where type = 'table'").fetchall():
            for row in connection.execute(f'select * from "{table}"'):  # noqa: S608 - names of its own tables
                found += [zlib.decompress(each).decode() if isinstance(each, bytes) else str(each) for each in row]
    connection.close()
    return "\n".join(found)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("way", ["behind a line's end", "in base64", "alone"])
def test_a_transcript_is_kept_without_credentials_and_stays_readable(told: Platform, form: str, way: str) -> None:
    uid = f"{list(FORMS).index(form)}-{list(WAYS).index(way)}"
    told.admit(uid)
    text = WAYS[way](FORMS[form])
    body = {"role": "user", "parts": [{"text": f'say "{text}"', "more": {text: [text, 1, None, True]}}]}
    entry = {"sequence": 0, "attempt": 1, "kind": "message", "body": body}
    answer = told.call("POST", "/run/transcript", f"token-{uid}", {"entries": [entry]})
    assert answer.status_code == 204, answer.text
    kept = told.call("GET", "/run/transcript", f"token-{uid}").json()["entries"][0]["body"]
    assert kept["parts"][0]["text"].startswith('say "')
    assert kept["parts"][0]["text"].endswith('"')
    assert next(iter(kept["parts"][0]["more"].values()))[1:] == [1, None, True]
    assert leaks(str(kept), FORMS[form]) == []
    assert leaks(ledger(told.folder), FORMS[form]) == []


@pytest.mark.parametrize("text", ["-----BEGIN PRIVATE KEY-----", "head -1: -----BEGIN RSA PRIVATE KEY-----\nMIIE"])
def test_the_beginning_of_a_key_alone_does_not_break_a_transcript(told: Platform, text: str) -> None:
    uid = f"key-{len(text)}"
    told.admit(uid)
    body = {"first": text, "second": "stays"}
    entry = {"sequence": 0, "attempt": 1, "kind": "note", "body": body}
    assert told.call("POST", "/run/transcript", f"token-{uid}", {"entries": [entry]}).status_code == 204
    kept = told.call("GET", "/run/transcript", f"token-{uid}").json()["entries"][0]["body"]
    assert kept["second"] == "stays"


@pytest.mark.parametrize("form", FORMS)
def test_pull_request_commit_record_and_ledger_tell_no_credential_of_the_agent_s_words(
    told: Platform, form: str
) -> None:
    uid, secret = f"pr-{list(FORMS).index(form)}", FORMS[form]
    admission = told.admit(uid)
    title = secret if len(secret) <= 256 else "A title"
    changes = Changeset(base=admission.base_sha, files=(changed("new.py"),))
    words = {"title": title, "body": f"It is:\n{secret}\n{encoded(secret)}", "summary": f"With {secret}"[:2_000]}
    done = told.hand_over(uid, changes, **words).json()
    pull = told.hub.state.repositories["acme/sums"]["pulls"][str(done["pull_request"])]
    remote = told.hub.state.git_folder(told.hub.state.repositories["acme/sums"])
    message = git(remote, "log", "-1", "--format=%B", done["head"])
    record = told.call("GET", f"/control/runs/{uid}", OPERATOR).json()
    for sink in (pull["title"], pull["body"], message, str(record), ledger(told.folder)):
        assert leaks(sink, secret) == []
    assert CUT in pull["body"]
    assert CUT in record["summary"]


@pytest.mark.parametrize("hides", ["\u200b", "\u00ad", "\x07", "\u2060", "\U000e0041"])
def test_a_credential_is_not_put_together_by_what_is_taken_out_of_a_text(told: Platform, hides: str) -> None:
    uid, secret = f"hidden-{ord(hides)}", FORMS["of a person"]
    admission = told.admit(uid)
    text = f"It is {secret[:10]}{hides}{secret[10:]}."
    changes = Changeset(base=admission.base_sha, files=(changed("new.py"),))
    done = told.hand_over(uid, changes, title=text, body=text, summary=text).json()
    pull = told.hub.state.repositories["acme/sums"]["pulls"][str(done["pull_request"])]
    remote = told.hub.state.git_folder(told.hub.state.repositories["acme/sums"])
    for sink in (pull["title"], pull["body"], git(remote, "log", "-1", "--format=%B", done["head"])):
        assert secret[10:] not in sink


def test_why_a_run_ended_is_told_without_credentials(told: Platform) -> None:
    told.admit("ended")
    secret = FORMS["of Anthropic"]
    told.call("POST", "/run/end", "token-ended", {"reason": Reason.GAVE_UP, "message": f"no:\n{secret}"})
    record = told.call("GET", "/control/runs/ended", OPERATOR).json()
    assert record["end_message"] == f"no:\n{CUT}"
    assert leaks(ledger(told.folder), secret) == []
