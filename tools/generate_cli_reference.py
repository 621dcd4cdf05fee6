"""Write the reference of the command line, from the commands themselves, as Markdown."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import click

from pressplay.cli.main import cli

WIDTH = 100


def main(target: Path) -> int:
    """Write the reference into the file `target`; answers the exit code."""
    blocks = [
        "<!-- Written by `make generate`; do not edit. -->",
        "# The command line",
        *_blocks(cli, "pressplay", None),
    ]
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text("\n\n".join(blocks) + "\n", encoding="utf-8")
    return 0


def _blocks(command: click.Command, name: str, parent: click.Context | None) -> Iterator[str]:
    # A fixed width: what is written must not depend on the terminal.
    settings = {**command.context_settings, "terminal_width": WIDTH, "color": False}
    context = command.context_class(command, info_name=name, parent=parent, **settings)
    yield f"{'##' if isinstance(command, click.Group) else '###'} {context.command_path}"
    yield f"```text\n{command.get_help(context).rstrip()}\n```"
    if isinstance(command, click.Group):
        for sub in command.list_commands(context):
            found = command.get_command(context, sub)
            if found is None or found.hidden:
                continue
            if (found.short_help or "").startswith("(cannot be loaded"):
                raise SystemExit(f"{context.command_path} {sub} {found.short_help}")
            yield from _blocks(found, sub, context)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
