"""Tokens: what a call took. Adds up; knows no prices (see `catalogue`) and no limits (see `limits`)."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, NonNegativeInt


class Usage(BaseModel):
    """Tokens of one call or of many.

    The three kinds of prompt tokens are disjoint, whatever a vendor's own counting is: `input` is what was neither
    read from the vendor's cache nor written to it.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    input: NonNegativeInt = 0
    output: NonNegativeInt = 0
    cache_read: NonNegativeInt = 0
    cache_write: NonNegativeInt = 0

    @property
    def prompt(self) -> int:
        """All tokens of the prompt."""
        return self.input + self.cache_read + self.cache_write

    @property
    def total(self) -> int:
        """All tokens."""
        return self.prompt + self.output

    def __add__(self, other: Usage) -> Usage:
        return Usage(
            input=self.input + other.input,
            output=self.output + other.output,
            cache_read=self.cache_read + other.cache_read,
            cache_write=self.cache_write + other.cache_write,
        )


NOTHING = Usage()


def from_anthropic(*, input_tokens: int, output_tokens: int, cache_read: int, cache_write: int) -> Usage:
    """Anthropic's counts: disjoint already."""
    return Usage(input=input_tokens, output=output_tokens, cache_read=cache_read, cache_write=cache_write)


def from_openai(*, prompt_tokens: int, completion_tokens: int, cached: int, cache_write: int) -> Usage:
    """OpenAI's counts: `prompt_tokens` includes what was read from the cache and what was written to it."""
    read = min(cached, prompt_tokens)
    written = min(cache_write, prompt_tokens - read)
    return Usage(input=prompt_tokens - read - written, output=completion_tokens, cache_read=read, cache_write=written)
