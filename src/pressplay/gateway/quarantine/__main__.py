"""`python -m pressplay.gateway.quarantine`: confine the process, then serve on the socket."""

from __future__ import annotations

import logging
import os
import sys
from pathlib import Path

import uvicorn

from pressplay.gateway.quarantine.seccomp import NotConfined, confine
from pressplay.gateway.quarantine.server import application
from pressplay.policy.redaction import redacting_handler

SOCKET = "/run/pressplay/quarantine/quarantine.sock"
MIRRORS = "/data/mirrors"


def main() -> int:
    """Serve until ended; 1 where the process cannot be confined."""
    try:
        confine()
    except NotConfined as error:
        sys.stderr.write(f"quarantine: {error}\n")
        return 1
    socket = os.environ.get("PRESSPLAY_QUARANTINE_SOCKET", SOCKET)
    mirrors = Path(os.environ.get("PRESSPLAY_MIRRORS", MIRRORS))
    os.umask(0o007)
    logging.basicConfig(level=logging.WARNING, handlers=[redacting_handler()], force=True)
    uvicorn.run(application(mirrors), uds=socket, access_log=False, log_config=None)
    return 0


if __name__ == "__main__":
    sys.exit(main())
