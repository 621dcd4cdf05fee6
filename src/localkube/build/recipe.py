"""What a build is: named inputs, the builds it needs, and a function that fills a folder.

A recipe says everything that its output depends on in `inputs`; the hash of these and of what it needs names its
place in the cache (see `cache`). It must not read anything else that could change its output.
"""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from localkube.shell import run_into_log


@dataclass(frozen=True)
class Recipe:
    """One component to build.

    Attributes:
        name: its name in the progress, the cache and other recipes' `needs`; lower case with dashes.
        inputs: versions, hashes and contents of files that decide what comes out.
        build: fills `Workbench.out`.
        needs: the names of the recipes whose outputs it reads.
        cost: CPU seconds that it took when measured on two cores, to order the work and to say what is left.
        downloads: it waits for the network more than it computes, so it runs beside those that need the cores.
        programs: the programs that it calls, by their names in `programs.NEEDS`.
    """

    name: str
    inputs: Mapping[str, str]
    build: Callable[[Workbench], None]
    needs: tuple[str, ...] = ()
    cost: int = 10
    downloads: bool = False
    programs: tuple[str, ...] = ()

    def digest(self, needed: Mapping[str, str]) -> str:
        """The hash of all inputs, own and needed ones (name → digest); 16 hexadecimal digits."""
        told = json.dumps({"inputs": dict(self.inputs), "needs": dict(needed)}, sort_keys=True)
        return hashlib.sha256(told.encode()).hexdigest()[:16]


@dataclass(frozen=True)
class Workbench:
    """Where one build works and what it may use.

    Attributes:
        out: an empty folder; what lies in it when `build` returns is published at once, or not at all.
        work: a folder that survives an interrupted build, so that the next one goes on where it stopped.
        log: the file that takes the output of every command.
        needed: name → published output folder of what the recipe needs.
        on_step: told each step as it begins.
        stop: set when the build is to be given up, because another one failed.
        env: variables for every command.
        keep_open: the lock's file descriptor, for every command: should we be killed, whoever builds this next waits
            until what we started has ended.
    """

    out: Path
    work: Path
    log: Path
    needed: Mapping[str, Path]
    on_step: Callable[[str], None]
    stop: threading.Event = field(default_factory=threading.Event)
    env: Mapping[str, str] = field(default_factory=dict)
    keep_open: tuple[int, ...] = ()

    def step(self, title: str) -> None:
        """Say what is being done now, in two or three words; shown in the progress and written to the log."""
        with self.log.open("a") as sink:
            sink.write(f"== {title}\n")
        self.on_step(title)

    def run(self, *argv: str | Path, cwd: Path | None = None, env: Mapping[str, str] | None = None) -> None:
        """Run a program with its output in the log. Raises CommandFailed, which names the log."""
        variables = {**self.env, **(env or {})}
        run_into_log(argv, self.log, cwd=cwd, env=variables, stop=self.stop, keep_open=self.keep_open)
