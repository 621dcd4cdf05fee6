"""A git checkout tells repository, base and folder, whatever its remote looks like."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from pressplay.cli import checkout


def git(folder: Path, *words: str) -> None:
    named = ["-c", "user.name=a", "-c", "user.email=a@example.com", "-c", "init.defaultBranch=main"]
    subprocess.run(["git", *named, *words], cwd=folder, check=True, capture_output=True)


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A checkout on `main`, pushed to a remote that is then given an address on GitHub."""
    origin, folder = tmp_path / "origin.git", tmp_path / "tree"
    git(tmp_path, "init", "--bare", str(origin))
    git(tmp_path, "init", str(folder))
    (folder / "services" / "billing").mkdir(parents=True)
    (folder / "services" / "billing" / "a.py").write_text("a = 1\n")
    git(folder, "add", ".")
    git(folder, "commit", "-m", "begin")
    git(folder, "remote", "add", "origin", str(origin))
    git(folder, "push", "--set-upstream", "origin", "main")
    git(folder, "remote", "set-url", "origin", "git@github.com:octo/shop.git")
    return folder


def test_repository_base_and_folder_are_found(tree: Path) -> None:
    found = checkout.read(tree / "services" / "billing")
    assert found == checkout.Checkout("octo/shop", "github.com", "main", "services/billing")


def test_at_the_root_there_is_no_folder(tree: Path) -> None:
    found = checkout.read(tree)
    assert found is not None
    assert found.directory == ""


def test_a_branch_that_was_never_pushed_is_no_base(tree: Path) -> None:
    git(tree, "switch", "--create", "mine")
    found = checkout.read(tree)
    assert found is not None
    assert found.base is None


def test_a_branch_that_was_pushed_without_following_is_the_base(tree: Path) -> None:
    git(tree, "switch", "--create", "topic")
    git(tree, "update-ref", "refs/remotes/origin/topic", "HEAD")
    found = checkout.read(tree)
    assert found is not None
    assert found.base == "topic"


def test_the_base_is_the_followed_branch_under_its_name_at_the_remote(tree: Path) -> None:
    git(tree, "switch", "--create", "local-name", "--track", "origin/main")
    found = checkout.read(tree)
    assert found is not None
    assert found.base == "main"


def test_a_detached_head_has_no_base(tree: Path) -> None:
    git(tree, "checkout", "--detach")
    found = checkout.read(tree)
    assert found is not None
    assert (found.repository, found.base) == ("octo/shop", None)


def test_commits_and_changes_that_github_lacks_are_counted(tree: Path) -> None:
    (tree / "b.py").write_text("b = 1\n")
    git(tree, "add", ".")
    git(tree, "commit", "-m", "more")
    (tree / "b.py").write_text("b = 2\n")
    found = checkout.read(tree)
    assert found is not None
    assert (found.unpushed, found.changed) == (1, True)


def test_another_remote_is_taken_where_there_is_no_origin(tree: Path) -> None:
    git(tree, "remote", "rename", "origin", "upstream")
    found = checkout.read(tree)
    assert found is not None
    assert (found.repository, found.base) == ("octo/shop", "main")


def test_a_folder_that_is_no_checkout_tells_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert checkout.read(tmp_path) is None


def test_a_checkout_without_a_remote_names_no_repository(tmp_path: Path) -> None:
    git(tmp_path, "init")
    found = checkout.read(tmp_path)
    assert found is not None
    assert found.repository == ""


@pytest.mark.parametrize(
    ("url", "host", "repository"),
    [
        ("https://github.com/octo/shop.git", "github.com", "octo/shop"),
        ("https://github.com/octo/shop", "github.com", "octo/shop"),
        ("https://token@github.com/octo/shop/", "github.com", "octo/shop"),
        ("ssh://git@ghe.example.com:2222/octo/shop.git", "ghe.example.com:2222", "octo/shop"),
        ("git@github.com:octo/shop.git", "github.com", "octo/shop"),
        ("github.com:octo/shop.git", "github.com", "octo/shop"),
        ("http://localhub.localhub:8080/octo/shop.git", "localhub.localhub:8080", "octo/shop"),
        ("/srv/git/shop.git", "", ""),
        ("../shop.git", "", ""),
        ("file:///srv/git/octo/shop.git", "", ""),
        ("https://github.com/shop", "", ""),
        ("https://[broken/octo/shop", "", ""),
        ("", "", ""),
    ],
)
def test_remotes_of_every_form_are_read(url: str, host: str, repository: str) -> None:
    assert checkout.parse_remote(url) == (host, repository)
