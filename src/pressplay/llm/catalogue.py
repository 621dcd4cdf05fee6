"""Which models there are, how large, and what they cost: reads `models.yaml`.

Money is a whole number of micro-dollars, computed exactly from decimals and rounded up once at the end of a call; no
float ever holds it. (A price in dollars per million tokens is the same number in micro-dollars per token.) Must not
know what was spent: it turns a usage into money and nothing else.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from decimal import ROUND_CEILING, Decimal
from importlib import resources
from pathlib import Path
from typing import Any, Literal, NewType

import yaml
from pydantic import BaseModel, ConfigDict, Field, PositiveInt, ValidationError, field_validator

from pressplay.llm.errors import InvalidRequest
from pressplay.llm.messages import Wire
from pressplay.llm.usage import Usage

MicroDollars = NewType("MicroDollars", int)
NO_MONEY = MicroDollars(0)

NEAR_NAMES = 3
# That of libyaml, where there is one, is ten times as fast.
SAFE: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class CatalogueError(Exception):
    """The file of models cannot be used; says where and why."""


class UnknownModel(InvalidRequest):
    """No such model in the catalogue; carries the names that are near."""

    def __init__(self, name: str, near: Iterable[str]) -> None:
        self.name = name
        self.near = tuple(near)
        super().__init__(
            f"the model `{name}` is not in the list of models and prices",
            f"set LLM_MODEL to one of: {', '.join(self.near)}; or add it to your own models.yaml",
        )


class Prices(BaseModel):
    """Dollars per million tokens."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    input: Decimal = Field(ge=0)
    output: Decimal = Field(ge=0)
    cache_read: Decimal = Field(ge=0)
    cache_write: Decimal = Field(ge=0)

    @field_validator("*", mode="before")
    @classmethod
    def _never_a_float(cls, value: object) -> object:
        if isinstance(value, float):
            raise ValueError(f'is a float; write the price as a string: "{value}"')
        return value

    @property
    def prompt_at_most(self) -> Decimal:
        """The most that a token of the prompt can cost."""
        return max(self.input, self.cache_read, self.cache_write)


class LongPrompt(BaseModel):
    """The prices of a call whose prompt has more than `tokens`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    tokens: PositiveInt
    prices: Prices


class ModelInfo(BaseModel):
    """One model."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    wire: Wire
    context: PositiveInt
    output: PositiveInt
    prices: Prices
    above: LongPrompt | None = None
    aliases: tuple[str, ...] = ()
    effort_with_tools: Literal["any", "omit", "none"] = "any"

    def prices_for(self, prompt_tokens: int) -> Prices:
        """The prices of a call with a prompt of this length."""
        if self.above is not None and prompt_tokens > self.above.tokens:
            return self.above.prices
        return self.prices

    def cost(self, usage: Usage) -> MicroDollars:
        """What one call cost. Not for sums of calls: the price depends on how long each call's prompt was."""
        prices = self.prices_for(usage.prompt)
        return _whole(
            usage.input * prices.input
            + usage.output * prices.output
            + usage.cache_read * prices.cache_read
            + usage.cache_write * prices.cache_write
        )

    def cost_at_most(self, prompt_tokens: int, output_tokens: int) -> MicroDollars:
        """What a call with no more than these tokens can cost, whatever its cache does."""
        return max(
            _whole(min(prompt_tokens, longest) * prices.prompt_at_most + output_tokens * prices.output)
            for prices, longest in self._reachable(prompt_tokens)
        )

    def _reachable(self, prompt_tokens: int) -> list[tuple[Prices, int]]:
        # A shorter prompt can be the dearer call only if the long one's prices are lower; nobody does that today, but a
        # bound that leans on it would not be one.
        if self.above is None or prompt_tokens <= self.above.tokens:
            return [(self.prices, prompt_tokens)]
        return [(self.prices, self.above.tokens), (self.above.prices, prompt_tokens)]


class _File(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    models: tuple[ModelInfo, ...] = Field(min_length=1)


class Catalogue:
    """The models that may be called.

    Args:
        models: each name and alias once.

    Raises:
        CatalogueError: a name stands there twice.
    """

    def __init__(self, models: Iterable[ModelInfo]) -> None:
        self._by_name: dict[str, ModelInfo] = {}
        for model in models:
            for name in (model.name, *model.aliases):
                if name in self._by_name:
                    raise CatalogueError(f"the model `{name}` stands in the list twice; remove one")
                self._by_name[name] = model

    def find(self, name: str) -> ModelInfo:
        """The model of this name or alias.

        Raises:
            UnknownModel: there is none; tells the nearest names.
        """
        found = self._by_name.get(name)
        if found is None:
            near = difflib.get_close_matches(name, self._by_name, n=NEAR_NAMES, cutoff=0.4)
            raise UnknownModel(name, near or sorted({model.name for model in self._by_name.values()}))
        return found

    def names(self, wire: Wire | None = None) -> tuple[str, ...]:
        """The names of all models, or of those that are spoken to on one wire."""
        return tuple(dict.fromkeys(m.name for m in self._by_name.values() if wire is None or m.wire is wire))


def load(path: Path | None = None) -> Catalogue:
    """Read a file of models; without a path the one that comes with the product.

    Raises:
        CatalogueError: it cannot be read, or says something that makes no sense; names the place in it.
    """
    name = str(path) if path else "models.yaml"
    try:
        text = (path or resources.files("pressplay.llm") / "models.yaml").read_text(encoding="utf-8")
        return Catalogue(_File.model_validate(yaml.load(text, SAFE)).models)  # noqa: S506 - the safe one
    except (OSError, yaml.YAMLError) as error:
        raise CatalogueError(f"{name} cannot be read: {error}") from error
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"]) or "the file"
        raise CatalogueError(f"{name}: {place}: {first['msg']}") from error


def _whole(amount: Decimal) -> MicroDollars:
    return MicroDollars(int(amount.to_integral_value(ROUND_CEILING)))
