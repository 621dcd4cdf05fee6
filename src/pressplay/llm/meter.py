"""Counts an answer as it passes through, byte by byte, on either wire and without any SDK: for whoever relays it.

Pure. What a vendor bills is known although the caller goes away in the middle, the connection breaks, or the vendor
counts at the very end only: then the count is bounded from above. Must not change or hold back what passes.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

from pydantic import JsonValue

from pressplay.llm.messages import Wire
from pressplay.llm.usage import NOTHING, Usage, from_anthropic, from_openai

LONGEST_LINE = 32 * 1024 * 1024


class Meter:
    """Reads a stream of server-sent events.

    Args:
        prompt_at_most: what was reserved for the prompt; stands in until the vendor counts it.
    """

    def __init__(self, wire: Wire, prompt_at_most: int) -> None:
        self._wire = wire
        self._prompt_at_most = prompt_at_most
        self._rest = b""
        self._counted = NOTHING
        self._said = 0
        self._begun = False
        self.whole = False

    def feed(self, data: bytes) -> None:
        """Take the next bytes, wherever they were cut."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        # A line that never ends is no event of either vendor's.
        self._rest = self._rest[-LONGEST_LINE:]
        for line in lines:
            if line.startswith(b"data:"):
                self._take(line.removeprefix(b"data:").strip())

    @property
    def usage(self) -> Usage:
        """What the vendor will bill: its own count where it is complete, else the most that it can be."""
        if not self._begun or (self.whole and self._counted != NOTHING):
            return self._counted
        prompt = self._counted if self._counted.prompt else Usage(input=self._prompt_at_most)
        return prompt.model_copy(update={"output": max(self._counted.output, self._said)})

    def _take(self, data: bytes) -> None:
        if data == b"[DONE]":
            self.whole = True
            return
        try:
            event = json.loads(data)
        except ValueError:
            return
        if isinstance(event, dict):
            self._begun = True
            self._counted = counted(self._wire, event, self._counted)
            self._said += _said(self._wire, event)
            self.whole = self.whole or event.get("type") == "message_stop"


def usage_of(wire: Wire, answer: Mapping[str, JsonValue]) -> Usage:
    """What an answer that came in one piece took."""
    return counted(wire, {"usage": answer.get("usage")}, NOTHING)


def counted(wire: Wire, event: Mapping[str, JsonValue], earlier: Usage) -> Usage:
    """The count so far, after an event; what the event leaves out is as it was."""
    message = event.get("message")
    usage = event.get("usage") or (message.get("usage") if isinstance(message, dict) else None)
    if not isinstance(usage, dict):
        return earlier
    if wire is Wire.ANTHROPIC:
        return from_anthropic(
            input_tokens=_number(usage, "input_tokens", earlier.input),
            output_tokens=_number(usage, "output_tokens", earlier.output),
            cache_read=_number(usage, "cache_read_input_tokens", earlier.cache_read),
            cache_write=_number(usage, "cache_creation_input_tokens", earlier.cache_write),
        )
    details = usage.get("prompt_tokens_details")
    details = details if isinstance(details, dict) else {}
    return from_openai(
        prompt_tokens=_number(usage, "prompt_tokens", earlier.prompt),
        completion_tokens=_number(usage, "completion_tokens", earlier.output),
        cached=_number(details, "cached_tokens", 0),
        cache_write=_number(details, "cache_write_tokens", 0),
    )


def _number(usage: Mapping[str, JsonValue], name: str, otherwise: int) -> int:
    value = usage.get(name)
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else otherwise


def _said(wire: Wire, event: Mapping[str, JsonValue]) -> int:
    if wire is Wire.ANTHROPIC:
        return _bytes(event.get("delta")) if event.get("type") == "content_block_delta" else 0
    choices = event.get("choices")
    return (
        sum(_bytes(choice.get("delta")) for choice in choices if isinstance(choice, dict))
        if isinstance(choices, list)
        else 0
    )


def _bytes(value: JsonValue) -> int:
    """The bytes of all text in a piece of an answer: no fewer than its tokens."""
    if isinstance(value, str):
        return len(value.encode("utf-8", "surrogatepass"))
    if isinstance(value, dict):
        return sum(_bytes(item) for item in value.values())
    return sum(_bytes(item) for item in value) if isinstance(value, list) else 0
