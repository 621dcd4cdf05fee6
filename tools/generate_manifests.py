"""Write what is an object a file: the CustomResourceDefinitions, or EventSource and Sensor.

Takes which of them, and folders: one for people, and the chart's, which installs them.
"""

from __future__ import annotations

import sys
from pathlib import Path

import yaml

from pressplay.resources.schema import definitions
from pressplay.workflows.events.render import manifests

SOURCES = {
    "definitions": ("src/pressplay/resources", definitions),
    "events": ("src/pressplay/workflows/events", manifests),
}


def main(which: str, *folders: str) -> int:
    """Write one file an object into each folder; answers the exit code."""
    source, made = SOURCES[which]
    head = f"# Generated from {source} by `make generate`; do not edit.\n"
    texts = {name: head + yaml.safe_dump(told, sort_keys=False, width=110) for name, told in made().items()}
    for folder in map(Path, folders):
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in texts.items():
            (folder / f"{name}.yaml").write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
