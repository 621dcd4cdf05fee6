"""What may pass to a vendor: two routes, and of their fields those that we use.

The tables of the two wires (`allowed_anthropic`, `allowed_openai`) and one function. Everything that the vendor's
servers would do on their own (search, fetch, run code, call MCP servers), keep (stored answers, files, containers, ids
of earlier ones), read from an address, attribute to somebody else, or bill by other rules is refused; so is every field
that is not named. The tables name what is refused too, with the reason: a test holds them against the installed SDKs,
so that a new field of a vendor's is met by a person. Must not read keys or call anybody.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

from pydantic import JsonValue

from pressplay.llm.allowed_anthropic import ANTHROPIC
from pressplay.llm.allowed_openai import OPENAI
from pressplay.llm.bound import Counted, prompt_at_most
from pressplay.llm.messages import Wire
from pressplay.llm.shapes import NotAllowed, Record, hold

LONGEST_BODY = 32 * 1024 * 1024
DEEPEST = 100

SHAPES: Mapping[Wire, Record] = {Wire.ANTHROPIC: ANTHROPIC, Wire.OPENAI: OPENAI}
# Method and path, without a query (`?beta=true` is another API).
ROUTES: Mapping[tuple[str, str], Wire] = {
    ("POST", "/v1/messages"): Wire.ANTHROPIC,
    ("POST", "/v1/chat/completions"): Wire.OPENAI,
}
# Of a caller's headers none passes: neither its own key, nor a switch for something new (`anthropic-beta`).
HEADERS: Mapping[Wire, Mapping[str, str]] = {
    Wire.ANTHROPIC: {"content-type": "application/json", "anthropic-version": "2023-06-01"},
    Wire.OPENAI: {"content-type": "application/json"},
}


@dataclass(frozen=True)
class Checked:
    """A request that may pass.

    Attributes:
        body: what is to be sent: never the bytes that came, since two parsers may read those differently.
        prompt_tokens, output_tokens: the most that it can take; to be reserved before it is sent.
    """

    wire: Wire
    model: str
    stream: bool
    body: Mapping[str, JsonValue]
    prompt_tokens: int
    output_tokens: int


def check(wire: Wire, raw: bytes, earlier: Counted | None = None) -> Checked:
    """Whether the body of a request may pass.

    Args:
        earlier: a call of the same conversation that the vendor has counted already; makes the bound nearer.

    Raises:
        NotAllowed: names the first field that may not, and why.
    """
    body = parse(raw)
    hold(SHAPES[wire], body)
    if not body.get("messages"):
        raise NotAllowed("messages", "is empty")
    output = _output_at_most(wire, body)
    stream = body.get("stream") is True
    body = _settled(wire, body, stream=stream)
    return Checked(wire, str(body["model"]), stream, body, prompt_at_most(wire, body, earlier), output)


def parse(raw: bytes) -> dict[str, JsonValue]:
    """JSON that reads the same for everybody: UTF-8, an object, no name twice, no NaN, not too long, not too deep.

    Raises:
        NotAllowed: it is not.
    """
    if len(raw) > LONGEST_BODY:
        raise NotAllowed("", f"is longer than {LONGEST_BODY} bytes")
    try:
        value: JsonValue = json.loads(raw.decode("utf-8"), object_pairs_hook=_object, parse_constant=_constant)
        json.dumps(value, ensure_ascii=False).encode("utf-8")
    except UnicodeError:
        raise NotAllowed("", "is not UTF-8") from None
    except RecursionError:
        raise NotAllowed("", f"is nested deeper than {DEEPEST}") from None
    except ValueError as error:
        raise NotAllowed("", f"is not JSON: {error}"[:200]) from None
    if not isinstance(value, dict):
        raise NotAllowed("", "must be an object")
    if _depth(value) > DEEPEST:
        raise NotAllowed("", f"is nested deeper than {DEEPEST}")
    return value


def _object(pairs: list[tuple[str, JsonValue]]) -> dict[str, JsonValue]:
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise ValueError("an object has a name twice")
    return fields


def _constant(name: str) -> JsonValue:
    raise ValueError(f"{name} is no JSON")


def _depth(value: JsonValue) -> int:
    depth, level = 0, [value]
    while level:
        depth += 1
        level = [
            item
            for each in level
            if isinstance(each, dict | list)
            for item in (each.values() if isinstance(each, dict) else each)
        ]
    return depth


def _output_at_most(wire: Wire, body: Mapping[str, JsonValue]) -> int:
    names = ("max_tokens",) if wire is Wire.ANTHROPIC else ("max_completion_tokens", "max_tokens")
    limits = [value for name in names if isinstance(value := body.get(name), int)]
    if not limits:
        raise NotAllowed(names[0], "is missing: without it no worst case can be reserved")
    return max(limits)


def _settled(wire: Wire, body: dict[str, JsonValue], *, stream: bool) -> dict[str, JsonValue]:
    """The body with what we insist on, whatever the vendor's or the account's defaults are."""
    if wire is not Wire.OPENAI:
        return body
    options = body.get("stream_options")
    settled: dict[str, JsonValue] = {**body, "store": False}
    if stream:
        # Without it the vendor bills a stream and does not say how much.
        settled["stream_options"] = {**(options if isinstance(options, dict) else {}), "include_usage": True}
    return settled
