"""The certificate of the NATS server: clients that trust it alone reach the server by its names."""

from __future__ import annotations

import contextlib
import datetime as dt
import socket
import ssl
import threading
from pathlib import Path

import pytest
from cryptography import x509

from localkube.addons.certificate import new_credentials, self_signed
from localkube.addons.nats import HOST

NOW = dt.datetime(2026, 11, 21, tzinfo=dt.UTC)


def test_it_is_valid_a_little_before_it_was_made_and_for_years() -> None:
    certificate = x509.load_pem_x509_certificate(new_credentials(NOW).certificate.encode())
    assert certificate.not_valid_before_utc < NOW
    assert certificate.not_valid_after_utc > NOW + dt.timedelta(days=3000)


def test_passwords_differ() -> None:
    assert new_credentials(NOW).password != new_credentials(NOW).password


def test_a_client_that_trusts_it_alone_reaches_the_server_by_its_name(tmp_path: Path) -> None:
    assert handshake(tmp_path, HOST) == "TLSv1.3"


def test_another_name_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ssl.SSLCertVerificationError):
        handshake(tmp_path, "elsewhere.example")


def handshake(folder: Path, name: str) -> str | None:
    """The protocol that client and server agree on when the client asks for `name`."""
    certificate, key = self_signed([HOST], dt.datetime.now(dt.UTC))
    (folder / "server.pem").write_text(certificate + key)
    server_side = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server_side.load_cert_chain(folder / "server.pem")
    client_side = ssl.create_default_context(cadata=certificate)
    left, right = socket.socketpair()
    answering = threading.Thread(target=_answer, args=(server_side, right))
    answering.start()
    try:
        with left, client_side.wrap_socket(left, server_hostname=name) as connection:
            return connection.version()
    finally:
        answering.join(timeout=10)


def _answer(context: ssl.SSLContext, connection: socket.socket) -> None:
    # A client that hangs up is what its test is about.
    with connection, contextlib.suppress(ssl.SSLError, OSError):
        context.wrap_socket(connection, server_side=True).close()
