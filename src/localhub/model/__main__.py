"""`python -m localhub.model`: serve the scripts of a folder."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

import uvicorn

from localhub.model.scripts import load
from localhub.model.server import Vendor


def main() -> None:
    """Serve until ended."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=8090)
    parser.add_argument("--scripts", type=Path)
    told = parser.parse_args()
    keys = frozenset(filter(None, os.environ.get("LOCALHUB_MODEL_KEYS", "").split(",")))
    vendor = Vendor(keys, load(told.scripts) if told.scripts else {})
    host = "0.0.0.0"  # noqa: S104 - a pod's own address
    uvicorn.run(vendor.application(), host=host, port=told.port, log_level="warning")


if __name__ == "__main__":
    main()
