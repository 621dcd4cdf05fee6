"""The cluster's policy: what namespaces may ask for. A YAML file; where there is none, the App's installation decides.

Everything that a run can ask for and that costs or reaches something is checked here, by name, before anything starts.
"""

from __future__ import annotations

from collections.abc import Callable
from fnmatch import fnmatchcase
from pathlib import Path

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from pressplay.policy.merge import MergeFloor
from pressplay.protocol.run import Refusal
from pressplay.resources.reasons import Reason
from pressplay.resources.run import MOST_SECONDS, MOST_TOKENS, Budget, RunSpec

EVERYTHING = ("*",)


class PolicyError(Exception):
    """The policy file cannot be used."""


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)


class Tenant(_Strict):
    """What runs of some namespaces may ask for; `*` in a pattern stands for anything.

    Attributes:
        namespaces: patterns of namespaces that this is for.
        repositories: patterns of owner/name.
        images: patterns of workbench images besides the default one; none where it is empty.
        node_selectors: labels that may be asked for.
        mirror_claims: patterns of claims that workspaces may borrow from.
        max_dollars: the most that a run has, whoever says how much; None for no such limit.
    """

    namespaces: tuple[str, ...] = Field(default=EVERYTHING, min_length=1)
    repositories: tuple[str, ...] = EVERYTHING
    personas: tuple[str, ...] = EVERYTHING
    models: tuple[str, ...] = EVERYTHING
    images: tuple[str, ...] = EVERYTHING
    runtime_classes: tuple[str, ...] = Field(default=EVERYTHING, alias="runtimeClasses")
    node_selectors: tuple[str, ...] = Field(default=EVERYTHING, alias="nodeSelectors")
    mirror_claims: tuple[str, ...] = Field(default=EVERYTHING, alias="mirrorClaims")
    tolerations: bool = True
    max_dollars: float | None = Field(default=None, alias="maxDollars", gt=0, lt=1_000_000)
    max_tokens: int | None = Field(default=None, alias="maxTokens", ge=1, le=MOST_TOKENS)
    max_seconds: int | None = Field(default=None, alias="maxSeconds", ge=10, le=MOST_SECONDS)


class ClusterPolicy(_Strict):
    """The first tenant that a namespace matches holds; a namespace that matches none may start nothing.

    Attributes:
        merge: what every merge needs, whatever a project says.
    """

    tenants: tuple[Tenant, ...] = (Tenant(),)
    merge: MergeFloor = Field(default_factory=MergeFloor)

    def tenant(self, namespace: str) -> Tenant | None:
        """What holds for a namespace."""
        return next((one for one in self.tenants if _any(one.namespaces, namespace)), None)


def load(path: Path | None) -> ClusterPolicy:
    """The policy of a file; the open one where there is no file.

    Raises:
        PolicyError: it cannot be read, or a field is wrong; names it.
    """
    if path is None or not path.exists():
        return ClusterPolicy()
    try:
        told = yaml.safe_load(path.read_text(encoding="utf-8"))
        return ClusterPolicy.model_validate(told or {})
    except ValidationError as error:
        first = error.errors()[0]
        raise PolicyError(f"{path}: {'.'.join(map(str, first['loc']))}: {first['msg']}") from None
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        # Dates and numbers that there are not are told as ValueError.
        raise PolicyError(f"{path} is no YAML: {' '.join(str(error).split())[:300]}") from None


Rule = Callable[[Tenant, RunSpec, str], Refusal | None]


def repository(tenant: Tenant, spec: RunSpec, _: str) -> Refusal | None:
    """The repository is one of the namespace's."""
    return _of_another(tenant, spec.repository)


def _of_another(tenant: Tenant, name: str) -> Refusal | None:
    if _any(tuple(map(str.lower, tenant.repositories)), name.lower()):
        return None
    return _refusal(Reason.REPOSITORY_NOT_ALLOWED, f"this namespace may not work on {name}")


def persona(tenant: Tenant, _: RunSpec, name: str) -> Refusal | None:
    """The persona may be used here."""
    return (
        None
        if _any(tenant.personas, name)
        else _refusal(Reason.PERSONA_NOT_PERMITTED, f"this namespace may not use the persona `{name}`")
    )


def model(tenant: Tenant, spec: RunSpec, _: str) -> Refusal | None:
    """The model may be used here."""
    if spec.model is None or _any(tenant.models, spec.model):
        return None
    return _refusal(Reason.UNKNOWN_MODEL, f"this namespace may not use the model `{spec.model}`")


def image(tenant: Tenant, spec: RunSpec, _: str) -> Refusal | None:
    """The workbench's image may be used here."""
    wanted = spec.workbench.image if spec.workbench else None
    if wanted is None or _any(tenant.images, wanted):
        return None
    return _refusal(Reason.IMAGE_NOT_ALLOWED, f"this namespace may not use the image {wanted}")


def pod(tenant: Tenant, spec: RunSpec, _: str) -> Refusal | None:
    """What the pod asks of the cluster."""
    bench = spec.workbench
    if bench is None:
        return None
    if bench.runtime_class_name and not _any(tenant.runtime_classes, bench.runtime_class_name):
        return _refusal(Reason.INVALID_RUN, f"the runtime class `{bench.runtime_class_name}` is not allowed here")
    for label in bench.node_selector or {}:
        if not _any(tenant.node_selectors, label):
            return _refusal(Reason.INVALID_RUN, f"the node label `{label}` may not be asked for here")
    if bench.tolerations and not tenant.tolerations:
        return _refusal(Reason.INVALID_RUN, "tolerations are not allowed here")
    return None


def mirror(tenant: Tenant, spec: RunSpec, _: str) -> Refusal | None:
    """The volume that the workspace borrows from may be used here."""
    claim = spec.workspace.mirror_claim if spec.workspace else None
    if claim is None or _any(tenant.mirror_claims, claim):
        return None
    return _refusal(Reason.INVALID_RUN, f"the claim `{claim}` may not be borrowed from here")


def budget(tenant: Tenant, spec: RunSpec, _: str) -> Refusal | None:
    """No more than the namespace has for one run."""
    wanted = spec.budget
    if wanted is None:
        return None
    over = (
        ("dollars", float(wanted.dollars) if wanted.dollars else None, tenant.max_dollars),
        ("tokens", wanted.tokens, tenant.max_tokens),
        ("seconds", wanted.seconds, tenant.max_seconds),
    )
    for name, asked, most in over:
        if asked is not None and most is not None and asked > most:
            return _refusal(
                Reason.INVALID_RUN, f"budget.{name} is {asked}, and a run of this namespace has at most {most}"
            )
    return None


def allowed_models(policy: ClusterPolicy, namespace: str, models: tuple[str, ...]) -> tuple[str, ...]:
    """Of models that a run would use, whoever chose them, those that its namespace may use."""
    tenant = policy.tenant(namespace)
    return tuple(name for name in models if tenant is not None and _any(tenant.models, name))


def no_model(models: tuple[str, ...]) -> Refusal:
    """None of the models that persona or cluster choose may be used."""
    told = f"this namespace may not use the model `{'`, `'.join(models)}`, which it has where spec.model says nothing"
    return _refusal(Reason.UNKNOWN_MODEL, told)


def capped(policy: ClusterPolicy, namespace: str, wanted: Budget) -> Budget:
    """A budget with no more in it than the namespace has for one run, whoever said how much."""
    tenant = policy.tenant(namespace) or Tenant()
    dollars = wanted.dollars
    if tenant.max_dollars is not None and (dollars is None or float(dollars) > tenant.max_dollars):
        dollars = f"{tenant.max_dollars:.6f}"
    return Budget(
        tokens=_least(wanted.tokens, tenant.max_tokens),
        dollars=dollars,
        steps=wanted.steps,
        seconds=_least(wanted.seconds, tenant.max_seconds),
    )


def _least(one: int | None, other: int | None) -> int | None:
    return min((each for each in (one, other) if each is not None), default=None)


RULES: tuple[Rule, ...] = (repository, persona, model, image, pod, mirror, budget)


def refusal(policy: ClusterPolicy, namespace: str, spec: RunSpec, persona_name: str) -> Refusal | None:
    """The first rule that stands in a run's way."""
    tenant = policy.tenant(namespace)
    if tenant is None:
        return _starts_nothing(namespace)
    return next((found for rule in RULES if (found := rule(tenant, spec, persona_name))), None)


def not_allowed(policy: ClusterPolicy, namespace: str, repository_name: str) -> Refusal | None:
    """Why a namespace may not work on a repository at all; None where it may."""
    tenant = policy.tenant(namespace)
    return _starts_nothing(namespace) if tenant is None else _of_another(tenant, repository_name)


def _starts_nothing(namespace: str) -> Refusal:
    return _refusal(Reason.REPOSITORY_NOT_ALLOWED, f"the namespace {namespace} may not start runs")


def _refusal(reason: Reason, problem: str) -> Refusal:
    return Refusal(reason=reason, message=f"{problem}; ask who runs the cluster to change its policy")


def _any(patterns: tuple[str, ...], name: str) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in patterns)
