"""Models from settings: the one place that chooses the module of a wire, and imports an SDK only when it is needed."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

from pressplay.llm.catalogue import Catalogue, ModelInfo
from pressplay.llm.config import ConfigurationError, Settings, SettingsSource
from pressplay.llm.messages import Wire
from pressplay.llm.model import KeySource, Model
from pressplay.llm.retry import Accountant, PatientModel, RateLimiter


def open_model(
    source: SettingsSource,
    catalogue: Catalogue,
    *,
    account: Accountant | None = None,
    limiter: RateLimiter | None = None,
) -> PatientModel:
    """The model that the settings name, with its fallbacks, retries and rate limit.

    Args:
        limiter: where several models share a key; else one by LLM_RATE_LIMIT.

    Raises:
        ConfigurationError: a variable is missing or wrong.
        UnknownModel: a model is not in the catalogue.
    """
    settings = source.current()
    models = [_open(info, settings, source.key_source()) for info in chosen(settings, catalogue)]
    return PatientModel(models, account=account, limiter=limiter or RateLimiter(settings.rate_limit))


def chosen(settings: Settings, catalogue: Catalogue) -> Sequence[ModelInfo]:
    """The models of the settings, which must all be on the provider's wire: a conversation cannot change wires midway.

    Raises:
        ConfigurationError: one is on another.
        UnknownModel: one is not in the catalogue.
    """
    infos = [catalogue.find(name) for name in settings.models]
    for info in infos:
        if info.wire is not settings.provider:
            raise ConfigurationError(
                "LLM_MODEL",
                f"names `{info.name}`, which is a model of {info.wire}, and LLM_PROVIDER is {settings.provider}",
                f"set LLM_PROVIDER to {info.wire}, or LLM_MODEL to: {', '.join(catalogue.names(settings.provider))}",
            )
    return infos


def set_log_level(settings: Settings) -> None:
    """With LLM_DEBUG the package tells each call; never its content, and never a key."""
    logging.getLogger("pressplay.llm").setLevel(logging.DEBUG if settings.debug else logging.INFO)


def _open(info: ModelInfo, settings: Settings, key: KeySource) -> Model:
    if info.wire is Wire.SCRIPTED:
        return _scripted(settings)
    # Now rather than at the first call: whoever starts without a key is to hear of it at once.
    settings.key()
    if info.wire is Wire.ANTHROPIC:
        from pressplay.llm.anthropic import AnthropicModel

        return AnthropicModel(info, key=key, idle=settings.timeout, base_url=settings.base_url)
    from pressplay.llm.openai import OpenAIModel

    return OpenAIModel(info, key=key, idle=settings.timeout, base_url=settings.base_url)


def _scripted(settings: Settings) -> Model:
    from pressplay.llm.scripted import ScriptedModel, load

    if settings.base_url is None:
        raise ConfigurationError(
            "LLM_BASE_URL", "is not set, and LLM_PROVIDER is scripted", "set LLM_BASE_URL to the path of the script"
        )
    path = Path(settings.base_url.removeprefix("file://"))
    return ScriptedModel(load(path), title=path.name)
