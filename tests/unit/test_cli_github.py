"""`pressplay github`: the manifest flow from the page to the code, and what is told of installations."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import click
import httpx
import pytest
from click.testing import CliRunner
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15

from pressplay.cli.app_client import NewApp, convert, installations, sign, who
from pressplay.cli.app_manifest import PERMISSIONS, Host, build_manifest, lacking
from pressplay.cli.app_server import ManifestServer
from pressplay.cli.github import build_secrets, choose_host, told
from pressplay.cli.main import cli

NOW = 1_900_000_000.0


@pytest.fixture(scope="module")
def key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def pem_of(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey) -> str:
    plain = serialization.NoEncryption()
    form = serialization.PrivateFormat.TraditionalOpenSSL
    return key.private_bytes(serialization.Encoding.PEM, form, plain).decode()


class Stand(ThreadingHTTPServer):
    """As much of GitHub's API as the flow asks."""

    answers: dict[tuple[str, str], tuple[int, Any]]
    seen: list[tuple[str, str]]


@pytest.fixture
def github() -> Iterator[Stand]:
    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            server = self.server
            assert isinstance(server, Stand)
            path = urlsplit(self.path).path
            server.seen.append((self.command, self.headers.get("Authorization") or ""))
            status, body = server.answers.get((self.command, path), (404, {"message": "Not Found"}))
            data = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        do_GET = do_POST = answer  # noqa: N815 - the base's names

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base's name
            pass

    server = Stand(("127.0.0.1", 0), Handler)
    server.answers, server.seen = {}, []
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join(10)


def api(server: Stand) -> str:
    return f"http://127.0.0.1:{server.server_address[1]}"


def fetch(url: str) -> tuple[int, str]:
    answer = httpx.get(url, timeout=10)
    return answer.status_code, answer.text


def test_the_page_sends_the_manifest_and_takes_the_code_that_belongs_to_it() -> None:
    seen: dict[str, Any] = {}

    def build(redirect: str) -> dict[str, Any]:
        seen["redirect"] = redirect
        return build_manifest("<mine>", redirect, None)

    with ManifestServer("https://github.com/settings/apps/new", build) as server:
        status, page = fetch(server.url)
        assert status == 200
        assert "&lt;mine&gt;" in page
        action = page.partition('action="')[2].partition('"')[0]
        state = parse_qs(urlsplit(action).query)["state"][0]
        assert action.startswith("https://github.com/settings/apps/new?")
        assert seen["redirect"] == f"{server.url}callback"

        assert fetch(f"{seen['redirect']}?code=forged&state=guessed")[0] == 400
        assert fetch(f"{seen['redirect']}?code=forged")[0] == 400
        assert fetch(f"{server.url}elsewhere")[0] == 404
        assert server.code(seconds=0) is None

        assert fetch(f"{seen['redirect']}?code=real&state={state}")[0] == 200
        assert server.code(seconds=10) == "real"


def test_the_manifest_asks_for_no_webhook_and_for_what_tokens_need() -> None:
    manifest = build_manifest("mine", "http://127.0.0.1:1/callback", None)
    assert manifest["hook_attributes"]["active"] is False
    assert manifest["default_events"] == []
    assert manifest["public"] is False
    assert manifest["default_permissions"] == dict(PERMISSIONS)
    assert "administration" not in PERMISSIONS
    assert "workflows" not in PERMISSIONS
    assert build_manifest("mine", "http://x", "https://hook")["default_events"]


def test_an_organizations_app_is_made_on_its_page() -> None:
    assert Host().creation_page("octo") == "https://github.com/organizations/octo/settings/apps/new"
    assert Host("https://ghe").creation_page(None) == "https://ghe/settings/apps/new"


def test_an_app_is_taken_over_for_its_code(github: Stand) -> None:
    made = {"id": 7, "slug": "mine", "html_url": "https://github.com/apps/mine", "pem": "PEM", "webhook_secret": None}
    github.answers["POST", "/app-manifests/abc/conversions"] = (201, made)
    with httpx.Client() as http:
        app = convert(http, api(github), "abc")
        assert (app.id, app.slug, app.pem, app.webhook_secret) == (7, "mine", "PEM", "")
        with pytest.raises(click.ClickException, match="GitHub says 404: Not Found"):
            convert(http, api(github), "used")


def test_the_webhook_s_secret_stands_in_another_secret_than_the_key() -> None:
    app = NewApp(7, "mine", "https://github.com/apps/mine", "PEM", "of-the-webhook")
    key, webhook = build_secrets("system", "the-app", app)
    assert key["metadata"]["name"] == "the-app"
    assert key["stringData"] == {"app-id": "7", "private-key.pem": "PEM", "slug": "mine"}
    assert (webhook["metadata"]["name"], webhook["stringData"]) == ("pressplay-webhook", {"secret": "of-the-webhook"})
    assert len(build_secrets("system", "the-app", NewApp(7, "mine", "", "PEM", ""))) == 1


def test_requests_are_signed_so_that_github_can_check_them(github: Stand, key: rsa.RSAPrivateKey) -> None:
    github.answers["GET", "/app"] = (200, {"slug": "mine"})
    with httpx.Client() as http:
        assert who(http, api(github), "7", pem_of(key), NOW) == {"slug": "mine"}
    header, claims, signature = github.seen[0][1].removeprefix("Bearer ").split(".")

    def plain(part: str) -> bytes:
        return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))

    assert json.loads(plain(claims)) == {"iat": NOW - 60, "exp": NOW + 540, "iss": "7"}
    key.public_key().verify(plain(signature), f"{header}.{claims}".encode(), PKCS1v15(), hashes.SHA256())


@pytest.mark.parametrize("pem", ["", "nonsense", pem_of(ec.generate_private_key(ec.SECP256R1()))])
def test_what_is_no_rsa_key_is_refused_without_showing_it(pem: str) -> None:
    with pytest.raises(click.ClickException, match="no RSA key in PEM") as refused:
        sign("7", pem, NOW)
    assert not pem or pem not in refused.value.message


def test_installations_tell_what_they_lack(github: Stand, key: rsa.RSAPrivateKey) -> None:
    full = {"account": {"login": "octo"}, "repository_selection": "all", "permissions": dict(PERMISSIONS)}
    poor = {"account": {"login": "hubot"}, "permissions": {**PERMISSIONS, "contents": "read"}, "suspended_at": None}
    gone = {"account": {"login": "cat"}, "permissions": dict(PERMISSIONS), "suspended_at": "2030-01-01T00:00:00Z"}
    github.answers["GET", "/app/installations"] = (200, [full, poor, gone])
    with httpx.Client() as http:
        lines = told(installations(http, api(github), "7", pem_of(key), NOW))
    assert lines[0] == "  ✓ octo: all repositories"
    assert lines[1].startswith("  ✗ hubot: lacks contents: write;")
    assert lines[2].startswith("  ✗ cat: suspended")
    assert told([]) == ["It is installed nowhere yet."]


def test_more_than_is_needed_lacks_nothing() -> None:
    assert lacking({**dict.fromkeys(PERMISSIONS, "write"), "pages": "read"}) == []
    assert lacking({}) == [f"{name}: {level}" for name, level in PERMISSIONS.items()]


def test_a_server_that_does_not_answer_is_named(key: rsa.RSAPrivateKey) -> None:
    with httpx.Client() as http, pytest.raises(click.ClickException, match=r"http://127\.0\.0\.1:9 does not answer"):
        who(http, "http://127.0.0.1:9", "7", pem_of(key), NOW)


@pytest.mark.parametrize(
    ("url", "given", "api_url"),
    [
        (None, None, "https://api.github.com"),
        ("https://ghe.example.com/", None, "https://ghe.example.com/api/v3"),
        ("https://github.com", None, "https://api.github.com"),
        (None, "http://127.0.0.1:1/api/v3/", "http://127.0.0.1:1/api/v3"),
    ],
)
def test_the_api_of_an_enterprise_server_follows_from_its_address(
    url: str | None, given: str | None, api_url: str
) -> None:
    assert choose_host(Host(), url, given).api == api_url


def test_by_hand_a_table_tells_all_permissions_and_asks_no_cluster() -> None:
    called = CliRunner().invoke(cli, ["github", "setup", "--manual"], env={"KUBECONFIG": "/nonexistent/kubeconfig"})
    assert called.exit_code == 0, called.output
    for name in PERMISSIONS:
        assert name in called.stdout
    assert "--from-file=private-key.pem=FILE.pem" in called.stdout
