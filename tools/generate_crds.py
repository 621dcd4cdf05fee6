"""Write the CustomResourceDefinitions: to crds/ for people, and to the chart, which installs them."""

from __future__ import annotations

import sys
from pathlib import Path

import yaml

from pressplay.resources.schema import definitions

HEAD = "# Generated from src/pressplay/resources by `make generate`; do not edit.\n"


def main(folders: list[str]) -> int:
    """Write one file a definition into each folder; answers the exit code."""
    for folder in folders:
        for name, definition in definitions().items():
            target = Path(folder) / f"{name}.yaml"
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(HEAD + yaml.safe_dump(definition, sort_keys=False, width=110))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
