"""What the errors of those whom the gateway asks mean for a run: one answer each, wherever they were asked."""

from __future__ import annotations

from typing import Final

import httpx

from pressplay.gateway.answers import Rejected
from pressplay.gateway.quarantine.client import QuarantineRefused
from pressplay.gateway.signer.client import SignerRefused
from pressplay.github import errors as github
from pressplay.resources.reasons import Reason
from pressplay.workspace import smart_http as git

LATER: Final = 503
FAILURES: Final = (SignerRefused, QuarantineRefused, github.GitHubError, git.TransportError, httpx.HTTPError)
Failure = SignerRefused | QuarantineRefused | github.GitHubError | git.TransportError | httpx.HTTPError


def rejected(error: Failure) -> Rejected:
    """The answer; status 503 where the same may pass later, and only there."""
    match error:
        case SignerRefused():
            return Rejected(error.refusal.reason, error.refusal.message, LATER if error.transient else 422)
        case QuarantineRefused():
            refusal = error.refusal
            return Rejected(refusal.reason, refusal.message, error.status, refusal.violations)
        case github.RateLimited():
            told = f"{error}; GitHub takes requests again in {error.after:.0f} s"
            return Rejected(Reason.GITHUB_UNAVAILABLE, told, LATER)
        case github.Unavailable() | git.Unavailable():
            return Rejected(Reason.GITHUB_UNAVAILABLE, str(error), LATER)
        case github.NotFound() | github.Moved() | git.RepositoryNotFound() | git.Moved():
            return Rejected(Reason.REPOSITORY_NOT_FOUND, str(error))
        case github.Refused() | git.Refused():
            return Rejected(Reason.APP_REFUSED, str(error))
        case github.Invalid() | github.Conflict() | git.PushRefused():
            # What GitHub finds wrong or in the way does not change by itself.
            return Rejected(Reason.PUSH_REJECTED, str(error))
        case github.GitHubError() | git.TransportError():
            return Rejected(Reason.GITHUB_UNAVAILABLE, str(error), LATER)
        case _:
            told = f"a part of the gateway does not answer: {type(error).__name__}"
            return Rejected(Reason.GATEWAY_UNAVAILABLE, told, LATER)
