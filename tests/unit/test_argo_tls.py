"""The Argo server behind TLS with certificates of an in-house authority: what passes, and what is said of the rest.

The server is a real one on loopback, and so are authority and certificates.
"""

from __future__ import annotations

import asyncio
import ipaddress
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from pressplay.kube.argo import ArgoServer, Unserved
from pressplay.operator.settings import from_environment

DAY = timedelta(days=1)
PEM = serialization.Encoding.PEM
ANSWER = b'{"metadata": {"name": "w"}}'
NEEDED = {
    "PRESSPLAY_GATEWAY_CONTROL": "http://c", "PRESSPLAY_GATEWAY_RUNS": "http://r",
    "PRESSPLAY_RUNNER_IMAGE": "runner", "PRESSPLAY_WORKBENCH_IMAGE": "workbench",
}  # fmt: skip


@dataclass(frozen=True)
class Authority:
    """One that signs."""

    key: ec.EllipticCurvePrivateKey
    certificate: x509.Certificate

    def file(self, folder: Path, name: str = "ca.crt") -> Path:
        """Its certificate, as a ConfigMap brings it."""
        path = folder / name
        path.write_bytes(self.certificate.public_bytes(PEM))
        return path

    def signs(self, folder: Path, name: str, ends: datetime | None = None) -> Path:
        """A certificate for a name, with its key."""
        key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
        made = _builder(name, self.certificate.subject, key, now - 2 * DAY, ends or now + DAY)
        address = x509.IPAddress(ipaddress.ip_address(name)) if name[0].isdigit() else x509.DNSName(name)
        made = made.add_extension(x509.SubjectAlternativeName([address]), critical=False)
        secret = key.private_bytes(PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        path = folder / "server.pem"
        path.write_bytes(secret + made.sign(self.key, hashes.SHA256()).public_bytes(PEM))
        return path


def authority(name: str) -> Authority:
    """As in-house ones are: without most of what RFC 5280 wants."""
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    made = _builder(name, subject, key, now - 2 * DAY, now + DAY)
    made = made.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=False)
    return Authority(key, made.sign(key, hashes.SHA256()))


def _builder(
    name: str, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, begins: datetime, ends: datetime
) -> x509.CertificateBuilder:
    made = x509.CertificateBuilder().subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
    made = made.issuer_name(issuer).public_key(key.public_key()).serial_number(x509.random_serial_number())
    return made.not_valid_before(begins).not_valid_after(ends)


@contextmanager
def served(certificate: Path | None) -> Iterator[int]:
    """An Argo server with this certificate, or without TLS; its port."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", str(len(ANSWER)))
            self.end_headers()
            self.wfile.write(ANSWER)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base's name
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def finish_request(self, request: object, client_address: object) -> None:
            """The handshake in its own thread; that a client turns away is what is tested."""
            if certificate is None:
                super().finish_request(request, client_address)  # type: ignore[arg-type]
                return
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            with suppress(OSError), context.wrap_socket(request, server_side=True) as wrapped:  # type: ignore[arg-type]
                super().finish_request(wrapped, client_address)

    with Server(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        yield server.server_port
        server.shutdown()


def read(url: str, trusted: Path | None) -> str:
    """The name of what the Argo server answers."""

    async def work() -> str:
        server = ArgoServer(url, lambda: "token", authority=trusted)
        try:
            return str((await server.read("team", "w"))["metadata"]["name"])
        finally:
            await server.close()

    return asyncio.run(asyncio.wait_for(work(), 20))


def refused(url: str, trusted: Path | None) -> str:
    with pytest.raises(Unserved) as error:
        read(url, trusted)
    return str(error.value)


def test_the_authority_that_signed_it_is_trusted(tmp_path: Path) -> None:
    own = authority("in-house")
    with served(own.signs(tmp_path, "localhost")) as port:
        assert read(f"https://localhost:{port}", own.file(tmp_path)) == "w"


def test_an_authority_that_is_not_known_is_to_be_named(tmp_path: Path) -> None:
    own, other = authority("in-house"), authority("other")
    with served(own.signs(tmp_path, "localhost")) as port:
        for trusted in (other.file(tmp_path), None):
            said = refused(f"https://localhost:{port}", trusted)
            assert "is signed by an authority that the operator does not know" in said
            assert "give that authority's certificate in flows.argoServer.caBundle" in said


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
def test_a_certificate_for_another_name_is_no_matter_of_authorities(tmp_path: Path, host: str) -> None:
    own = authority("in-house")
    with served(own.signs(tmp_path, "argo.example")) as port:
        said = refused(f"https://{host}:{port}", own.file(tmp_path))
    assert f"the certificate of the Argo server at https://{host}:{port} is for another name" in said
    assert "flows.argoServer.url" in said
    assert "authority" not in said
    assert "caBundle" not in said


def test_a_certificate_that_has_expired_is_to_be_renewed(tmp_path: Path) -> None:
    own = authority("in-house")
    with served(own.signs(tmp_path, "localhost", ends=datetime.now(UTC) - DAY)) as port:
        said = refused(f"https://localhost:{port}", own.file(tmp_path))
    assert "has expired; renew it" in said
    assert "caBundle" not in said


def test_a_server_without_tls_is_to_be_called_so(tmp_path: Path) -> None:
    with served(None) as port:
        said = refused(f"https://127.0.0.1:{port}", authority("in-house").file(tmp_path))
    assert "begin flows.argoServer.url with http://" in said


@pytest.mark.parametrize("text", [None, "no certificate"])
def test_an_authority_that_cannot_be_read_is_told_and_holds_nothing_up_for_good(
    tmp_path: Path, text: str | None
) -> None:
    own, trusted = authority("in-house"), tmp_path / "mounted.crt"
    if text is not None:
        trusted.write_text(text)

    async def work(url: str) -> None:
        server = ArgoServer(url, lambda: "token", authority=trusted)
        with pytest.raises(Unserved, match=r"no certificate of an authority can be read from .*caBundle"):
            await server.read("team", "w")
        own.file(tmp_path, "mounted.crt")
        assert (await server.read("team", "w"))["metadata"]["name"] == "w"
        await server.close()

    with served(own.signs(tmp_path, "localhost")) as port:
        asyncio.run(asyncio.wait_for(work(f"https://localhost:{port}"), 20))


def test_an_authority_that_is_changed_is_read_anew_without_a_restart(tmp_path: Path) -> None:
    own = authority("in-house")
    trusted = authority("before").file(tmp_path)

    async def work(url: str) -> None:
        server = ArgoServer(url, lambda: "token", authority=trusted)
        with pytest.raises(Unserved):
            await server.read("team", "w")
        own.file(tmp_path)
        assert (await server.read("team", "w"))["metadata"]["name"] == "w"
        await server.close()

    with served(own.signs(tmp_path, "localhost")) as port:
        asyncio.run(asyncio.wait_for(work(f"https://localhost:{port}"), 20))


def test_the_operator_takes_the_authority_from_where_the_chart_mounts_it() -> None:
    assert from_environment(NEEDED).argo_authority is None
    told = from_environment({**NEEDED, "PRESSPLAY_ARGO_CA": "/etc/pressplay/argo-ca/ca.crt"})
    assert told.argo_authority == Path("/etc/pressplay/argo-ca/ca.crt")
