"""`python -m localhub`: serve the stand-in for GitHub."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

import uvicorn

from localhub.server import application
from localhub.state import State


def main() -> None:
    """Serve until ended."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=8080)
    parser.add_argument("--data", type=Path, default=Path("/data"))
    parser.add_argument("--url", default="http://localhub.localhub:8080")
    told = parser.parse_args()
    state = State(told.data, told.url)
    state.load()
    host = "0.0.0.0"  # noqa: S104 - a pod's own address
    app = application(state, os.environ["LOCALHUB_ADMIN_TOKEN"])
    uvicorn.run(app, host=host, port=told.port, log_level="warning")


if __name__ == "__main__":
    main()
