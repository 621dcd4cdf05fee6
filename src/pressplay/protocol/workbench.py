"""The exchange between runner and workbench: files in a folder that both see.

| file | who | what |
| --- | --- | --- |
| ready | workbench | the version of its git, `none` where it has none |
| in/N/{script,folder,seconds} | runner | a request; the folder `in/N` appears whole, by a rename |
| out/N/output | workbench | both outputs of the script |
| out/N/late | workbench | there if the time was over and the process group was ended |
| out/N/code | workbench | the exit code; appears last |

Nothing that the workbench writes is believed: it is output of what ran there.
"""

from __future__ import annotations

from importlib import resources


def script() -> str:
    """The workbench's program, for a POSIX shell."""
    return resources.files("pressplay.protocol").joinpath("workbench.sh").read_text(encoding="utf-8")


def container_command() -> list[str]:
    """The command of the workbench's container."""
    return ["/bin/sh", "-c", script()]
