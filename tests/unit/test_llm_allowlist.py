"""What may pass to a vendor, held against every parameter that the installed SDKs know."""

from __future__ import annotations

import json
import typing
from collections.abc import Iterator
from copy import deepcopy
from typing import Any, Literal, get_args, get_origin

import pytest
import typing_extensions
from anthropic.types import message_create_params as anthropic_params
from anthropic.types.beta import message_create_params as beta_params
from hypothesis import given, settings
from hypothesis import strategies as st
from openai.types.chat import completion_create_params as openai_params
from openai.types.responses import response_create_params as responses_params

from pressplay.llm.allowlist import DEEPEST, HEADERS, ROUTES, SHAPES, check, parse
from pressplay.llm.bound import TOKENS_PER_IMAGE, Counted, prompt_at_most, size_of
from pressplay.llm.messages import Wire
from pressplay.llm.shapes import Either, Field, ListOf, NotAllowed, Record, Shape, String, Tagged

WRAPPERS = (
    typing.Required,
    typing.NotRequired,
    typing.Annotated,
    typing_extensions.Required,
    typing_extensions.NotRequired,
)
PARAMETERS = {
    Wire.ANTHROPIC: (anthropic_params.MessageCreateParamsNonStreaming, anthropic_params.MessageCreateParamsStreaming),
    Wire.OPENAI: (openai_params.CompletionCreateParamsNonStreaming, openai_params.CompletionCreateParamsStreaming),
}
# Fields that no SDK's params have and that are named all the same, so that the refusal says why.
BEYOND_THE_SDK = {
    Wire.ANTHROPIC: {
        "mcp_servers",
        "context_management",
        "compaction",
        "fallbacks",
        "fallback_credit_token",
        "billing_policy",
        "thread",
        "betas",
    },
    Wire.OPENAI: {"previous_response_id", "conversation"},
}

PNG = "iVBORw0KGgo="
ANTHROPIC_BODY: dict[str, Any] = {
    "model": "claude-sonnet-5-5",
    "max_tokens": 1000,
    "system": [{"type": "text", "text": "s", "cache_control": {"type": "ephemeral"}}],
    "tools": [{"name": "shell", "description": "d", "input_schema": {"type": "object"}}],
    "tool_choice": {"type": "auto", "disable_parallel_tool_use": True},
    "messages": [
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "hello"},
                {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PNG}},
            ],
        },
        {
            "role": "assistant",
            "content": [
                {"type": "thinking", "thinking": "t", "signature": "s"},
                {
                    "type": "tool_use",
                    "id": "toolu_1",
                    "name": "shell",
                    "input": {"any": ["thing"]},
                    "caller": {"type": "direct"},
                },
            ],
        },
        {
            "role": "user",
            "content": [
                {
                    "type": "tool_result",
                    "tool_use_id": "toolu_1",
                    "is_error": False,
                    "content": [{"type": "text", "text": "r"}],
                }
            ],
        },
    ],
    "stream": True,
}
OPENAI_BODY: dict[str, Any] = {
    "model": "gpt-6-sol",
    "max_completion_tokens": 1000,
    "tools": [{"type": "function", "function": {"name": "shell", "parameters": {"type": "object"}}}],
    "tool_choice": {"type": "function", "function": {"name": "shell"}},
    "messages": [
        {"role": "system", "content": "s"},
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "hello"},
                {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PNG}", "detail": "low"}},
            ],
        },
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [{"id": "c1", "type": "function", "function": {"name": "shell", "arguments": "{}"}}],
        },
        {"role": "tool", "tool_call_id": "c1", "content": "r"},
    ],
    "stream": True,
}
BODIES = {Wire.ANTHROPIC: ANTHROPIC_BODY, Wire.OPENAI: OPENAI_BODY}


def raw(body: object) -> bytes:
    return json.dumps(body).encode()


def changed(wire: Wire, *changes: tuple[str, object]) -> bytes:
    """The good body of a wire with fields set; a path is `messages.0.content.1.source.type`."""
    body = deepcopy(BODIES[wire])
    for path, value in changes:
        *parents, last = (int(part) if part.isdigit() else part for part in path.split("."))
        place: Any = body
        for parent in parents:
            place = place[parent]
        place[last] = value
    return raw(body)


# --- every parameter of both SDKs is classified ---------------------------------------------------------------------


def bare(annotation: Any) -> Any:
    while get_origin(annotation) in WRAPPERS:
        annotation = get_args(annotation)[0]
    return annotation


def dicts(annotation: Any) -> Iterator[Any]:
    """The TypedDicts in an annotation, whatever unions and lists they stand in."""
    annotation = bare(annotation)
    if typing_extensions.is_typeddict(annotation):
        yield annotation
    elif get_origin(annotation) is not Literal:
        for argument in get_args(annotation):
            yield from dicts(argument)


def fields(typed: Any) -> dict[str, Any]:
    return typing_extensions.get_type_hints(typed, include_extras=True)


def words(annotation: Any) -> Iterator[str]:
    annotation = bare(annotation)
    if get_origin(annotation) is Literal:
        yield from get_args(annotation)
    else:
        for argument in get_args(annotation):
            yield from words(argument)


def unclassified(shape: Shape, annotation: Any, path: str) -> Iterator[str]:
    """What the SDK knows and the shape does not name, and what the shape names and the SDK does not know."""
    match shape:
        case Record():
            for typed in dicts(annotation):
                yield from unclassified_fields(shape, typed, path)
        case Tagged():
            yield from unclassified_variants(shape, annotation, path)
        case ListOf():
            yield from unclassified(shape.item, annotation, f"{path}[]")
        case Either():
            for option in shape.options:
                yield from unclassified(option, annotation, path)
        case _:
            pass


def unclassified_fields(shape: Record, typed: Any, path: str) -> Iterator[str]:
    known, named = fields(typed), {*shape.allowed, *shape.refused}
    yield from (f"{path}.{name}: new in {typed.__name__}" for name in known.keys() - named)
    if path:
        yield from (f"{path}.{name}: not in {typed.__name__}" for name in named - known.keys())
    for name in known.keys() & shape.allowed.keys():
        yield from unclassified(shape.allowed[name].shape, known[name], f"{path}.{name}")


def unclassified_variants(shape: Tagged, annotation: Any, path: str) -> Iterator[str]:
    seen = set()
    for typed in dicts(annotation):
        if shape.tag not in fields(typed):
            yield f"{path}: {typed.__name__} has no {shape.tag}"
            continue
        for word in words(fields(typed)[shape.tag]):
            seen.add(word)
            if word in shape.variants:
                yield from unclassified_fields(shape.variants[word], typed, f"{path}<{word}>")
            elif word not in shape.refused:
                yield f"{path}.{shape.tag}: `{word}` is new"
    yield from (f"{path}.{shape.tag}: `{word}` is gone" for word in {*shape.variants, *shape.refused} - seen)


@pytest.mark.parametrize("wire", PARAMETERS)
def test_every_parameter_that_the_sdk_knows_is_allowed_or_refused_by_name(wire: Wire) -> None:
    found = [problem for typed in PARAMETERS[wire] for problem in unclassified(SHAPES[wire], typed, "")]
    assert found == []


@pytest.mark.parametrize("wire", PARAMETERS)
def test_nothing_is_named_that_no_sdk_knows(wire: Wire) -> None:
    known = {name for typed in PARAMETERS[wire] for name in fields(typed)}
    assert {*SHAPES[wire].allowed, *SHAPES[wire].refused} - known == BEYOND_THE_SDK[wire]
    assert set(SHAPES[wire].allowed) <= known


class Nested(typing.TypedDict):
    ttl: str
    novelty: str


class Text(typing.TypedDict):
    type: Literal["text"]
    text: str
    cache: Nested


class Video(typing.TypedDict):
    type: Literal["video"]


def test_a_new_field_or_kind_would_be_found() -> None:
    cache = Field(Record({"ttl": Field(String())}))
    shape = ListOf(Tagged("type", {"text": Record({"type": Field(String()), "text": Field(String()), "cache": cache})}))
    assert sorted(unclassified(shape, list[Text | Video], "content")) == [
        "content[].type: `video` is new",
        "content[]<text>.cache.novelty: new in Nested",
    ]


@pytest.mark.parametrize(
    ("wire", "other"), [(Wire.ANTHROPIC, beta_params.MessageCreateParamsStreaming), (Wire.OPENAI, None)]
)
def test_no_parameter_of_a_neighbouring_route_passes(wire: Wire, other: Any) -> None:
    known = fields(other) if other else fields(responses_params.ResponseCreateParamsStreaming)
    for name in known.keys() - SHAPES[wire].allowed.keys():
        with pytest.raises(NotAllowed) as refused:
            check(wire, changed(wire, (name, "x")))
        assert refused.value.path == name


@pytest.mark.parametrize("wire", PARAMETERS)
def test_every_refused_parameter_is_refused_with_its_reason(wire: Wire) -> None:
    for name, reason in SHAPES[wire].refused.items():
        with pytest.raises(NotAllowed) as refused:
            check(wire, changed(wire, (name, None)))
        assert (refused.value.path, refused.value.reason) == (name, reason)


# --- what passes and what does not ----------------------------------------------------------------------------------


@pytest.mark.parametrize("wire", BODIES)
def test_a_good_request_passes_and_its_worst_case_is_told(wire: Wire) -> None:
    checked = check(wire, raw(BODIES[wire]))
    assert checked.model == BODIES[wire]["model"]
    assert checked.stream
    assert checked.output_tokens == 1000
    assert checked.prompt_tokens == size_of(wire, checked.body)


def test_openai_is_told_to_store_nothing_and_to_count_whatever_the_caller_said() -> None:
    checked = check(Wire.OPENAI, changed(Wire.OPENAI, ("stream_options", {"include_obfuscation": False})))
    assert checked.body["store"] is False
    assert checked.body["stream_options"] == {"include_obfuscation": False, "include_usage": True}


def test_without_a_stream_no_stream_options_are_added() -> None:
    assert "stream_options" not in check(Wire.OPENAI, changed(Wire.OPENAI, ("stream", False))).body


REFUSED_ON_ANTHROPIC = [
    ("tools.0", {"type": "web_search_20260318", "name": "web_search"}, "tools[0].type"),
    ("tools.0", {"type": "web_fetch_20260318", "name": "web_fetch"}, "tools[0].type"),
    ("tools.0", {"type": "code_execution_20260521", "name": "code_execution"}, "tools[0].type"),
    ("tools.0", {"type": "web_search_20991231", "name": "web_search"}, "tools[0].type"),
    ("tools.0", {"type": "mcp_toolset", "mcp_server_name": "x"}, "tools[0].type"),
    ("tools.0.allowed_callers", ["code_execution_20260120"], "tools[0].allowed_callers[0]"),
    ("tools.0.input_schema", {"$ref": "https://evil/x"}, "tools[0].input_schema.$ref"),
    ("tools.0.input_schema", {"a": [{"$ref": "file:x"}]}, "tools[0].input_schema.a[0].$ref"),
    ("messages.0.content.1.source", {"type": "url", "url": "https://evil"}, "messages[0].content[1].source.type"),
    ("messages.0.content.1.source", {"type": "file", "file_id": "f"}, "messages[0].content[1].source.type"),
    ("messages.0.content.1.source.url", "https://evil", "messages[0].content[1].source.url"),
    ("messages.0.content.1.source.data", "https://evil", "messages[0].content[1].source.data"),
    ("messages.0.content.0", {"type": "document", "source": {}}, "messages[0].content[0].type"),
    ("messages.0.content.0", {"type": "container_upload", "file_id": "f"}, "messages[0].content[0].type"),
    ("messages.0.content.0.citations", [{"type": "x"}], "messages[0].content[0].citations"),
    (
        "messages.0.content.0.cache_control",
        {"type": "ephemeral", "ttl": "1h"},
        "messages[0].content[0].cache_control.ttl",
    ),
    ("messages.0.content.0.novelty", 1, "messages[0].content[0].novelty"),
    ("messages.2.content.0.content.0", {"type": "image", "source": {"type": "url", "url": "u"}}, None),
    ("messages.1.content.1.caller", {"type": "code_execution_20260120", "tool_id": "t"}, None),
    ("messages.0.role", "tool", "messages[0].role"),
    ("messages", [], "messages"),
    ("messages", "hello", "messages"),
    ("max_tokens", True, "max_tokens"),
    ("max_tokens", 10**9, "max_tokens"),
    ("max_tokens", -1, "max_tokens"),
    ("service_tier", "auto", "service_tier"),
    ("model", "x\nHost: evil", "model"),
    ("stream", 1, "stream"),
    ("system", {"type": "text"}, "system"),
]
REFUSED_ON_OPENAI = [
    ("tools.0", {"type": "custom", "custom": {"name": "x"}}, "tools[0].type"),
    ("tools.0", {"type": "web_search"}, "tools[0].type"),
    ("tools.0", {"type": "mcp", "server_url": "https://evil"}, "tools[0].type"),
    ("tools.0.function.parameters", {"$ref": "https://evil"}, "tools[0].function.parameters.$ref"),
    ("messages.1.content.1.image_url.url", "https://evil/x.png", "messages[1].content[1].image_url.url"),
    ("messages.1.content.1.image_url.url", "data:text/html;base64,AA==", "messages[1].content[1].image_url.url"),
    ("messages.1.content.1.image_url.detail", "original", "messages[1].content[1].image_url.detail"),
    ("messages.1.content.0", {"type": "file", "file": {"file_id": "f"}}, "messages[1].content[0].type"),
    ("messages.1.content.0", {"type": "input_audio", "input_audio": {}}, "messages[1].content[0].type"),
    ("messages.2.audio", {"id": "a"}, "messages[2].audio"),
    ("messages.2.tool_calls.0.type", "custom", "messages[2].tool_calls[0].type"),
    ("messages.3.role", "function", "messages[3].role"),
    ("store", True, "store"),
    ("n", 2, "n"),
    ("stream_options", {"include_usage": False}, "stream_options.include_usage"),
    ("service_tier", "priority", "service_tier"),
    ("temperature", "hot", "temperature"),
    ("temperature", 3, "temperature"),
    ("max_completion_tokens", None, "max_completion_tokens"),
]


@pytest.mark.parametrize(
    ("wire", "path", "value", "place"),
    [(Wire.ANTHROPIC, *row) for row in REFUSED_ON_ANTHROPIC] + [(Wire.OPENAI, *row) for row in REFUSED_ON_OPENAI],
)
def test_what_may_not_pass_is_refused_and_its_place_named(
    wire: Wire, path: str, value: object, place: str | None
) -> None:
    with pytest.raises(NotAllowed) as refused:
        check(wire, changed(wire, (path, value)))
    if place is not None:
        assert refused.value.path == place


@pytest.mark.parametrize("wire", BODIES)
def test_what_is_required_is_missed(wire: Wire) -> None:
    for name, wanted in SHAPES[wire].allowed.items():
        if wanted.required:
            body = {key: value for key, value in BODIES[wire].items() if key != name}
            with pytest.raises(NotAllowed, match=f"^{name}: is missing"):
                check(wire, raw(body))


def test_without_a_limit_on_the_output_nothing_can_be_reserved() -> None:
    body = {key: value for key, value in OPENAI_BODY.items() if key != "max_completion_tokens"}
    with pytest.raises(NotAllowed, match="max_completion_tokens: is missing"):
        check(Wire.OPENAI, raw(body))
    assert check(Wire.OPENAI, raw({**body, "max_tokens": 7})).output_tokens == 7


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (b'{"model": "a", "model": "b"}', "twice"),
        (b'{"a": {"b": 1, "b": 2}}', "twice"),
        (b'{"a": NaN}', "NaN"),
        (b"[]", "an object"),
        (b"{", "not JSON"),
        (b"\xff", "UTF-8"),
        (b'{"a": "\\ud800"}', "UTF-8"),
        (b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}", "deeper"),
        (b'{"a":' + b"[" * DEEPEST + b"]" * DEEPEST + b"}", "deeper"),
    ],
)
def test_what_two_parsers_could_read_differently_is_no_body(text: bytes, why: str) -> None:
    with pytest.raises(NotAllowed, match=why):
        parse(text)


def test_a_name_with_control_characters_is_shown_harmlessly() -> None:
    with pytest.raises(NotAllowed) as refused:
        check(Wire.ANTHROPIC, changed(Wire.ANTHROPIC, ("x\x1b[31m\n", 1)))
    assert str(refused.value).isprintable()


def test_only_two_routes_are_open_and_no_header_of_the_callers_passes() -> None:
    assert set(ROUTES) == {("POST", "/v1/messages"), ("POST", "/v1/chat/completions")}
    assert "anthropic-beta" not in HEADERS[Wire.ANTHROPIC]


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=150, deadline=None)
@given(
    place=st.sampled_from(["messages", "tools", "system", "tool_choice", "thinking", "messages.0.content"]),
    value=json_values,
)
def test_whatever_stands_there_is_passed_or_refused_and_never_an_accident(place: str, value: object) -> None:
    try:
        checked = check(Wire.ANTHROPIC, changed(Wire.ANTHROPIC, (place, value)))
    except NotAllowed:
        return
    assert checked.prompt_tokens > 0


# --- the bound ------------------------------------------------------------------------------------------------------


def test_a_picture_counts_as_a_picture_and_not_as_its_bytes() -> None:
    large = changed(Wire.ANTHROPIC, ("messages.0.content.1.source.data", "A" * 1_000_000))
    small = check(Wire.ANTHROPIC, raw(ANTHROPIC_BODY)).prompt_tokens
    assert check(Wire.ANTHROPIC, large).prompt_tokens == small
    assert small > TOKENS_PER_IMAGE[Wire.ANTHROPIC]


def test_what_only_looks_like_a_picture_counts_as_the_text_that_it_is() -> None:
    fake = {"type": "image", "source": {"type": "base64", "data": "A" * 1_000_000}}
    inside = changed(Wire.ANTHROPIC, ("messages.1.content.1.input", fake))
    assert check(Wire.ANTHROPIC, inside).prompt_tokens > 1_000_000


def test_what_a_vendor_counted_earlier_makes_the_bound_nearer_and_never_higher() -> None:
    body: dict[str, Any] = {"messages": [{"role": "user", "content": "x" * 10_000}]}
    size = size_of(Wire.ANTHROPIC, body)
    longer: dict[str, Any] = {"messages": [*body["messages"], {"role": "user", "content": "y" * 100}]}
    near = prompt_at_most(Wire.ANTHROPIC, longer, Counted(size=size, tokens=3_000))
    assert near == 3_000 + size_of(Wire.ANTHROPIC, longer) - size
    # Counts that cannot be of the same conversation are not believed.
    assert prompt_at_most(Wire.ANTHROPIC, body, Counted(size=size + 1, tokens=1)) == size
    assert prompt_at_most(Wire.ANTHROPIC, body, Counted(size=10, tokens=9_999_999)) == size
