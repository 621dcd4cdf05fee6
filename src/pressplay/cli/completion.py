"""`pressplay completion`: the lines by which a shell completes commands and options."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from pressplay.cli.failures import Problem

# click answers the shell's questions where it finds this variable.
VARIABLE = "_PRESSPLAY_COMPLETE"
PROGRAM = "pressplay"
SHELLS = ("bash", "zsh", "fish")


HELP = """Print what makes SHELL complete `pressplay`.

\b
bash   echo 'eval "$(pressplay completion bash)"' >> ~/.bashrc
zsh    echo 'eval "$(pressplay completion zsh)"' >> ~/.zshrc
fish   pressplay completion fish > ~/.config/fish/completions/pressplay.fish
"""


@click.command(help=HELP)
@click.argument("shell", type=click.Choice(SHELLS))
@click.pass_context
def completion(ctx: click.Context, shell: str) -> None:
    """Print a shell's lines."""
    found = get_completion_class(shell)
    if found is None:
        raise Problem(f"this version of click knows no {shell}", "update click, or choose another shell")
    click.echo(found(ctx.find_root().command, {}, PROGRAM, VARIABLE).source())
