"""The models as CustomResourceDefinitions: structural schemas, rules, columns. Pure."""

from __future__ import annotations

import inspect
from typing import Any

from pydantic import BaseModel

from pressplay.resources.base import GROUP, PLURALS, VERSION, Resource
from pressplay.resources.coderun import CodeRun, CodeRunSpec
from pressplay.resources.docsrun import DocsRun, DocsRunSpec
from pressplay.resources.run import RunSpec, RunStatus

Schema = dict[str, Any]

KEPT = (
    "type", "description", "enum", "pattern", "minLength", "maxLength", "minimum", "maximum", "minItems", "maxItems",
    "maxProperties", "format", "required",
)  # fmt: skip
ONE_TASK = (
    "has(self.issue) ? !has(self.task) && !has(self.pullRequest) : has(self.task) || has(self.pullRequest)",
    "say the task in exactly one way: task, issue or pullRequest; or task and pullRequest, to be done on that",
)
ONE_PERSONA = (
    "!has(self.persona) || !has(self.githubApp) || self.persona == self.githubApp",
    "githubApp is another name for persona: give one of them",
)
STARTED = "!has(oldSelf.status) || !has(oldSelf.status.startTime)"
CHANGEABLE = ("suspend", "cancel", "ttlSecondsAfterFinished")
COLUMNS = (
    ("Phase", "string", ".status.phase", 0),
    ("Persona", "string", ".status.persona", 0),
    ("Pull request", "string", ".status.pullRequestUrl", 0),
    ("Cost", "string", ".status.cost", 0),
    ("Age", "date", ".metadata.creationTimestamp", 0),
    ("Repository", "string", ".spec.repository", 1),
    ("Model", "string", ".status.model", 1),
    ("Attempts", "integer", ".status.attempts", 1),
    ("Reason", "string", '.status.conditions[?(@.type=="Finished")].reason', 1),
)


def definitions() -> dict[str, Schema]:
    """Both definitions, by their names."""
    made = (
        _definition(CodeRun, "coderun", "crun", CodeRunSpec, (ONE_TASK, ONE_PERSONA)),
        _definition(DocsRun, "docsrun", "drun", DocsRunSpec, ()),
    )
    return {each["metadata"]["name"]: each for each in made}


def _definition(
    resource: type[Resource], singular: str, short: str, spec: type[RunSpec], rules: tuple[tuple[str, str], ...]
) -> Schema:
    kind = resource.__name__
    plural = PLURALS[kind]
    version = {
        "name": VERSION,
        "served": True,
        "storage": True,
        "subresources": {"status": {}},
        "additionalPrinterColumns": [
            {"name": name, "type": type_, "jsonPath": path, "priority": priority}
            for name, type_, path, priority in COLUMNS
        ],
        "schema": {"openAPIV3Schema": _shape(resource, spec, rules)},
    }
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.{GROUP}"},
        "spec": {
            "group": GROUP,
            "scope": "Namespaced",
            "names": {
                "kind": kind,
                "listKind": f"{kind}List",
                "plural": plural,
                "singular": singular,
                "shortNames": [short],
                "categories": ["pressplay"],
            },
            "versions": [version],
        },
    }


def _plain_text(resource: type[Resource]) -> str:
    """What `kubectl explain` says of a kind: its docstring, a paragraph a line."""
    paragraphs = inspect.cleandoc(resource.__doc__ or "").split("\n\n")
    return "\n".join(" ".join(each.split()) for each in paragraphs)


def _shape(resource: type[Resource], spec: type[RunSpec], rules: tuple[tuple[str, str], ...]) -> Schema:
    held = {"x-kubernetes-validations": [_rule(*rule) for rule in rules]} if rules else {}
    return {
        "type": "object",
        "description": _plain_text(resource),
        "required": ["spec"],
        "properties": {
            "apiVersion": {"type": "string"},
            "kind": {"type": "string"},
            "metadata": {"type": "object"},
            "spec": {**structural(spec), **held},
            "status": structural(RunStatus),
        },
        "x-kubernetes-validations": [
            *(_rule(*rule) for rule in unchangeable(spec)),
            _rule(
                "!has(oldSelf.spec.cancel) || !oldSelf.spec.cancel || (has(self.spec.cancel) && self.spec.cancel)",
                "a cancelled run stays cancelled; make another one, or `pressplay retry` it",
            ),
        ],
    }


def unchangeable(spec: type[RunSpec]) -> list[tuple[str, str]]:
    """A rule for each field that stays as it is once a run has begun."""
    found = []
    for name, field in spec.model_fields.items():
        alias = field.alias or name
        if alias in CHANGEABLE:
            continue
        old, new = f"oldSelf.spec.{alias}", f"self.spec.{alias}"
        same = f"has({old}) == has({new}) && (!has({old}) || {old} == {new})"
        found.append((f"{STARTED} || ({same})", f"spec.{alias} cannot change once the run has begun"))
    return found


def structural(model: type[BaseModel]) -> Schema:
    """A model as a structural schema: no references, no alternatives, no defaults."""
    told = model.model_json_schema(by_alias=True)
    return _plain(told, told.get("$defs", {}))


def _plain(schema: Schema, definitions: dict[str, Schema]) -> Schema:
    if "$ref" in schema:
        target = definitions[schema["$ref"].rpartition("/")[2]]
        return _plain({**target, **{key: value for key, value in schema.items() if key != "$ref"}}, definitions)
    if "anyOf" in schema:
        (only,) = (each for each in schema["anyOf"] if each.get("type") != "null")
        outer = {key: value for key, value in schema.items() if key not in ("anyOf", "default")}
        return _plain({**only, **outer}, definitions)
    plain = {key: value for key, value in schema.items() if key in KEPT}
    if "const" in schema:
        plain["enum"] = [schema["const"]]
    if "properties" in schema:
        plain["properties"] = {name: _plain(each, definitions) for name, each in schema["properties"].items()}
    elif isinstance(schema.get("additionalProperties"), dict):
        plain["additionalProperties"] = _plain(schema["additionalProperties"], definitions)
    if "items" in schema:
        plain["items"] = _plain(schema["items"], definitions)
    return plain


def _rule(rule: str, message: str) -> dict[str, str]:
    return {"rule": rule, "message": message}
