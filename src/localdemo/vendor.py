"""Whose model runs are worked by: the stand-in's, or a vendor's where the environment holds a key."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from localdemo.objects import KEY, MODEL_PORT, STAND_INS

VENDORS = {"ANTHROPIC_API_KEY": "anthropic", "OPENAI_API_KEY": "openai"}


@dataclass(frozen=True)
class Vendor:
    """A vendor.

    Attributes:
        key_name: the variable, and the entry of the Secret, that holds the key.
        values: the chart's `llm`.
        scripted: it is the stand-in, which thinks nothing and replays scripts.
    """

    key_name: str
    key: str
    values: Mapping[str, Any]
    scripted: bool


def chosen(env: Mapping[str, str] = os.environ) -> Vendor:
    """The vendor of the first key in the environment; LLM_MODEL and LLM_BASE_URL hold with it. Else the stand-in."""
    for name, vendor in VENDORS.items():
        if env.get(name):
            values = {"provider": vendor, "model": env.get("LLM_MODEL", ""), "baseUrl": env.get("LLM_BASE_URL", "")}
            return Vendor(name, env[name], values, scripted=False)
    address = f"http://{STAND_INS}.{STAND_INS}:{MODEL_PORT}"
    values = {"provider": "anthropic", "model": "", "baseUrl": address}
    return Vendor("ANTHROPIC_API_KEY", KEY, values, scripted=True)
