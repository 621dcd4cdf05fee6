"""Commands that other packages bring: found by their entry point, imported only when they are needed.

Owns finding and loading. A command that cannot be loaded says so when it is called or listed, and never keeps the
others from working.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from importlib.metadata import EntryPoint, entry_points

import click

GROUP = "pressplay.commands"


def installed() -> Iterable[EntryPoint]:
    """The commands that installed packages declare."""
    return entry_points(group=GROUP)


class PluginGroup(click.Group):
    """A command group whose commands are its own and those that installed packages bring."""

    def __init__(self, *args: object, find: Callable[[], Iterable[EntryPoint]] = installed, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]
        self._find = find

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names of all commands; imports none of them."""
        return sorted({*super().list_commands(ctx), *(entry.name for entry in self._find())})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of that name, imported now if a package brings it."""
        own = super().get_command(ctx, cmd_name)
        if own is not None:
            return own
        return next((load(entry) for entry in self._find() if entry.name == cmd_name), None)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command that is called; of an unknown one, say which were perhaps meant."""
        try:
            return super().resolve_command(ctx, args)
        except click.exceptions.NoSuchCommand as error:
            # click knows only our own commands, so it would never guess one that a package brings.
            raise click.exceptions.NoSuchCommand(
                error.command_name, possibilities=self.list_commands(ctx), ctx=ctx
            ) from None


def load(entry: EntryPoint) -> click.Command:
    """Import one command; where that fails, a command of the same name that tells why."""
    try:
        command = entry.load()
    except Exception as error:  # it may be anybody's code, and its failure must not become ours
        if os.environ.get("PRESSPLAY_DEBUG"):
            raise
        return _broken(entry, f"{type(error).__name__}: {error}")
    if not isinstance(command, click.Command):
        return _broken(entry, f"{entry.value} is a {type(command).__name__}, not a click command")
    return command


def _broken(entry: EntryPoint, reason: str) -> click.Command:
    reason = " ".join(reason.split())
    package = entry.dist.name if entry.dist else entry.value.partition(":")[0]

    def refuse() -> None:
        raise click.ClickException(
            f"the command {entry.name!r} of the package {package!r} cannot be loaded: {reason}\n"
            "  set PRESSPLAY_DEBUG=1 to see where; reinstalling the package often helps"
        )

    return click.Command(
        entry.name,
        callback=refuse,
        short_help=f"(cannot be loaded: {reason})",
        add_help_option=False,
        # Whatever the user wanted of it, the answer is the same.
        context_settings={"ignore_unknown_options": True, "allow_extra_args": True},
    )
