"""Anthropic's Messages: the fields that may pass, and those that the vendor knows and that may not. Data only."""

from __future__ import annotations

from pressplay.llm.allowed import (
    ADDRESS,
    BASE64,
    BILLING,
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
    Record,
    Tagged,
    Whole,
    one_of,
    refuse,
)

# An hour's cache costs more to write than what is reserved and counted.
_CACHE = may(Record({"type": must(one_of("ephemeral")), "ttl": may(one_of("5m"))}))
_TEXT = Record(
    {
        "type": must(one_of("text")),
        "text": must(TEXT),
        "cache_control": _CACHE,
        "citations": may(ListOf(TEXT, most=0)),
    }
)
_IMAGE = Record(
    {
        "type": must(one_of("image")),
        "cache_control": _CACHE,
        "source": must(
            Tagged(
                "type",
                {
                    "base64": Record(
                        {
                            "type": must(one_of("base64")),
                            "media_type": must(one_of("image/png", "image/jpeg", "image/gif", "image/webp")),
                            "data": must(BASE64),
                        }
                    )
                },
                {"url": ADDRESS, "file": STORED},
            )
        ),
    },
    {"transformations": UNUSED},
)
_OTHER_CONTENT = {
    "document": OTHER_MEDIA,
    "search_result": OTHER_MEDIA,
    "container_upload": STORED,
    **refuse(
        SERVER_SIDE,
        (
            "server_tool_use",
            "web_search_tool_result",
            "web_fetch_tool_result",
            "code_execution_tool_result",
            "bash_code_execution_tool_result",
            "text_editor_code_execution_tool_result",
            "tool_search_tool_result",
        ),
    ),
}
_TOOL_RESULT = Record(
    {
        "type": must(one_of("tool_result")),
        "tool_use_id": must(ID),
        "is_error": may(Flag()),
        "cache_control": _CACHE,
        "content": may(
            Either(
                (
                    TEXT,
                    ListOf(
                        Tagged(
                            "type",
                            {"text": _TEXT, "image": _IMAGE},
                            {
                                "document": OTHER_MEDIA,
                                "search_result": OTHER_MEDIA,
                                "tool_reference": SERVER_SIDE,
                                "browser_state": UNUSED,
                            },
                        )
                    ),
                )
            )
        ),
    },
    {"toolset_name": UNUSED},
)
_TOOL_USE = Record(
    {
        "type": must(one_of("tool_use")),
        "id": must(ID),
        "name": must(TOOL_NAME),
        "input": must(FreeObject()),
        "cache_control": _CACHE,
        "caller": may(
            Tagged(
                "type",
                {"direct": Record({"type": must(one_of("direct"))})},
                refuse(SERVER_SIDE, ("code_execution_20250825", "code_execution_20260120")),
            )
        ),
    },
    {"toolset_name": UNUSED},
)
_CONTENT = Either(
    (
        TEXT,
        ListOf(
            Tagged(
                "type",
                {
                    "text": _TEXT,
                    "image": _IMAGE,
                    "tool_use": _TOOL_USE,
                    "tool_result": _TOOL_RESULT,
                    "thinking": Record(
                        {"type": must(one_of("thinking")), "thinking": must(TEXT), "signature": must(TEXT)}
                    ),
                    "redacted_thinking": Record({"type": must(one_of("redacted_thinking")), "data": must(TEXT)}),
                },
                _OTHER_CONTENT,
            )
        ),
    )
)
_TOOL = Record(
    {
        "type": may(one_of("custom")),
        "name": must(TOOL_NAME),
        "description": may(TEXT),
        "input_schema": must(FreeObject(is_schema=True)),
        "cache_control": _CACHE,
        "strict": may(Flag()),
        "eager_input_streaming": may(Flag()),
        "input_examples": may(ListOf(FreeObject(), most=100)),
        "allowed_callers": may(ListOf(one_of("direct"), most=1)),
    },
    {"defer_loading": SERVER_SIDE},
)
_TOOLS = ListOf(
    Tagged(
        "type",
        {"custom": _TOOL},
        {
            **refuse(
                SERVER_SIDE,
                (
                    "code_execution_20250522",
                    "code_execution_20250825",
                    "code_execution_20260120",
                    "code_execution_20260521",
                    "web_search_20250305",
                    "web_search_20260209",
                    "web_search_20260318",
                    "web_fetch_20250910",
                    "web_fetch_20260209",
                    "web_fetch_20260309",
                    "web_fetch_20260318",
                    "tool_search_tool_bm25_20251119",
                    "tool_search_tool_bm25",
                    "tool_search_tool_regex_20251119",
                    "tool_search_tool_regex",
                ),
            ),
            # Carried out by the caller, but with schemas of the vendor's that nobody here has read.
            **refuse(
                "give the tool a schema of your own (type custom)",
                (
                    "bash_20250124",
                    "text_editor_20250124",
                    "text_editor_20250429",
                    "text_editor_20250728",
                    "memory_20250818",
                    "browser_toolset_20260801",
                    "computer_toolset_20260801",
                ),
            ),
        },
        untagged="custom",
    ),
    most=500,
)
_PARALLEL = may(Flag())
ANTHROPIC = Record(
    {
        "model": must(MODEL),
        "max_tokens": must(Whole(0, MOST_OUTPUT)),
        "messages": must(
            ListOf(
                Tagged(
                    "role",
                    {
                        "user": Record({"role": must(one_of("user")), "content": must(_CONTENT)}),
                        "assistant": Record({"role": must(one_of("assistant")), "content": must(_CONTENT)}),
                        "system": Record(
                            {
                                "role": must(one_of("system")),
                                "content": must(Either((TEXT, ListOf(Tagged("type", {"text": _TEXT}))))),
                            }
                        ),
                    },
                )
            )
        ),
        "system": may(Either((TEXT, ListOf(Tagged("type", {"text": _TEXT}))))),
        "tools": may(_TOOLS),
        "tool_choice": may(
            Tagged(
                "type",
                {
                    "auto": Record({"type": must(one_of("auto")), "disable_parallel_tool_use": _PARALLEL}),
                    "any": Record({"type": must(one_of("any")), "disable_parallel_tool_use": _PARALLEL}),
                    "tool": Record(
                        {
                            "type": must(one_of("tool")),
                            "name": must(TOOL_NAME),
                            "disable_parallel_tool_use": _PARALLEL,
                        }
                    ),
                    "none": Record({"type": must(one_of("none"))}),
                },
            )
        ),
        "thinking": may(
            Tagged(
                "type",
                {
                    "enabled": Record(
                        {
                            "type": must(one_of("enabled")),
                            "budget_tokens": must(Whole(1, MOST_OUTPUT)),
                            "display": may(one_of("summarized", "omitted")),
                        }
                    ),
                    "adaptive": Record(
                        {"type": must(one_of("adaptive")), "display": may(one_of("summarized", "omitted"))}
                    ),
                    "between_tools": Record({"type": must(one_of("between_tools"))}),
                    "disabled": Record({"type": must(one_of("disabled"))}),
                },
            )
        ),
        "output_config": may(
            Record(
                {
                    "effort": may(one_of("low", "medium", "high", "xhigh", "max")),
                    "format": may(
                        Record({"type": must(one_of("json_schema")), "schema": must(FreeObject(is_schema=True))})
                    ),
                }
            )
        ),
        "stop_sequences": may(ListOf(TEXT, most=100)),
        "stream": may(Flag()),
        "cache_control": _CACHE,
        "service_tier": may(one_of("standard_only")),
    },
    {
        "container": STORED,
        "diagnostics": STORED,
        "metadata": IDENTITY,
        "user_profile_id": IDENTITY,
        "workspace_id": IDENTITY,
        "inference_geo": BILLING,
        "speed": BILLING,
        # Known to the SDK's beta calls only.
        "mcp_servers": SERVER_SIDE,
        "context_management": SERVER_SIDE,
        "compaction": SERVER_SIDE,
        "fallbacks": BILLING,
        "fallback_credit_token": BILLING,
        "billing_policy": BILLING,
        "thread": STORED,
        "betas": UNUSED,
    },
)
