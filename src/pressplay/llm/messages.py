"""What is said to a model and what comes back, in words that belong to no vendor.

Owns the shapes that a transcript is made of: they are frozen, and `model_dump_json` and `model_validate_json` are exact
inverses, so that a conversation can be kept at every step and taken up by another process. Must not know how any
vendor writes them; that is each wire's own affair.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, JsonValue

from pressplay.llm.usage import Usage

ImageType = Literal["image/png", "image/jpeg", "image/gif", "image/webp"]


class Wire(StrEnum):
    """The protocols that a model is spoken to in."""

    ANTHROPIC = "anthropic"
    OPENAI = "openai"
    SCRIPTED = "scripted"


class StopReason(StrEnum):
    """Why a model stopped speaking."""

    END = "end"
    TOOLS = "tools"
    LENGTH = "length"
    """The limit on the output was reached; a tool call at the end may be cut."""
    CONTEXT = "context"
    """The model's context is full: the conversation must be shortened before it can go on."""
    REFUSED = "refused"
    OTHER = "other"
    """A reason that this version does not know; the answer is whole as far as it goes."""


class Effort(StrEnum):
    """How much a model is to think, in the steps that both vendors have."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


def _characters(text: str) -> str:
    """The text with every half of a surrogate pair, which JSON's escapes can say, made a character."""
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


class Text(_Frozen):
    """Plain text; always such as UTF-8 can hold."""

    kind: Literal["text"] = "text"
    text: Annotated[str, AfterValidator(_characters)]


class Image(_Frozen):
    """A picture, inline: never an address that somebody else would fetch."""

    kind: Literal["image"] = "image"
    media_type: ImageType
    data: str = Field(description="base64, without line breaks", pattern=r"^[A-Za-z0-9+/]+={0,2}$")


class Reasoning(_Frozen):
    """A model's thinking. It is given back to the model that thought it, unchanged, and to no other.

    Attributes:
        text: what may be read of it; empty where the vendor hides it.
        opaque: the vendor's signature of `text`, or the hidden thinking itself.
        hidden: whether `opaque` is the thinking itself.
    """

    kind: Literal["reasoning"] = "reasoning"
    wire: Wire
    model: str
    text: str = ""
    opaque: str
    hidden: bool = False


class ToolCall(_Frozen):
    """The model wants a tool to be used.

    Attributes:
        problem: why the call cannot be carried out as the model wrote it (arguments that are no JSON object, for
            example); None for a sound one. Such a call is answered with this text as an error, and the model tries
            again.
    """

    kind: Literal["tool_call"] = "tool_call"
    id: str
    name: str
    arguments: dict[str, JsonValue] = Field(default_factory=dict)
    problem: str | None = None


class ToolResult(_Frozen):
    """What a tool gave back."""

    kind: Literal["tool_result"] = "tool_result"
    call_id: str
    content: tuple[Annotated[Text | Image, Field(discriminator="kind")], ...]
    is_error: bool = False

    @property
    def text(self) -> str:
        """The text of it, pictures left out."""
        return "\n".join(part.text for part in self.content if isinstance(part, Text))


Block = Annotated[Text | Image | Reasoning | ToolCall | ToolResult, Field(discriminator="kind")]


class Message(_Frozen):
    """One turn: the user's (which is also where results of tools stand) or the assistant's."""

    role: Literal["user", "assistant"]
    content: tuple[Block, ...]

    @property
    def text(self) -> str:
        """What is said in it."""
        return "\n".join(block.text for block in self.content if isinstance(block, Text))

    @property
    def tool_calls(self) -> tuple[ToolCall, ...]:
        """The tools that it asks for, in order."""
        return tuple(block for block in self.content if isinstance(block, ToolCall))

    @property
    def tool_results(self) -> tuple[ToolResult, ...]:
        """The results of tools that it brings, in order."""
        return tuple(block for block in self.content if isinstance(block, ToolResult))


class Tool(_Frozen):
    """A tool that we carry out ourselves when the model asks for it; vendors' own tools cannot be said here."""

    name: str = Field(pattern=r"^[A-Za-z0-9_-]{1,64}$")
    description: str
    parameters: dict[str, JsonValue] = Field(description="a JSON schema of type object")


class Request(_Frozen):
    """One call: the whole conversation, since neither vendor is to keep any of it."""

    system: str = ""
    messages: tuple[Message, ...]
    tools: tuple[Tool, ...] = ()
    max_output_tokens: int = Field(default=16_000, gt=0)
    effort: Effort | None = None


class Answer(_Frozen):
    """What the model said.

    Attributes:
        model: the model's name in the catalogue; by it the usage is priced.
        usage: of the call that succeeded; calls that broke off are told to the `Account` (see `retry`).
    """

    message: Message
    stop: StopReason
    usage: Usage
    model: str


def user(*content: Block | str) -> Message:
    """A turn of the user's; a string stands for text."""
    return Message(role="user", content=tuple(Text(text=part) if isinstance(part, str) else part for part in content))


def assistant(*content: Block | str) -> Message:
    """A turn of the assistant's; a string stands for text."""
    return Message(
        role="assistant", content=tuple(Text(text=part) if isinstance(part, str) else part for part in content)
    )
