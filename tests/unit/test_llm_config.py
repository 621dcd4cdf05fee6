"""Settings: from the environment or a file, keys never shown, renewed without a restart, errors that say what to do."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from pressplay.llm.catalogue import load
from pressplay.llm.config import VARIABLES, ConfigurationError, Settings, SettingsSource, parse, read_variables
from pressplay.llm.messages import Wire

KEY = "sk-ant-very-secret"
CATALOGUE = load()


def write(path: Path, text: str) -> Path:
    """Replace a file by a new one, as editors do: the change is seen even within one tick of the clock."""
    fresh = path.with_name("fresh")
    fresh.write_text(text)
    fresh.replace(path)
    return path


def test_a_key_alone_is_enough() -> None:
    settings = parse({"ANTHROPIC_API_KEY": KEY})
    assert (settings.provider, settings.models) == (Wire.ANTHROPIC, ("claude-sonnet-5-5",))
    assert settings.key().get_secret_value() == KEY
    assert parse({"OPENAI_API_KEY": KEY}).provider is Wire.OPENAI


def test_every_variable_is_read() -> None:
    settings = parse(
        {
            "LLM_PROVIDER": "OpenAI",
            "LLM_MODEL": "gpt-6-sol, gpt-6-luna",
            "LLM_RATE_LIMIT": "30",
            "LLM_TIMEOUT": "12.5",
            "LLM_DEBUG": "true",
            "LLM_BASE_URL": "https://gateway.example/v1",
            "ANTHROPIC_API_KEY": "a",
            "OPENAI_API_KEY": "b",
        }
    )
    assert settings.models == ("gpt-6-sol", "gpt-6-luna")
    assert (settings.rate_limit, settings.timeout, settings.debug) == (30, 12.5, True)
    assert settings.base_url == "https://gateway.example/v1"
    assert settings.key().get_secret_value() == "b"


def test_the_defaults_are_models_that_there_are() -> None:
    for wire in Wire:
        settings = parse({"LLM_PROVIDER": wire})
        assert {CATALOGUE.find(name).wire for name in settings.models} == {wire}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("LLM_PROVIDER", "telex"),
        ("LLM_MODEL", ","),
        ("LLM_RATE_LIMIT", "0"),
        ("LLM_RATE_LIMIT", "many"),
        ("LLM_TIMEOUT", "-1"),
        ("LLM_TIMEOUT", "inf"),
        ("LLM_DEBUG", "perhaps"),
        ("LLM_BASE_URL", "gateway:8080"),
        ("LLM_BASE_URL", "ftp://x"),
        ("LLM_BASE_URL", "http://[x"),
        ("LLM_BASE_URL", f"https://user:{KEY}@x"),
    ],
)
def test_a_wrong_variable_is_named_with_what_to_do(name: str, value: str) -> None:
    with pytest.raises(ConfigurationError) as wrong:
        parse({"LLM_PROVIDER": "anthropic", "ANTHROPIC_API_KEY": KEY, name: value})
    assert wrong.value.variable == name
    assert str(wrong.value).count("\n") == 1
    assert wrong.value.remedy
    assert KEY not in str(wrong.value)


def test_a_missing_key_is_named_with_what_to_do() -> None:
    with pytest.raises(
        ConfigurationError, match=r"(?s)ANTHROPIC_API_KEY is not set.*put ANTHROPIC_API_KEY into the Secret"
    ) as missing:
        parse({}).key()
    assert missing.value.variable == "ANTHROPIC_API_KEY"


def test_a_key_is_in_no_repr_and_in_no_dump() -> None:
    settings = parse({"ANTHROPIC_API_KEY": KEY, "OPENAI_API_KEY": KEY + "2"})
    for shown in (repr(settings), str(settings), repr(settings.model_dump()), settings.model_dump_json()):
        assert KEY not in shown


def test_a_key_in_a_wrong_place_is_in_no_error() -> None:
    with pytest.raises(ValidationError) as wrong:
        Settings.model_validate({"models": ("m",), "anthropic_api_key": [KEY]})
    assert KEY not in str(wrong.value)


# --- files ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ("ANTHROPIC_API_KEY=a-b#c=", "a-b#c="),
        ("export ANTHROPIC_API_KEY = a # mine", "a"),
        ("ANTHROPIC_API_KEY='a # b'", "a # b"),
        ('ANTHROPIC_API_KEY="a b" # mine', "a b"),
        ("# ANTHROPIC_API_KEY=a", None),
        ("ANTHROPIC_API_KEY=", None),
        ("ANTHROPIC_API_KEY= # none yet", None),
        ("PATH=/bin", None),
        ("", None),
    ],
)
def test_a_line_of_env_is_read_as_a_shell_would(tmp_path: Path, line: str, value: str | None) -> None:
    assert read_variables(write(tmp_path / ".env", line + "\n")).get("ANTHROPIC_API_KEY") == value


@pytest.mark.parametrize("line", [KEY, f"ANTHROPIC_API_KEY='{KEY}", f"ANTHROPIC_API_KEY=a {KEY}"])
def test_a_line_that_is_none_is_told_by_its_number_and_not_shown(tmp_path: Path, line: str) -> None:
    with pytest.raises(ConfigurationError, match="line 2") as wrong:
        read_variables(write(tmp_path / ".env", f"LLM_DEBUG=1\n{line}\n"))
    assert KEY not in str(wrong.value)


def test_the_environment_goes_before_the_file(tmp_path: Path) -> None:
    file = write(tmp_path / ".env", "ANTHROPIC_API_KEY=file\nLLM_TIMEOUT=7\n")
    settings = SettingsSource(file, {"ANTHROPIC_API_KEY": "environment", "LLM_TIMEOUT": ""}).current()
    assert settings.key().get_secret_value() == "environment"
    assert settings.timeout == 7.0


def test_a_key_that_is_renewed_in_the_file_is_used_without_a_restart(tmp_path: Path) -> None:
    file = write(tmp_path / ".env", "ANTHROPIC_API_KEY=old\n")
    key = SettingsSource(file, {}).key_source()
    assert key().get_secret_value() == "old"
    write(file, "ANTHROPIC_API_KEY=new\n")
    assert key().get_secret_value() == "new"


def test_a_key_that_is_renewed_in_a_mounted_secret_is_used_without_a_restart(tmp_path: Path) -> None:
    # As the kubelet does it: the files are links through `..data`, which is swapped for the next version as a whole.
    for version in ("old", "new"):
        (tmp_path / version).mkdir()
        (tmp_path / version / "OPENAI_API_KEY").write_text(version + "\n")
    mount = tmp_path / "mount"
    mount.mkdir()
    (mount / "..data").symlink_to(tmp_path / "old")
    (mount / "OPENAI_API_KEY").symlink_to("..data/OPENAI_API_KEY")
    key = SettingsSource(mount, {}).key_source()
    assert key().get_secret_value() == "old"
    (mount / "..next").symlink_to(tmp_path / "new")
    (mount / "..next").rename(mount / "..data")
    assert key().get_secret_value() == "new"


def test_a_file_in_a_folder_that_is_written_in_place_is_seen_too(tmp_path: Path) -> None:
    (tmp_path / "OPENAI_API_KEY").write_text("old")
    key = SettingsSource(tmp_path, {}).key_source()
    assert key().get_secret_value() == "old"
    (tmp_path / "OPENAI_API_KEY").write_text("another")
    assert key().get_secret_value() == "another"


def test_a_file_that_did_not_change_is_not_read_again(tmp_path: Path) -> None:
    source = SettingsSource(write(tmp_path / ".env", "ANTHROPIC_API_KEY=a\n"), {})
    assert source.current() is source.current()


def test_a_file_that_is_not_there_is_as_good_as_an_empty_one(tmp_path: Path) -> None:
    source = SettingsSource(tmp_path / ".env", {"ANTHROPIC_API_KEY": "a"})
    assert source.current().key().get_secret_value() == "a"


def test_the_file_with_the_keys_is_ignored_by_git() -> None:
    ignored = (Path(__file__).parents[2] / ".gitignore").read_text().splitlines()
    assert ".env" in ignored


def test_the_names_of_variables_and_fields_are_one_to_one() -> None:
    assert sorted(VARIABLES.values()) == sorted(Settings.model_fields)
