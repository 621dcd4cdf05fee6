"""Write EventSource and Sensor: to workflow_templates/events for people, and to the chart, which installs them."""

from __future__ import annotations

import sys
from pathlib import Path

import yaml

from pressplay.workflows.events.render import manifests

HEAD = "# Generated from src/pressplay/workflows/events by `make generate`; do not edit.\n"


def main(folders: list[str]) -> int:
    """Write one file an object into each folder; answers the exit code."""
    for folder in folders:
        for name, manifest in manifests().items():
            target = Path(folder) / f"{name}.yaml"
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(HEAD + yaml.safe_dump(manifest, sort_keys=False, width=110))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
