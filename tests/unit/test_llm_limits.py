"""Money and budgets: prices are exact, and no call costs more than its worst case."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pressplay.llm.catalogue import (
    Catalogue,
    CatalogueError,
    LongPrompt,
    ModelInfo,
    Prices,
    UnknownModel,
    load,
)
from pressplay.llm.messages import Wire
from pressplay.llm.presets import DEFAULT, OSSA, UnknownPreset, preset
from pressplay.llm.usage import Usage

CATALOGUE = load()
tokens = st.integers(min_value=0, max_value=2_000_000)


# --- the catalogue --------------------------------------------------------------------------------------------------


def test_a_call_costs_what_the_price_list_says() -> None:
    usage = Usage(input=1_000_000, output=1_000_000, cache_read=1_000_000, cache_write=1_000_000)
    assert CATALOGUE.find("claude-opus-5-5").cost(usage) == (4 + 20 + 5) * 1_000_000 + 200_000


def test_parts_of_a_micro_dollar_are_rounded_up_once() -> None:
    # 0.125 dollars a million: an eighth of a micro-dollar a token.
    assert CATALOGUE.find("claude-haiku-5-5").cost(Usage(cache_write=9)) == 2
    assert CATALOGUE.find("claude-haiku-5-5").cost(Usage()) == 0


def test_a_long_prompt_has_other_prices_from_the_first_token_on() -> None:
    haiku = CATALOGUE.find("claude-haiku-5-5")
    assert haiku.cost(Usage(cache_read=100_000)) == 1_000
    assert haiku.cost(Usage(cache_read=100_000, input=1)) == 5_001


@given(st.sampled_from(CATALOGUE.names()), tokens, tokens, tokens, tokens)
def test_no_call_costs_more_than_its_worst_case(name: str, i: int, o: int, r: int, w: int) -> None:
    info = CATALOGUE.find(name)
    usage = Usage(input=i, output=o, cache_read=r, cache_write=w)
    assert info.cost(usage) <= info.cost_at_most(usage.prompt, usage.output)


@given(tokens, st.integers(min_value=0, max_value=1000))
def test_the_worst_case_holds_for_shorter_prompts_too_whatever_the_prices_are(prompt: int, less: int) -> None:
    cheap_when_long = ModelInfo(
        name="m",
        wire=Wire.OPENAI,
        context=1,
        output=1,
        prices=Prices(input=Decimal(9), output=Decimal(9), cache_read=Decimal(0), cache_write=Decimal(0)),
        above=LongPrompt(
            tokens=1000,
            prices=Prices(input=Decimal(1), output=Decimal(1), cache_read=Decimal(0), cache_write=Decimal(0)),
        ),
    )
    shorter = max(0, prompt - less)
    assert cheap_when_long.cost(Usage(input=shorter, output=5)) <= cheap_when_long.cost_at_most(prompt, 5)


def test_an_unknown_model_is_named_and_so_are_those_that_are_near() -> None:
    with pytest.raises(UnknownModel) as unknown:
        CATALOGUE.find("claude-opus-5.5")
    assert "`claude-opus-5.5`" in unknown.value.message
    assert "claude-opus-5-5" in unknown.value.near
    assert "claude-opus-5-5" in unknown.value.remedy


def test_a_name_that_is_like_nothing_gets_the_whole_list() -> None:
    with pytest.raises(UnknownModel) as unknown:
        CATALOGUE.find("zzzzzzzz")
    assert set(CATALOGUE.names()) == set(unknown.value.near)


def test_a_dated_name_is_the_same_model() -> None:
    assert CATALOGUE.find("claude-haiku-4-5-20251001").name == "claude-haiku-4-5"


def test_every_model_of_ours_has_sound_prices() -> None:
    for name in CATALOGUE.names():
        info = CATALOGUE.find(name)
        assert info.output <= info.context
        assert info.prices.cache_read <= info.prices.input <= info.prices.cache_write
        assert info.prices.output >= info.prices.input
        if info.above is not None:
            assert info.above.prices.output > info.prices.output


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("models: [{name: a, wire: openai, context: 1, output: 1, prices: {input: 0.1}}]", "models.0.prices.input"),
        ("models: [{name: a, wire: telex, context: 1, output: 1, prices: {}}]", "models.0.wire"),
        ("models: []", "models"),
        ("models: [", "cannot be read"),
        ("- a", "the file"),
    ],
)
def test_a_file_of_models_that_is_wrong_says_where(tmp_path: Path, text: str, wanted: str) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text(text)
    with pytest.raises(CatalogueError, match=wanted):
        load(file)


def test_a_price_that_yaml_made_a_float_is_refused_with_the_remedy(tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text(
        "models: [{name: a, wire: openai, context: 1, output: 1, "
        "prices: {input: 0.1, output: '1', cache_read: '1', cache_write: '1'}}]"
    )
    with pytest.raises(CatalogueError, match=r'write the price as a string: "0.1"'):
        load(file)


def test_a_name_stands_for_one_model_only() -> None:
    info = CATALOGUE.find("gpt-6-sol")
    with pytest.raises(CatalogueError, match="twice"):
        Catalogue([info, info.model_copy(update={"name": "x", "aliases": ("gpt-6-sol",)})])


# --- presets --------------------------------------------------------------------------------------------------------


def test_ossa_is_small_and_split_by_phase() -> None:
    assert OSSA.task.tokens == 12_000
    assert {name: budget.tokens for name, budget in OSSA.phases.items()} == {
        "planning": 2_000,
        "execution": 4_000,
        "review": 2_000,
    }


def test_in_a_phase_both_its_budget_and_the_tasks_hold() -> None:
    assert preset("ossa").budgets("planning") == (OSSA.phases["planning"], OSSA.task)
    assert preset("ossa").budgets() == (OSSA.task,)
    assert preset("default").budgets("planning") == (DEFAULT.task,)


def test_a_preset_that_there_is_not_is_named_with_those_that_there_are() -> None:
    with pytest.raises(UnknownPreset, match=r"(?s)`osa`.*default, ossa"):
        preset("osa")
