"""Scripts: YAML files with the turns of a model. The turn follows from the request alone, so nothing is remembered."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError


class ScriptError(Exception):
    """A script that cannot be used; names the file and the field."""


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Call(_Strict):
    """A tool that the model asks for."""

    name: str
    arguments: dict[str, Any] = Field(default_factory=dict)


class Turn(_Strict):
    """One answer.

    Attributes:
        expect: what the results of the last tools must contain; else the answer says so and the work ends.
    """

    text: str = ""
    tools: tuple[Call, ...] = ()
    expect: str | None = None


class Script(_Strict):
    """The answers to one task.

    Attributes:
        match: a text in the first turn of the user's by which the script is chosen; the longest wins.
        system: a text that stands in the instructions besides, as the name of a persona; such a script goes before.
        repeat: `last` says the last turn again and again; nothing ends the script with a plain text.
    """

    match: str
    system: str = ""
    turns: tuple[Turn, ...] = Field(min_length=1)
    repeat: str | None = None

    def turn(self, number: int, results: str) -> Turn:
        """The answer number `number`, from 0."""
        if number >= len(self.turns):
            return self.turns[-1] if self.repeat == "last" else Turn(text="The script has no further turn.")
        found = self.turns[number]
        if found.expect is not None and found.expect not in results:
            return Turn(text=f"The script expected {found.expect!r} in the last results, and it is not there.")
        return found


def parse(name: str, text: str) -> Script:
    """A script from YAML.

    Raises:
        ScriptError: it is none.
    """
    try:
        return Script.model_validate(yaml.safe_load(text))
    except yaml.YAMLError as error:
        raise ScriptError(f"{name} is no YAML: {error}") from None
    except ValidationError as error:
        first = error.errors()[0]
        raise ScriptError(f"{name}: {'.'.join(map(str, first['loc']))}: {first['msg']}") from None


def load(folder: Path) -> dict[str, Script]:
    """The scripts of a folder, by file name."""
    return {path.name: parse(path.name, path.read_text()) for path in sorted(folder.glob("*.yaml"))}


def choose(scripts: dict[str, Script], task: str, system: str = "") -> Script | None:
    """The script whose texts stand in a task and in the instructions."""
    fitting = [script for script in scripts.values() if script.match in task and script.system in system]
    return max(fitting, key=lambda script: (len(script.system), len(script.match)), default=None)
