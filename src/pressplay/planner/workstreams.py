"""Workstreams: a file each, planned as one graph of runs. Pure: bytes and personas go in, an order comes out.

Owns what a file may say, what a set of them must hold to, who works each, and which comes before which. Must know
nothing of clusters, nor of what has run already.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Any, Final

import yaml
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from pressplay.personas import strict_yaml
from pressplay.personas.find import find
from pressplay.personas.loader import Personas
from pressplay.personas.permissions import nearest
from pressplay.personas.schema import Persona
from pressplay.planner import graph
from pressplay.planner.priority import Priority
from pressplay.resources.run import LONGEST_TASK, Branch, Repository

MOST: Final = 100
LARGEST_FILE: Final = 256 * 1024
SHOWN: Final = 80
# Argo has the rule that the name of a task on which others depend begins with a letter.
Name = Annotated[str, StringConstraints(pattern=r"^[a-z]([-a-z0-9]*[a-z0-9])?$", max_length=40)]
Word = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$", max_length=63)]
Objective = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=8_000)]


class Status(StrEnum):
    """What a file says of its own workstream."""

    PENDING = "pending"
    """It is to be run."""
    DONE = "done"
    """Somebody has done it: it is not run, and what depends on it may begin."""
    HELD = "held"
    """It is not run, and neither is what depends on it."""


class Workstream(BaseModel):
    """One workstream, as its file tells it.

    Attributes:
        capabilities: that its persona must have, all of them.
        tags: that decide among personas of these capabilities.
        objectives: what is to be reached, in words; the task is made of them.
        dependencies: names of workstreams that must be done first.
        repository: owner/name; that of the checkout the files are in, where nothing is said.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Name
    capabilities: tuple[Word, ...] = Field(min_length=1)
    tags: tuple[Word, ...] = ()
    objectives: tuple[Objective, ...] = Field(min_length=1, max_length=50)
    priority: Priority = Priority.MEDIUM
    dependencies: tuple[Name, ...] = ()
    status: Status = Status.PENDING
    repository: Repository | None = None
    base: Branch | None = None
    model: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._:/-]{0,127}$")] | None = None


FIELDS: Final = tuple(Workstream.model_fields)


@dataclass(frozen=True)
class Trouble:
    """What is wrong with a file, and what to do about it."""

    file: str
    problem: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.file}: {self.problem}\n  {self.remedy}"


class WorkstreamsWrong(Exception):
    """The files cannot be planned; tells all that is wrong with them."""

    def __init__(self, troubles: Sequence[Trouble]) -> None:
        super().__init__("\n".join(str(each) for each in troubles))
        self.troubles = tuple(troubles)


@dataclass(frozen=True)
class Planned:
    """A workstream with its place in the plan.

    Attributes:
        persona: who works it.
        repository: owner/name, never empty.
        base: branch that it begins on and is for; None for the repository's default.
    """

    stream: Workstream
    persona: str
    repository: str
    base: str | None

    @property
    def name(self) -> str:
        """The workstream's name."""
        return self.stream.name

    @property
    def task(self) -> str:
        """What the agent is told."""
        return task_of(self.stream)


@dataclass(frozen=True)
class Home:
    """What the checkout tells that the files are in.

    Attributes:
        repository: owner/name; empty where there is none.
        base: the branch that the checkout follows.
    """

    repository: str = ""
    base: str | None = None


def plan(files: Mapping[str, bytes], personas: Personas, home: Home) -> tuple[Planned, ...]:
    """The workstreams of some files, each after what it depends on, and by priority where that leaves a choice.

    Args:
        files: contents by name.

    Raises:
        WorkstreamsWrong: they cannot be planned.
    """
    if not files or len(files) > MOST:
        problem = f"there are {len(files)} workstreams; from 1 to {MOST} are taken"
        raise WorkstreamsWrong([Trouble("the folder", problem, "write one YAML file for each workstream")])
    read: dict[str, Workstream] = {}
    troubles: list[Trouble] = []
    for file, data in sorted(files.items()):
        found = parse(file, data)
        if isinstance(found, Workstream):
            read[file] = found
        else:
            troubles += found
    # Whoever names a workstream whose own file is wrong should hear of that file alone.
    if troubles:
        raise WorkstreamsWrong(troubles)
    troubles = [*doubled(read), *wordy(read), *unknown(read), *lacking(read, personas), *homeless(read, home)]
    if not troubles:
        troubles = list(circles(read))
    if troubles:
        raise WorkstreamsWrong(troubles)
    return tuple(_planned(stream, personas, home) for stream in ordered(read.values()))


def parse(file: str, data: bytes) -> Workstream | list[Trouble]:
    """A workstream of its file, or what is wrong with that."""
    if len(data) > LARGEST_FILE:
        return [Trouble(file, f"it has more than {LARGEST_FILE:,} bytes", "say it in fewer words, or make two of it")]
    try:
        told = strict_yaml.load(data.decode("utf-8"))
    except UnicodeDecodeError as error:
        return [Trouble(file, f"it is not UTF-8: byte {error.start} is no part of a character", "save it anew")]
    except yaml.YAMLError as error:
        return [
            Trouble(file, f"it cannot be read: {' '.join(str(error).split())[:300]}", "mend what the message names")
        ]
    if not isinstance(told, dict):
        return [Trouble(file, "it holds no fields", f"write a line for each of: {', '.join(FIELDS)}")]
    try:
        return Workstream.model_validate(told)
    except ValidationError as error:
        return [_explained(file, told, dict(first)) for first in error.errors()]


def doubled(read: Mapping[str, Workstream]) -> Iterator[Trouble]:
    """Names that two files have."""
    files: dict[str, str] = {}
    for file, stream in read.items():
        if stream.name in files:
            yield Trouble(
                file, f"its name `{stream.name}` is that of {files[stream.name]} too", "give one another name"
            )
        files.setdefault(stream.name, file)


def wordy(read: Mapping[str, Workstream]) -> Iterator[Trouble]:
    """Workstreams of which a run could not take the task."""
    for file, stream in read.items():
        if len(task_of(stream)) > LONGEST_TASK:
            problem = f"objectives: together they have more than {LONGEST_TASK:,} characters"
            yield Trouble(file, problem, "say it in fewer words, or make two of it")


def unknown(read: Mapping[str, Workstream]) -> Iterator[Trouble]:
    """Dependencies that no file has the name of."""
    names = {stream.name for stream in read.values()}
    for file, stream in read.items():
        for wanted in stream.dependencies:
            if wanted not in names:
                problem = f"dependencies: there is no workstream `{wanted}`"
                yield Trouble(file, problem, _perhaps(wanted, names, "it", "take it out, or write its file"))


def lacking(read: Mapping[str, Workstream], personas: Personas) -> Iterator[Trouble]:
    """Workstreams that no persona can work."""
    known = {capability for one in personas for capability in one.capabilities}
    for file, stream in read.items():
        missing = [wanted for wanted in stream.capabilities if wanted not in known]
        for wanted in missing:
            there = f"the personas' capabilities are: {', '.join(sorted(known))}"
            problem = f"capabilities: no persona has `{wanted}`"
            yield Trouble(file, problem, _perhaps(wanted, known, "it", there))
        if not missing and not able(stream, personas):
            have = "; ".join(
                f"{wanted}: {', '.join(one.name for one in find(personas, wanted))}" for wanted in stream.capabilities
            )
            problem = f"capabilities: no persona has all of {', '.join(stream.capabilities)}"
            yield Trouble(file, problem, f"make a workstream for each ({have})")


def homeless(read: Mapping[str, Workstream], home: Home) -> Iterator[Trouble]:
    """Workstreams of which nobody says in which repository they are, told once."""
    files = [file for file, stream in read.items() if not stream.repository and not home.repository]
    if files:
        more = f" and {len(files) - 1} more" if len(files) > 1 else ""
        problem = "repository: it is not said, and the files are in no checkout with a remote that would tell"
        yield Trouble(f"{files[0]}{more}", problem, "give --repo owner/name, or write `repository: owner/name`")


def circles(read: Mapping[str, Workstream]) -> Iterator[Trouble]:
    """A circle of workstreams that wait for each other, told once, from its first name on."""
    files = {stream.name: file for file, stream in read.items()}
    after = {stream.name: stream.dependencies for stream in read.values()}
    circle = graph.find_circle(after)
    if circle:
        told = " → ".join((*circle, circle[0]))
        yield Trouble(files[circle[0]], f"dependencies: they go round: {told}", "take one of these dependencies out")


def ordered(streams: Iterable[Workstream]) -> list[Workstream]:
    """Each after all that it depends on; among those that could come next the most urgent, then by name.

    They depend on nothing that is not there, and in no circle.
    """
    by_name = {stream.name: stream for stream in streams}
    after = {name: stream.dependencies for name, stream in by_name.items()}
    return [by_name[name] for name in graph.ordered(after, lambda name: urgency(by_name[name]))]


def task_of(stream: Workstream) -> str:
    """What the agent is told."""
    if len(stream.objectives) == 1:
        return stream.objectives[0]
    points = ("- " + "\n  ".join(objective.splitlines()) for objective in stream.objectives)
    return "\n".join([f"Workstream {stream.name}. Reach all of these:", "", *points])


def urgency(stream: Workstream) -> int:
    """The smaller, the sooner."""
    return stream.priority.rank


def able(stream: Workstream, personas: Personas) -> tuple[Persona, ...]:
    """The personas with all of a workstream's capabilities, the best first."""
    first, *others = stream.capabilities
    return tuple(one for one in find(personas, first, stream.tags) if set(others) <= set(one.capabilities))


def _planned(stream: Workstream, personas: Personas, home: Home) -> Planned:
    repository = stream.repository or home.repository
    # What the checkout tells is true of its own repository only.
    base = stream.base or (home.base if repository == home.repository else None)
    return Planned(stream, able(stream, personas)[0].name, repository, base)


def _explained(file: str, told: Mapping[Any, Any], error: Mapping[str, Any]) -> Trouble:
    place = tuple(error["loc"])
    field = str(place[0]) if place else ""
    if error["type"] == "extra_forbidden":
        return Trouble(file, f"there is no field `{field}`", _perhaps(field, FIELDS, "the field", _fields()))
    if error["type"] == "missing":
        return Trouble(file, f"{field}: it is missing", _remedy(field))
    value = told.get(field)
    shown = f" `{str(value)[:SHOWN]}`" if isinstance(value, str | int | float) else ""
    for kind in (Priority, Status):
        if field == kind.__name__.lower():
            return Trouble(file, f"{field}:{shown} is none", _perhaps(str(value), list(kind), "it", _one_of(kind)))
    where = ".".join(str(part) for part in place)
    said = "must be a list" if error["type"] == "tuple_type" else f"cannot be: {error['msg']}"
    return Trouble(file, f"{where}:{shown} {said}", _remedy(field))


def _perhaps(told: str, known: Iterable[str], what: str, otherwise: str) -> str:
    near = nearest(told, map(str, known))
    return f"is {what} `{near}`? Else {otherwise}" if near else otherwise


def _one_of(kind: type[StrEnum]) -> str:
    return f"choose one of: {', '.join(kind)}"


def _fields() -> str:
    return f"the fields are: {', '.join(FIELDS)}"


def _remedy(field: str) -> str:
    return {
        "name": "write small letters, digits and `-`, at most 40, the first a letter",
        "capabilities": "write a list of what its persona must be able to do, as `[implement]`",
        "objectives": "write a list of what is to be reached, in words",
        "dependencies": "write a list of other workstreams' names",
        "repository": "write owner/name",
    }.get(field, "examples/workstreams/README.md explains the fields")
