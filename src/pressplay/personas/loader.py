"""Personas from their folders: `NAME/persona.yaml` beside `NAME/prompt.md`. Errors name file, field and cure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml
from pydantic import BaseModel, ValidationError

from pressplay.personas import strict_yaml
from pressplay.personas.agreement import disagreements
from pressplay.personas.permissions import nearest
from pressplay.personas.schema import Persona

SETTINGS = "persona.yaml"
PROMPT = "prompt.md"


class PersonaError(Exception):
    """A persona's files cannot be used."""


class UnknownPersona(Exception):
    """There is no persona of this name."""


@dataclass(frozen=True)
class Personas:
    """All personas, by name."""

    by_name: Mapping[str, Persona]

    def find(self, name: str) -> Persona:
        """The persona of a name or an alias.

        Raises:
            UnknownPersona: there is none; tells which there are.
        """
        found = self.by_name.get(name) or next((one for one in self if name in one.aliases), None)
        if found is None:
            near = nearest(name, self.by_name)
            perhaps = f"is it `{near}`? Else " if near else ""
            told = f"{perhaps}choose one of: {', '.join(sorted(self.by_name))}"
            raise UnknownPersona(f"there is no persona `{name}`; {told}")
        return found

    def __iter__(self) -> Iterator[Persona]:
        return iter(self.by_name.values())


def load(folder: Path, *further: Path) -> Personas:
    """All personas of some folders.

    Args:
        folder: with the personas that come with the product.
        further: with those of a cluster. One goes before another of its name; what files it lacks are that one's.

    Raises:
        PersonaError: a file is missing or wrong, or two personas have a name in common.
    """
    places: dict[str, list[Path]] = {}
    for each in (folder, *further):
        for path in _personas_of(each):
            places.setdefault(path.name, []).insert(0, path)
    personas = [_load(places[name]) for name in sorted(places)]
    if not personas:
        raise PersonaError(f"{folder} has no personas in it\n  each is a folder with {SETTINGS} and {PROMPT}")
    names: dict[str, str] = {}
    for persona in personas:
        for name in (persona.name, *persona.aliases):
            if name in names:
                told = f"{places[persona.name][0].parent}: {persona.name} and {names[name]} are both called `{name}`"
                raise PersonaError(f"{told}\n  give one another name")
            names[name] = persona.name
    return Personas({persona.name: persona for persona in personas})


def _personas_of(folder: Path) -> list[Path]:
    if not folder.is_dir():
        raise PersonaError(f"{folder} is no folder\n  set PRESSPLAY_AGENTS to the folders with the personas")
    # A mounted ConfigMap has its versions in folders that begin with dots.
    return [path for path in folder.iterdir() if path.is_dir() and not path.name.startswith(".")]


def _load(places: Sequence[Path]) -> Persona:
    settings, prompt = (_first(places, file) for file in (SETTINGS, PROMPT))
    try:
        told = strict_yaml.load(_text(settings))
    except yaml.YAMLError as error:
        raise PersonaError(f"{settings} cannot be read: {' '.join(str(error).split())[:300]}") from None
    if not isinstance(told, dict):
        raise PersonaError(f"{settings} must hold fields, a line each\n  look at another persona's")
    if "prompt" in told:
        raise PersonaError(f"{settings}: prompt: stands in a file of its own\n  write it into {prompt}")
    try:
        persona = Persona.model_validate({**told, "prompt": _text(prompt).strip()})
    except ValidationError as error:
        raise PersonaError(f"{settings}: {_explained(error)}\n  agents/README.md has the fields") from None
    if persona.name != settings.parent.name:
        raise PersonaError(f"{settings}: name is `{persona.name}`, and its folder is called `{settings.parent.name}`")
    wrong = disagreements(persona)
    if wrong:
        raise PersonaError(f"{settings}: {'; '.join(wrong)}\n  change one side, so that both say the same")
    return persona


def _first(places: Sequence[Path], name: str) -> Path:
    """A persona's file, of the folder that goes before the others among those that have it."""
    for place in places:
        if (place / name).is_file():
            return place / name
    raise PersonaError(f"{places[0] / name} is missing\n  a persona is a folder with {SETTINGS} and {PROMPT}")


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        told = f"{file} is not UTF-8: byte {error.start} is no part of a character"
        raise PersonaError(f"{told}\n  save it anew") from None


def _explained(error: ValidationError) -> str:
    """The first thing that is wrong: its place, and of an unknown field the one that was perhaps meant."""
    first = error.errors()[0]
    place = ".".join(str(part) for part in first["loc"])
    if first["type"] == "extra_forbidden":
        known = _fields(first["loc"][:-1])
        near = nearest(str(first["loc"][-1]), known)
        told = f"did you mean `{near}`?" if near else f"there are: {', '.join(known)}"
        return f"{place}: there is no such field; {told}"
    said = first["msg"].removeprefix("Value error, ")
    return f"{place}.{said}" if place == "permissions" and first["type"] == "value_error" else f"{place}: {said}"


def _fields(place: tuple[int | str, ...]) -> dict[str, object]:
    """The fields that may stand at a place."""
    model: type[BaseModel] = Persona
    for part in place:
        inner = model.model_fields[str(part)].annotation
        if not (isinstance(inner, type) and issubclass(inner, BaseModel)):
            return {}
        model = inner
    return {name: field for name, field in model.model_fields.items() if name != "prompt"}
