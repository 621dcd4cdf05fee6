"""YAML in which a key that is said twice is an error: YAML itself would silently take the later one."""

from __future__ import annotations

from typing import Any

import yaml

# That of libyaml, where there is one, is ten times as fast.
_Safe: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _Loader(_Safe):  # type: ignore[misc]
    """The safe loader, stricter."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: dict[str, int] = {}
        for key, _ in node.value:
            line = key.start_mark.line + 1
            if key.value in seen and isinstance(key.value, str):
                raise yaml.constructor.ConstructorError(
                    problem=f"line {line}: `{key.value}` stands in line {seen[key.value]} already; keep one of them"
                )
            if isinstance(key.value, str):
                seen[key.value] = line
        mapping: dict[Any, Any] = super().construct_mapping(node, deep)
        return mapping


def load(text: str) -> object:
    """What a text holds.

    Raises:
        yaml.YAMLError: it is no YAML, or a key is said twice; names the line.
    """
    return yaml.load(text, _Loader)  # noqa: S506 - a subclass of the safe loader
