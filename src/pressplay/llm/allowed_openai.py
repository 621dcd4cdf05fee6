"""OpenAI's Chat Completions: the fields that may pass, and those that the vendor knows and that may not. Data only."""

from __future__ import annotations

from pressplay.llm.allowed import (
    BILLING,
    DATA_URL,
    DEPRECATED,
    ID,
    IDENTITY,
    MODEL,
    MOST_OUTPUT,
    OTHER_MEDIA,
    SERVER_SIDE,
    STORED,
    TEXT,
    TOOL_NAME,
    UNUSED,
    may,
    must,
)
from pressplay.llm.shapes import (
    Either,
    Flag,
    FreeObject,
    ListOf,
    Number,
    Record,
    Tagged,
    Whole,
    one_of,
)

_CACHE = {"prompt_cache_breakpoint": UNUSED}
_TEXT = Record({"type": must(one_of("text")), "text": must(TEXT)}, _CACHE)
_TEXTS = Either((TEXT, ListOf(Tagged("type", {"text": _TEXT}))))
_IMAGE = Record(
    {
        "type": must(one_of("image_url")),
        "image_url": must(Record({"url": must(DATA_URL), "detail": may(one_of("auto", "low", "high"))})),
    },
    _CACHE,
)
_NAME = may(TOOL_NAME)
_CALL = Record(
    {
        "type": must(one_of("function")),
        "id": must(ID),
        "function": must(Record({"name": must(TOOL_NAME), "arguments": must(TEXT)})),
    }
)
_FUNCTION = Record(
    {
        "name": must(TOOL_NAME),
        "description": may(TEXT),
        "parameters": may(FreeObject(is_schema=True)),
        "strict": may(Flag()),
    }
)
_ASSISTANT = Record(
    {
        "role": must(one_of("assistant")),
        "content": may(
            Either(
                (
                    TEXT,
                    ListOf(
                        Tagged(
                            "type",
                            {
                                "text": _TEXT,
                                "refusal": Record({"type": must(one_of("refusal")), "refusal": must(TEXT)}),
                            },
                        )
                    ),
                )
            )
        ),
        "refusal": may(TEXT),
        "name": _NAME,
        "tool_calls": may(ListOf(Tagged("type", {"function": _CALL}, {"custom": UNUSED}), most=1_000)),
    },
    {"audio": STORED, "function_call": DEPRECATED},
)
OPENAI = Record(
    {
        "model": must(MODEL),
        "messages": must(
            ListOf(
                Tagged(
                    "role",
                    {
                        "developer": Record(
                            {"role": must(one_of("developer")), "content": must(_TEXTS), "name": _NAME}
                        ),
                        "system": Record({"role": must(one_of("system")), "content": must(_TEXTS), "name": _NAME}),
                        "user": Record(
                            {
                                "role": must(one_of("user")),
                                "name": _NAME,
                                "content": must(
                                    Either(
                                        (
                                            TEXT,
                                            ListOf(
                                                Tagged(
                                                    "type",
                                                    {"text": _TEXT, "image_url": _IMAGE},
                                                    {"input_audio": OTHER_MEDIA, "file": STORED},
                                                )
                                            ),
                                        )
                                    )
                                ),
                            }
                        ),
                        "assistant": _ASSISTANT,
                        "tool": Record(
                            {"role": must(one_of("tool")), "tool_call_id": must(ID), "content": must(_TEXTS)}
                        ),
                    },
                    {"function": DEPRECATED},
                )
            )
        ),
        "max_completion_tokens": may(Whole(1, MOST_OUTPUT)),
        "max_tokens": may(Whole(1, MOST_OUTPUT)),
        "tools": may(
            ListOf(
                Tagged(
                    "type",
                    {"function": Record({"type": must(one_of("function")), "function": must(_FUNCTION)})},
                    {"custom": UNUSED},
                ),
                most=500,
            )
        ),
        "tool_choice": may(
            Either(
                (
                    one_of("none", "auto", "required"),
                    Tagged(
                        "type",
                        {
                            "function": Record(
                                {
                                    "type": must(one_of("function")),
                                    "function": must(Record({"name": must(TOOL_NAME)})),
                                }
                            )
                        },
                        {"custom": UNUSED, "allowed_tools": UNUSED},
                    ),
                )
            )
        ),
        "parallel_tool_calls": may(Flag()),
        "reasoning_effort": may(one_of("none", "minimal", "low", "medium", "high", "xhigh", "max")),
        "verbosity": may(one_of("low", "medium", "high")),
        "response_format": may(
            Tagged(
                "type",
                {
                    "text": Record({"type": must(one_of("text"))}),
                    "json_object": Record({"type": must(one_of("json_object"))}),
                    "json_schema": Record(
                        {
                            "type": must(one_of("json_schema")),
                            "json_schema": must(
                                Record(
                                    {
                                        "name": must(TOOL_NAME),
                                        "description": may(TEXT),
                                        "schema": may(FreeObject(is_schema=True)),
                                        "strict": may(Flag()),
                                    }
                                )
                            ),
                        }
                    ),
                },
            )
        ),
        "stop": may(Either((TEXT, ListOf(TEXT, most=4)))),
        "stream": may(Flag()),
        "stream_options": may(Record({"include_usage": may(Flag(only=True)), "include_obfuscation": may(Flag())})),
        "n": may(Whole(1, 1)),
        "seed": may(Whole(-(2**63), 2**63 - 1)),
        "temperature": may(Number(0, 2)),
        "top_p": may(Number(0, 1)),
        "frequency_penalty": may(Number(-2, 2)),
        "presence_penalty": may(Number(-2, 2)),
        "service_tier": may(one_of("default")),
        "store": may(Flag(only=False)),
    },
    {
        "web_search_options": SERVER_SIDE,
        "moderation": SERVER_SIDE,
        "metadata": IDENTITY,
        "user": IDENTITY,
        "safety_identifier": IDENTITY,
        "prompt_cache_key": IDENTITY,
        "prompt_cache_options": UNUSED,
        "prompt_cache_retention": STORED,
        "prediction": BILLING,
        "audio": OTHER_MEDIA,
        "modalities": OTHER_MEDIA,
        "function_call": DEPRECATED,
        "functions": DEPRECATED,
        "logit_bias": UNUSED,
        "logprobs": UNUSED,
        "top_logprobs": UNUSED,
        # Known to the vendor's other route only; somebody will try.
        "previous_response_id": STORED,
        "conversation": STORED,
    },
)
