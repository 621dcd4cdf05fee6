"""Tool calls as models write them: text that ought to be a JSON object, and sometimes is not."""

from __future__ import annotations

import json
import re

from pydantic import JsonValue

from pressplay.llm.messages import ToolCall

_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
# Stands for a name that no vendor would take back in the conversation.
NO_TOOL = "no_such_tool"


def parsed_call(call_id: str, name: str, arguments: str) -> ToolCall:
    """A tool call from what the model wrote; one that cannot be carried out says why in its `problem`."""
    if _NAME.fullmatch(name) is None:
        return ToolCall(id=call_id, name=NO_TOOL, problem="the call names no tool; call one by its name")
    try:
        value: JsonValue = json.loads(arguments) if arguments.strip() else {}
    except ValueError as error:
        return ToolCall(id=call_id, name=name, problem=f"the arguments are no JSON ({error}); call the tool again")
    if not _is_text(value):
        problem = "the arguments have half a surrogate pair in them, which is no character; call the tool again"
        return ToolCall(id=call_id, name=name, problem=problem)
    if not isinstance(value, dict):
        return ToolCall(id=call_id, name=name, problem="the arguments are no JSON object; call the tool again")
    return ToolCall(id=call_id, name=name, arguments=value)


def _is_text(value: JsonValue) -> bool:
    """Whether all of it can be written as UTF-8: JSON's escapes can say what is no character."""
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return False
    return True
