"""`python -m pressplay.gateway.signer`: serve on the socket with the keys of the mounted Secrets."""

from __future__ import annotations

import logging
import os
from pathlib import Path

import httpx
import uvicorn

from pressplay.gateway.signer.apps import Apps
from pressplay.gateway.signer.server import application
from pressplay.github.app import AppClient
from pressplay.llm.config import SettingsSource
from pressplay.policy.redaction import redacting_handler

SOCKET = "/run/pressplay/signer/signer.sock"
GITHUB_SECONDS = 30.0


def main() -> None:
    """Serve until ended."""
    api = os.environ.get("PRESSPLAY_GITHUB_API_URL", "https://api.github.com").rstrip("/")
    app = application(
        Apps(Path(os.environ.get("PRESSPLAY_APPS", "/etc/pressplay/apps"))),
        AppClient(httpx.AsyncClient(timeout=GITHUB_SECONDS), api),
        SettingsSource(Path(os.environ.get("PRESSPLAY_LLM", "/etc/pressplay/llm"))),
        httpx.AsyncClient(),
    )
    os.umask(0o007)
    logging.basicConfig(level=logging.WARNING, handlers=[redacting_handler()], force=True)
    uvicorn.run(app, uds=os.environ.get("PRESSPLAY_SIGNER_SOCKET", SOCKET), access_log=False, log_config=None)


if __name__ == "__main__":
    main()
