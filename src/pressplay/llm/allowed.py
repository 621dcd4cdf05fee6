"""What the tables of both wires have in common: the reasons for a refusal, and the fields' forms. Data only."""

from __future__ import annotations

from pressplay.llm.shapes import Field, Shape, String

MOST_OUTPUT = 1_000_000

SERVER_SIDE = "the vendor would act on its own; only tools that the caller carries out are allowed"
ADDRESS = "content is given inline, never by an address that somebody else fetches"
STORED = "nothing is kept at the vendor, and nothing kept there is referred to"
IDENTITY = "the vendor is told nothing about who asks"
BILLING = "it would be billed by other rules than those that were reserved for"
UNUSED = "not used here"
OTHER_MEDIA = "only text and pictures are allowed"
DEPRECATED = "deprecated by the vendor; use tools"

TEXT = String()
ID = String(pattern=r"[A-Za-z0-9_.:-]{1,128}", hint="must be an id of letters, digits and _ . : -")
TOOL_NAME = String(pattern=r"[A-Za-z0-9_-]{1,128}", hint="must be a name of letters, digits, _ and -")
MODEL = String(pattern=r"[A-Za-z0-9_.:/-]{1,128}", hint="must be the name of a model")
BASE64 = String(pattern=r"[A-Za-z0-9+/]+={0,2}", hint="must be base64 without line breaks")
DATA_URL = String(
    pattern=r"data:image/(png|jpeg|gif|webp);base64,[A-Za-z0-9+/]+={0,2}",
    hint=f"must be data:image/…;base64,…: {ADDRESS}",
)


def must(shape: Shape) -> Field:
    """A field that has to be there."""
    return Field(shape, required=True)


def may(shape: Shape, *, nullable: bool = True) -> Field:
    """A field that may be there."""
    return Field(shape, nullable=nullable)
