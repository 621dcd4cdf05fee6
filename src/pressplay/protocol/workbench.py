"""The exchange between runner and workbench: files in a folder that both see.

| file | who | what |
| --- | --- | --- |
| ready | workbench | the version of its git, `none` where it has none |
| in/N/{script,folder,seconds} | runner | a request; the folder `in/N` appears whole, by a rename |
| out/N/output | workbench | both outputs of the script; gone when the next one begins |
| out/N/late | workbench | there if the time was over and the process group was ended |
| out/N/much | workbench | there if it printed too much and the process group was ended; the output is its beginning |
| out/N/code | workbench | the exit code; appears last |

Nothing that the workbench writes is believed: it is output of what ran there.
"""

from __future__ import annotations

from importlib import resources
from typing import Final


def script() -> str:
    """The workbench's program, for a POSIX shell."""
    return resources.files("pressplay.protocol").joinpath("workbench.sh").read_text(encoding="utf-8")


# Set, the program does what stands in its exchange and ends, instead of waiting for more.
ONCE: Final = "PRESSPLAY_ONCE"
# Bytes that one command may print, where it is not to be the program's own default.
MOST_OUTPUT: Final = "PRESSPLAY_MOST_OUTPUT"


def container_command() -> list[str]:
    """The command of the workbench's and the referee's containers."""
    return ["/bin/sh", "-c", script()]
