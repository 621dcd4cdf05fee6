"""The cache of builds: what was built is found by the hash of its inputs, what is missing is built in order.

Layout below the cache folder: `builds/NAME-DIGEST/` is finished output and appears in one rename, `work/NAME-DIGEST/`
is what an interrupted build left for the next one, `logs/NAME-DIGEST.log` what its commands printed, `go-build/` the
Go compiler's own cache. A file lock a build (`locks/`) lets several processes share the cache: the second waits for
the first and takes its result.
"""

from __future__ import annotations

import fcntl
import os
import platform
import shutil
import threading
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from localkube.build.recipe import Recipe, Workbench
from localkube.errors import LocalKubeError
from localkube.progress import Progress

KEPT_GENERATIONS = 2
DOWNLOADS_AT_ONCE = 1
LOCK_POLL_SECONDS = 0.5


@dataclass(frozen=True)
class Store:
    """Finished builds below a folder."""

    root: Path

    def place(self, name: str, digest: str) -> Path:
        """Where the finished output of a build is, or will be."""
        return self.root / "builds" / f"{name}-{digest}"

    def obtain(
        self, recipe: Recipe, digest: str, needed: Mapping[str, Path], progress: Progress, stop: threading.Event
    ) -> Path:
        """The output of `recipe`: the finished one, or built now.

        Raises:
            LocalKubeError: the build failed; the message has the end of its log and the log's path.
        """
        place = self.place(recipe.name, digest)
        with self._lock(recipe.name, digest, progress, stop) as lock:
            if not place.exists():
                bench = self._workbench(recipe, digest, needed, progress, stop, lock)
                bench.step("start")
                recipe.build(bench)
                self._publish(recipe.name, bench, place)
        progress.done(recipe.name)
        return place

    def _workbench(
        self,
        recipe: Recipe,
        digest: str,
        needed: Mapping[str, Path],
        progress: Progress,
        stop: threading.Event,
        lock: int,
    ) -> Workbench:
        work = self.root / "work" / f"{recipe.name}-{digest}"
        out = work / "out"
        shutil.rmtree(out, ignore_errors=True)
        out.mkdir(parents=True)
        log = self.root / "logs" / f"{recipe.name}-{digest}.log"
        log.parent.mkdir(parents=True, exist_ok=True)
        log.unlink(missing_ok=True)
        return Workbench(
            out=out, work=work, log=log, needed=needed, stop=stop, keep_open=(lock,),
            on_step=lambda title: progress.step(recipe.name, title), env=self._env(),
        )  # fmt: skip

    def _publish(self, name: str, bench: Workbench, place: Path) -> None:
        place.parent.mkdir(parents=True, exist_ok=True)
        # A machine that is cut off after the rename must not find a finished folder with empty files in it.
        os.sync()
        bench.out.rename(place)
        shutil.rmtree(bench.work, ignore_errors=True)
        self._forget_older(name, keep=place)

    def _env(self) -> dict[str, str]:
        # One build cache for all that is compiled here, apart from the user's own: what components share compiles once.
        return {"GOCACHE": str(self.root / "go-build"), "GOGC": os.environ.get("GOGC", "400")}

    def _forget_older(self, name: str, keep: Path) -> None:
        """Delete a component's outputs but the newest, working folders in which nobody works, and the logs of both."""
        others = [path for path in self._of(name, "builds") if path != keep]
        others.sort(key=lambda path: path.stat().st_mtime, reverse=True)
        for old in others[KEPT_GENERATIONS - 1 :]:
            shutil.rmtree(old, ignore_errors=True)
        for left in self._of(name, "work"):
            with (self.root / "locks" / left.name).open("w") as lock:
                if _locked(lock):
                    shutil.rmtree(left, ignore_errors=True)
        kept = {path.name for kind in ("builds", "work") for path in self._of(name, kind)}
        for log in self._of(name, "logs", ".log"):
            if log.stem not in kept:
                log.unlink(missing_ok=True)

    def _of(self, name: str, kind: str, ending: str = "") -> list[Path]:
        """What is there of a component; digests are 16 hexadecimal digits."""
        return list((self.root / kind).glob(f"{name}-{'[0-9a-f]' * 16}{ending}"))

    @contextmanager
    def _lock(self, name: str, digest: str, progress: Progress, stop: threading.Event) -> Iterator[int]:
        path = self.root / "locks" / f"{name}-{digest}"
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("w") as handle:
            if not _locked(handle):
                progress.step(name, "wait for the process that builds it already")
            # Looked for again and again, so that the wait ends when this process is to end.
            while not _locked(handle):
                if stop.wait(LOCK_POLL_SECONDS):
                    raise LocalKubeError(f"{name}: given up while another process builds it")
            yield handle.fileno()


def _locked(handle: IO[str]) -> bool:
    """Take the lock, if nobody has it."""
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def digests(recipes: Iterable[Recipe]) -> dict[str, str]:
    """Name → digest of every recipe, in an order in which each comes after what it needs.

    Raises:
        LocalKubeError: a recipe needs one that is not there, or itself.
    """
    known = {recipe.name: recipe for recipe in recipes}
    found: dict[str, str] = {}

    def visit(name: str, path: tuple[str, ...]) -> str:
        if name in path or name not in known:
            raise LocalKubeError(
                f"the build {path[-1] if path else name!r} needs {name!r}, which cannot be built first"
            )
        if name not in found:
            recipe = known[name]
            needed = {need: visit(need, (*path, name)) for need in recipe.needs}
            found[name] = recipe.digest({**needed, "platform": f"{platform.system()}-{platform.machine()}"})
        return found[name]

    for name in known:
        visit(name, ())
    return found


def build(recipes: Iterable[Recipe], wanted: Iterable[str], store: Store, progress: Progress) -> dict[str, Path]:
    """Have the wanted components and all that they need; answers name → output folder, the needed ones included.

    What is finished is taken as it is. The rest is built, as many side by side as there are cores and a download
    besides, those first on which the longest chain of others waits.

    Raises:
        LocalKubeError: a build failed. Those that ran beside it are ended; what they did is kept for the next time.
    """
    known = {recipe.name: recipe for recipe in recipes}
    digest = digests(known.values())
    finished = _finished(known, digest, wanted, store)
    to_build = _needed_to_build(known, wanted, set(finished))
    progress.plan({name: known[name].cost for name in _by_urgency(known, to_build)})
    _run_in_order(known, digest, to_build, finished, store, progress)
    return finished


def missing(recipes: Iterable[Recipe], wanted: Iterable[str], store: Store) -> set[str]:
    """The names of what would have to be built now to have the wanted components."""
    known = {recipe.name: recipe for recipe in recipes}
    return _needed_to_build(known, wanted, set(_finished(known, digests(known.values()), wanted, store)))


def _run_in_order(
    known: Mapping[str, Recipe],
    digest: Mapping[str, str],
    to_build: set[str],
    finished: dict[str, Path],
    store: Store,
    progress: Progress,
) -> None:
    waiting = _by_urgency(known, to_build)
    stop = threading.Event()
    running: dict[Future[Path], str] = {}
    places = {False: os.cpu_count() or 1, True: DOWNLOADS_AT_ONCE}
    with ThreadPoolExecutor(max_workers=sum(places.values())) as pool:
        try:
            while waiting or running:
                for name in [name for name in waiting if finished.keys() >= set(known[name].needs)]:
                    alike = [other for other in running.values() if known[other].downloads == known[name].downloads]
                    if len(alike) >= places[known[name].downloads]:
                        continue
                    waiting.remove(name)
                    needs = {need: finished[need] for need in known[name].needs}
                    running[pool.submit(store.obtain, known[name], digest[name], needs, progress, stop)] = name
                for future in wait(running, return_when=FIRST_COMPLETED).done:
                    finished[running.pop(future)] = future.result()
        finally:
            stop.set()


def _finished(
    known: Mapping[str, Recipe], digest: Mapping[str, str], wanted: Iterable[str], store: Store
) -> dict[str, Path]:
    places = {name: store.place(name, digest[name]) for name in _closure(known, wanted)}
    return {name: place for name, place in places.items() if place.exists()}


def _closure(known: Mapping[str, Recipe], wanted: Iterable[str]) -> set[str]:
    found: set[str] = set()
    todo = list(wanted)
    while todo:
        name = todo.pop()
        if name not in found:
            found.add(name)
            todo.extend(known[name].needs)
    return found


def _needed_to_build(known: Mapping[str, Recipe], wanted: Iterable[str], finished: set[str]) -> set[str]:
    """What has to be built: a finished component hides what it was built from."""
    found: set[str] = set()
    todo = [name for name in wanted if name not in finished]
    while todo:
        name = todo.pop()
        if name not in found:
            found.add(name)
            todo.extend(need for need in known[name].needs if need not in finished)
    return found


def _by_urgency(known: Mapping[str, Recipe], names: Iterable[str]) -> list[str]:
    """The names, those first on which the costliest chain of others waits."""
    chosen = set(names)

    def chain(name: str) -> int:
        after = [chain(other) for other in chosen if name in known[other].needs]
        return known[name].cost + max(after, default=0)

    return sorted(chosen, key=lambda name: (-chain(name), name))
