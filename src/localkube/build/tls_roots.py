"""The TLS roots that built images get: those of this machine, so that pods trust whom the machine trusts.

A machine behind a proxy that re-signs TLS has the proxy's root among them; any other bundle would break its clusters.
"""

from __future__ import annotations

import hashlib
import os
import ssl
from pathlib import Path

from localkube.errors import LocalKubeError

IN_IMAGE = "/etc/ssl/certs/ca-certificates.crt"

# Where distributions keep the bundle, besides the place that OpenSSL was compiled with.
USUAL_PLACES = (
    IN_IMAGE,
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/etc/ssl/cert.pem",
)


def bundle() -> Path:
    """The machine's bundle of TLS roots, one PEM file.

    Raises:
        LocalKubeError: the machine has none.
    """
    told = (os.environ.get("SSL_CERT_FILE", ""), ssl.get_default_verify_paths().openssl_cafile, *USUAL_PLACES)
    for place in told:
        if place and Path(place).is_file():
            return Path(place)
    raise LocalKubeError("this machine has no bundle of TLS root certificates", "install the package ca-certificates")


def digest() -> str:
    """The hash of the bundle, for the inputs of whatever takes it in."""
    return hashlib.sha256(bundle().read_bytes()).hexdigest()
