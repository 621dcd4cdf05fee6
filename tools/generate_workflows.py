"""Write the WorkflowTemplates: to workflow_templates/ for people, with the limits, and to the chart.

Takes these two folders. Files that are generated no more are removed.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path

from pressplay.workflows import render


def main(for_people: str, for_the_chart: str) -> int:
    """Write the files; answers the exit code."""
    write(Path(for_people), {**render.files(), **render.limits()})
    write(Path(for_the_chart), render.files())
    return 0


def write(folder: Path, files: Mapping[str, str]) -> None:
    """Have a folder hold these files, and of those that were generated no others."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / name).write_text(text)
    for there in folder.glob("*.yaml"):
        if there.name not in files and there.read_text().startswith(render.HEAD):
            there.unlink()


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
