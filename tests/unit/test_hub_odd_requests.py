"""The stand-in for GitHub answers odd requests as GitHub does, with 404, 401 or 422, and never breaks."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.unit.a_gateway import Hub, hub

REPO = "/api/v3/repos/acme/sums"


@pytest.fixture(scope="module")
def there(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hub]:
    with hub(tmp_path_factory.mktemp("hub")) as made:
        made.repository("acme/sums", {"README": "one\n"})
        yield made


def status(there: Hub, path: str, **headers: str) -> int:
    return httpx.get(f"{there.address}{path}", headers=headers, timeout=30).status_code


@pytest.mark.parametrize("ref", ["%00", "a%00b", "^main", "nothing", "f" * 40, "-x", "--all"])
def test_what_is_no_commit_is_not_found_or_cannot_be_processed(there: Hub, ref: str) -> None:
    asked = {
        f"{REPO}/contents/README?ref={ref}": 404, f"{REPO}/commits?sha={ref}": 404, f"{REPO}/git/ref/{ref}": 404,
        f"{REPO}/compare/{ref}...main": 404, f"{REPO}/compare/main...{ref}": 404, f"{REPO}/commits/{ref}": 422,
        f"{REPO}/commits/{ref}/check-runs": 422, f"{REPO}/commits/{ref}/status": 422,
    }  # fmt: skip
    assert {path: status(there, path) for path in asked} == asked


@pytest.mark.parametrize("path", ["%00", "a%00b", ":(bad)x", ":(glob)*", "-x"])
def test_what_is_no_file_is_not_found(there: Hub, path: str) -> None:
    assert status(there, f"{REPO}/contents/{path}") == 404


@pytest.mark.parametrize("page", ["%C2%B2", "9" * 5000, "-1", "x", "", "0"])
def test_a_page_that_is_no_number_is_the_first(there: Hub, page: str) -> None:
    assert status(there, f"{REPO}/issues?page={page}&per_page={page}") == 200


def test_a_number_that_nothing_can_have_is_not_found(there: Hub) -> None:
    assert status(there, f"{REPO}/issues/{'9' * 5000}") == 404


@pytest.mark.parametrize("value", ["!!!", "/w==", "A" * 7])
def test_what_is_no_password_lets_nobody_in(there: Hub, value: str) -> None:
    assert status(there, REPO, authorization=f"Basic {value}") == 401


def test_a_state_that_was_cut_off_while_it_was_written_is_not_read(tmp_path: Path) -> None:
    with hub(tmp_path) as made:
        made.repository("acme/sums", {"README": "one\n"})
    kept = made.state
    kept.file.with_suffix(".part").write_text('{"numbers": 1')
    again = type(kept)(kept.folder, kept.url)
    again.load()
    assert list(again.repositories) == ["acme/sums"]
