"""TLS to the Argo server: which authorities are trusted, and what to do about a certificate that does not pass.

An installation's own authority takes the place of the public ones. Nothing here can switch the check off.
"""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import httpx

# Where the chart is told of it all.
URL: Final = "flows.argoServer.url"
AUTHORITY: Final = "flows.argoServer.caBundle"
# As OpenSSL numbers what it finds (openssl/x509_vfy.h).
NOT_YET_VALID: Final = 9
EXPIRED: Final = 10
OTHER_NAME: Final = (62, 64)
UNKNOWN_AUTHORITY: Final = (18, 19, 20, 21, 27)


@dataclass(frozen=True)
class Fault:
    """What is wrong, and what to do about it."""

    told: str
    remedy: str


class BadAuthority(Exception):
    """The file with the authority's certificate cannot be used."""

    def __init__(self, told: str) -> None:
        super().__init__(told)
        self.told = told
        self.remedy = f"give it in PEM in {AUTHORITY}"


def context(authority: Path | None) -> ssl.SSLContext:
    """The check of a server's certificate, by the authority in a file or by the public ones.

    Raises:
        BadAuthority: there is no certificate in the file.
    """
    if authority is None:
        return httpx.create_ssl_context()
    try:
        made = ssl.create_default_context(cafile=str(authority))
    except (OSError, ssl.SSLError) as error:
        told = f"no certificate of an authority can be read from {authority}: {error.strerror or error}"
        raise BadAuthority(told) from None
    # Authorities of one's own seldom have every extension of RFC 5280, which Python 3.13 asks for.
    made.verify_flags &= ~ssl.VERIFY_X509_STRICT
    return made


def why_refused(error: BaseException, server: str) -> Fault | None:
    """What is wrong with the TLS of the Argo server; None where the error is about something else."""
    for cause in _causes(error):
        if isinstance(cause, ssl.SSLCertVerificationError):
            return _of_certificate(cause, server)
        if isinstance(cause, ssl.SSLError):
            told = f"the Argo server at {server} does not speak TLS as it should ({_words(cause)})"
            return Fault(told, f"where it speaks plain HTTP, begin {URL} with http://")
    return None


def _of_certificate(error: ssl.SSLCertVerificationError, server: str) -> Fault:
    found = f"the certificate of the Argo server at {server}"
    if error.verify_code in OTHER_NAME:
        remedy = f"call the server in {URL} as its certificate does, or renew it with this name"
        return Fault(f"{found} is for another name", remedy)
    if error.verify_code in (NOT_YET_VALID, EXPIRED):
        when = "has expired" if error.verify_code == EXPIRED else "is not valid yet"
        return Fault(f"{found} {when}", "renew it, or set the clocks right")
    if error.verify_code in UNKNOWN_AUTHORITY:
        told = f"{found} is signed by an authority that the operator does not know ({error.verify_message})"
        return Fault(told, f"give that authority's certificate in {AUTHORITY}")
    return Fault(f"{found} does not pass: {error.verify_message}", "renew it")


def _words(error: ssl.SSLError) -> str:
    return (error.reason or str(error)).replace("_", " ").lower()


def _causes(error: BaseException) -> Iterator[BaseException]:
    found: BaseException | None = error
    while found is not None:
        yield found
        found = found.__cause__ or found.__context__
