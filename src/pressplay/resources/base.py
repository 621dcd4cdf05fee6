"""What the models of all resources have in common: frozen, strict, camelCase outside and snake_case inside."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel

GROUP: Final = "agents.platform"
VERSION: Final = "v1"
API_VERSION: Final = "agents.platform/v1"
# What the API calls objects of each kind in its paths.
PLURALS: Final[Mapping[str, str]] = MappingProxyType({"CodeRun": "coderuns", "DocsRun": "docsruns"})
# The persona of each kind where none is named.
USUAL_PERSONAS: Final[Mapping[str, str]] = MappingProxyType({"CodeRun": "rex", "DocsRun": "docs"})


class Resource(BaseModel):
    """A part of a custom resource. Unknown fields are passed over: an older reader must live with a newer object."""

    model_config = ConfigDict(
        alias_generator=to_camel, populate_by_name=True, frozen=True, extra="ignore", use_enum_values=False
    )

    def to_manifest(self) -> dict[str, Any]:
        """As it stands in a manifest: camelCase, plain JSON values, nothing that is not set."""
        return self.model_dump(mode="json", by_alias=True, exclude_none=True)
