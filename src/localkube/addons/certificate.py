"""A self-signed certificate and a password for a server inside the cluster, made once and then kept in its Secret."""

from __future__ import annotations

import datetime as dt
import secrets
from collections.abc import Sequence

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from localkube.addons.nats import HOST, NAME, NAMESPACE, Credentials

LIFETIME = dt.timedelta(days=3650)
# A cluster's clock may be behind the one of the machine that made the certificate.
EARLIER = dt.timedelta(days=1)


def new_credentials(now: dt.datetime) -> Credentials:
    """Fresh credentials for the NATS server."""
    certificate, key = self_signed([HOST, f"{HOST}.cluster.local", f"{NAME}.{NAMESPACE}", NAME], now)
    return Credentials(certificate, key, secrets.token_hex(24))


def self_signed(names: Sequence[str], now: dt.datetime) -> tuple[str, str]:
    """A server certificate for DNS names, its own issuer, and its key; both PEM."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0])])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - EARLIER)
        .not_valid_after(now + LIFETIME)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name) for name in names]), critical=False)
        # Clients take it as the only authority they trust, so it must be one, for nothing but itself.
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .sign(key, hashes.SHA256())
    )
    return (
        certificate.public_bytes(serialization.Encoding.PEM).decode(),
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        ).decode(),
    )
