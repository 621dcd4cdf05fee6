"""Which model, with which key: from the environment or from a file that git ignores, read anew when that changes.

Owns the LLM_* variables and the vendors' keys. A key is a `SecretStr` from the moment it is read: it appears in no
repr, log or error. Errors name the variable and what to do. Must not call anybody.

The file is `.env` (NAME=value, a line each) or a folder with a file for each variable, which is how Kubernetes mounts a
Secret and renews it. What stands in the environment goes before what stands in the file; a key that is to be renewed
without a restart therefore stands in the file only.
"""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, ValidationError

from pressplay.llm.messages import Wire

VARIABLES: Mapping[str, str] = {
    "LLM_PROVIDER": "provider",
    "LLM_MODEL": "models",
    "LLM_RATE_LIMIT": "rate_limit",
    "LLM_TIMEOUT": "timeout",
    "LLM_DEBUG": "debug",
    "LLM_BASE_URL": "base_url",
    "ANTHROPIC_API_KEY": "anthropic_api_key",
    "OPENAI_API_KEY": "openai_api_key",
}
_NAMES = {field: variable for variable, field in VARIABLES.items()}
_REMEDIES = {
    "LLM_PROVIDER": f"set LLM_PROVIDER to one of: {', '.join(Wire)}",
    "LLM_MODEL": "set LLM_MODEL to a model's name; fallbacks follow after commas",
    "LLM_RATE_LIMIT": "set LLM_RATE_LIMIT to calls a minute, a whole number from 1, or leave it out",
    "LLM_TIMEOUT": "set LLM_TIMEOUT to the seconds without a byte after which a call is given up, for example 120",
    "LLM_DEBUG": "set LLM_DEBUG to true or false, or leave it out",
    "LLM_BASE_URL": "set LLM_BASE_URL to an http or https address (scripted: the path of the script), or leave it out",
}
DEFAULT_MODELS: Mapping[Wire, str] = {
    Wire.ANTHROPIC: "claude-sonnet-5-5",
    Wire.OPENAI: "gpt-6.1-sol",
    Wire.SCRIPTED: "scripted",
}


class ConfigurationError(Exception):
    """A variable is missing or wrong: one line names it, one says what to do. Never holds its value if it is a key."""

    def __init__(self, variable: str, problem: str, remedy: str) -> None:
        super().__init__(f"{variable} {problem}\n  {remedy}")
        self.variable = variable
        self.remedy = remedy


def _names(value: object) -> object:
    if not isinstance(value, str):
        return value
    return tuple(name.strip() for name in value.split(",") if name.strip())


def _address(value: object) -> object:
    if isinstance(value, str) and any(mark in value for mark in "\n\r "):
        raise ValueError("has a blank in it")
    return value


class Settings(BaseModel):
    """How models are reached.

    Attributes:
        models: the preferred one first, then its fallbacks on the same wire.
        rate_limit: calls a minute; None for no limit.
        timeout: seconds without a byte.
        base_url: where the vendor's API is; None for the vendor's own. For `scripted`: the script's path.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    provider: Wire = Wire.ANTHROPIC
    models: Annotated[tuple[str, ...], BeforeValidator(_names), Field(min_length=1)]
    rate_limit: Annotated[int | None, Field(gt=0)] = None
    timeout: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 120.0
    debug: bool = False
    base_url: Annotated[str | None, BeforeValidator(_address)] = None
    anthropic_api_key: SecretStr | None = None
    openai_api_key: SecretStr | None = None

    def key(self) -> SecretStr:
        """The key of the provider.

        Raises:
            ConfigurationError: it is not set.
        """
        variable = "OPENAI_API_KEY" if self.provider is Wire.OPENAI else "ANTHROPIC_API_KEY"
        key = self.openai_api_key if self.provider is Wire.OPENAI else self.anthropic_api_key
        if key is None:
            raise ConfigurationError(
                variable,
                f"is not set, and LLM_PROVIDER is {self.provider}",
                f"put {variable} into the Secret pressplay-llm, whence it comes within two minutes, or, on your own "
                f"machine, into the environment or .env; or set LLM_PROVIDER to another vendor",
            )
        return key


def parse(variables: Mapping[str, str]) -> Settings:
    """Settings from variables; empty ones count as not set, others than ours are passed over.

    Raises:
        ConfigurationError: names the first variable that is wrong.
    """
    given = {field: variables[name].strip() for name, field in VARIABLES.items() if variables.get(name, "").strip()}
    if "provider" not in given:
        given["provider"] = _guess_provider(given)
    given["provider"] = given["provider"].lower()
    if "models" not in given and given["provider"] in list(Wire):
        given["models"] = DEFAULT_MODELS[Wire(given["provider"])]
    try:
        settings = Settings.model_validate(given)
    except ValidationError as error:
        first = error.errors()[0]
        variable = _NAMES.get(str(first["loc"][0]), str(first["loc"][0])) if first["loc"] else "LLM_PROVIDER"
        raise ConfigurationError(
            variable, f"is wrong: {first['msg']}", _REMEDIES.get(variable, f"set {variable} anew")
        ) from None
    _check_address(settings)
    return settings


def _guess_provider(given: Mapping[str, str]) -> str:
    # Whoever set one key and nothing else has said which vendor.
    if "openai_api_key" in given and "anthropic_api_key" not in given:
        return Wire.OPENAI.value
    return Wire.ANTHROPIC.value


def _check_address(settings: Settings) -> None:
    if settings.base_url is None or settings.provider is Wire.SCRIPTED:
        return
    try:
        parts = urlsplit(settings.base_url)
    except ValueError:
        parts = urlsplit("")
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ConfigurationError("LLM_BASE_URL", "is no http or https address", _REMEDIES["LLM_BASE_URL"])
    if parts.username or parts.password:
        raise ConfigurationError(
            "LLM_BASE_URL",
            "has a user or password in it",
            "take it out; keys belong into ANTHROPIC_API_KEY or OPENAI_API_KEY",
        )


class SettingsSource:
    """Settings that follow their file: `current` reads it again when it has changed, and only then.

    Args:
        path: a `.env` file or a folder of files; neither need exist.
        environment: goes before the file.
    """

    def __init__(self, path: Path | None = None, environment: Mapping[str, str] = os.environ) -> None:
        self._path = path
        self._environment = environment
        self._seen: object = None
        self._settings: Settings | None = None

    def current(self) -> Settings:
        """The settings as they are now.

        Raises:
            ConfigurationError: what stands there now cannot be used.
        """
        state = _state(self._path)
        if self._settings is None or state != self._seen:
            self._settings = parse({**read_variables(self._path), **_ours(self._environment)})
            self._seen = state
        return self._settings

    def key_source(self) -> Callable[[], SecretStr]:
        """What gives the provider's key as it is at the moment."""
        return lambda: self.current().key()


def read_variables(path: Path | None) -> dict[str, str]:
    """The variables of ours in a `.env` file or in a folder of files.

    Raises:
        ConfigurationError: a line of the file is no NAME=value, or the file cannot be read.
    """
    if path is None or not path.exists():
        return {}
    try:
        if path.is_dir():
            return {
                name: (path / name).read_text(encoding="utf-8").strip() for name in VARIABLES if (path / name).is_file()
            }
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "is not UTF-8"
        raise ConfigurationError(
            str(path), f"cannot be read: {reason}", "give its owner the right to read it"
        ) from None
    return _ours(dict(_assignments(path, lines)))


def _assignments(path: Path, lines: list[str]) -> list[tuple[str, str]]:
    found = []
    for number, line in enumerate(lines, start=1):
        bare = line.strip().removeprefix("export ").strip()
        if not bare or bare.startswith("#"):
            continue
        name, separator, value = bare.partition("=")
        words = _words(value.strip())
        if not separator or words is None or len(words) > 1:
            # The line is not shown: it may be a key.
            raise ConfigurationError(
                f"{path}, line {number},", "is not NAME=value", "quote a value that has blanks in it"
            )
        found.append((name.strip(), words[0] if words else ""))
    return found


def _words(value: str) -> list[str] | None:
    """The value as a shell would take it: quotes come off, and so does a comment after a blank; None for nonsense."""
    if value[:1] not in ("'", '"'):
        return re.split(r"(?:^|\s)#", value, maxsplit=1)[0].split()
    try:
        return shlex.split(value, comments=True)
    except ValueError:
        return None


def _ours(variables: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in variables.items() if name in VARIABLES and value.strip()}


def _state(path: Path | None) -> object:
    """What changes when the file does: Kubernetes swaps links, editors replace files, people write into them."""
    if path is None:
        return None
    paths = [path, *(path / name for name in VARIABLES)] if path.is_dir() else [path]
    return tuple(_identity(each) for each in paths)


def _identity(path: Path) -> tuple[int, int, int] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_ino, status.st_size, status.st_mtime_ns
