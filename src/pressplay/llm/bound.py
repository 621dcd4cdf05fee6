"""How many tokens a request can have at most, before anybody has counted them.

A tokenizer of either vendor makes no token out of less than a byte, so the length of the body is a bound that no text
can break, and the framing of JSON is longer than what the vendors put in its place. Pictures are counted by their own
rule. Where an earlier call of the same conversation was counted by the vendor, only what was added since is bounded so;
that is near the truth, and it is a bound as long as the beginning is the same.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from pydantic import JsonValue

from pressplay.llm.messages import Wire

# What a picture can take at the highest resolution that either vendor counts, with room above it.
TOKENS_PER_IMAGE = {Wire.ANTHROPIC: 5_000, Wire.OPENAI: 12_000, Wire.SCRIPTED: 0}
# The vendors' own instructions to a model that has tools.
TOKENS_FOR_TOOLS = 1_000


@dataclass(frozen=True)
class Counted:
    """An earlier call of the same conversation: how long its body was, and what the vendor counted.

    Attributes:
        size: as `size_of` told it.
        tokens: of its prompt, by the vendor's own count.
    """

    size: int
    tokens: int


def size_of(wire: Wire, body: Mapping[str, JsonValue]) -> int:
    """A bound of the prompt's tokens by the body alone."""
    text = json.dumps(body, ensure_ascii=False, separators=(",", ":"))
    pictures = [len(data) for data in _pictures(body.get("messages"))]
    size = len(text.encode("utf-8", "surrogatepass")) - sum(pictures) + len(pictures) * TOKENS_PER_IMAGE[wire]
    return size + (TOKENS_FOR_TOOLS if body.get("tools") else 0)


def prompt_at_most(wire: Wire, body: Mapping[str, JsonValue], earlier: Counted | None = None) -> int:
    """The most tokens that the prompt of this body can have."""
    return nearer(size_of(wire, body), earlier)


def nearer(size: int, earlier: Counted | None) -> int:
    """A bound with what was counted in place of its own part of the body; only growth is bounded by bytes then."""
    if earlier is None or earlier.size > size or earlier.tokens > earlier.size:
        # Not the same conversation, or shortened since: what was counted says nothing.
        return size
    return earlier.tokens + (size - earlier.size)


def _pictures(turns: JsonValue) -> Iterator[str]:
    """The data of pictures, where the vendors look for them: what merely looks like one elsewhere is text to them."""
    for turn in _objects(turns):
        for block in _objects(turn.get("content")):
            inner = _objects(block.get("content")) if block.get("type") == "tool_result" else []
            yield from (data for each in (block, *inner) if (data := _picture(each)) is not None)


def _objects(value: JsonValue) -> list[dict[str, JsonValue]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _picture(block: Mapping[str, JsonValue]) -> str | None:
    match block.get("type"):
        case "image":
            place, name = block.get("source"), "data"
        case "image_url":
            place, name = block.get("image_url"), "url"
        case _:
            return None
    data = place.get(name) if isinstance(place, dict) else None
    return data if isinstance(data, str) else None
