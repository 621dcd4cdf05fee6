"""What a run hands over is hostile: each kind of it is refused by name, nothing of it is executed, and no ref is made.

The gateway, the quarantine with its git, the signer and the stand-in for GitHub are the real ones, on listeners.
"""

from __future__ import annotations

import base64
import json
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from pressplay.policy.protected import PROTECTED
from pressplay.protocol.changeset import MOST_BYTES, MOST_FILES, ChangedFile, Changeset
from tests.unit.a_gateway import Platform, changed, git, platform

TOKEN = "ghs_" + "a1B2" * 9
PEM = "-----BEGIN RSA PRIVATE KEY-----"
LINK, PROGRAM = "120000", "100755"
# Names by which file systems or other versions of git know `.git`.
ALIASES = (
    ".GIT", ".gIt", "git~1", "GIT~2", ".git.", ".git ", ".git. .", ".git::$INDEX_ALLOCATION", ".GIT:stream", "GIT~1.",
    "\uff0egit", ".g\u200cit", ".gi\u00adt\u2060", "\ufeff.git",
)  # fmt: skip
BASE = {
    "README": "one\n", "src/sums.py": "x = 1\n", "src/deep/file.py": "y = 1\n", "tests/test_sums.py": "assert 1\n",
    ".github/workflows/ci.yml": "on: push\n", "CODEOWNERS": "* @acme\n", "docs/CODEOWNERS": "* @acme\n",
    ".github/CODEOWNERS": "* @acme\n", ".gitattributes": "* filter=canary diff=canary merge=canary\n",
    "sub/.gitattributes": "* -text\n", "sub/.mcp.json": "{}\n", "sub/.vscode/tasks.json": "{}\n",
    ".pressplay/requirements.yaml": "{}\n", "sub/CLAUDE.md": "Be kind.\n", "caf\u00e9/menu": "tea\n",
    "Stra\u00dfe": "1\n",
}  # fmt: skip


@dataclass
class Desk:
    """One run that hands things over, and the repository on the other side."""

    platform: Platform
    base: str
    remote: Path
    canary: Path

    def refs(self) -> str:
        return git(self.remote, "for-each-ref")

    def hand_over(self, *files: ChangedFile, deleted: tuple[str, ...] = (), base: str = "") -> httpx.Response:
        return self.platform.hand_over("run", Changeset(base=base or self.base, files=files, deleted=deleted))

    def refused(self, *files: ChangedFile, deleted: tuple[str, ...] = (), base: str = "") -> dict[str, list[str]]:
        """The rules that were told as broken, with the paths that they name; nothing has come of it."""
        before = self.refs()
        answer = self.hand_over(*files, deleted=deleted, base=base)
        assert answer.status_code == 422, answer.text
        told = answer.json()
        assert told["reason"] == "OutputRefused"
        assert self.refs() == before
        assert not self.canary.exists()
        rules: dict[str, list[str]] = {}
        for violation in told["violations"]:
            assert violation["paths"], violation
            assert any(
                path in violation["message"] or repr(path) in violation["message"] for path in violation["paths"]
            )
            rules.setdefault(violation["rule"], []).extend(violation["paths"])
        return rules


def hostile_settings(home: Path, canary: Path) -> None:
    """Settings of a user whose every hook, filter and helper leaves a trace."""
    hooks, program = home / "hooks", home / "canary"
    hooks.mkdir(parents=True)
    program.write_text(f"#!/bin/sh\ntouch {canary}\ncat\n")
    program.chmod(0o755)
    for name in ("reference-transaction", "post-checkout", "post-index-change", "pre-commit", "post-commit"):
        (hooks / name).symlink_to(program)
    named = [f"[{kind}]\n\t{setting} = {program}\n" for kind, setting in (
        ('filter "canary"', "clean"), ('filter "canary"', "smudge"), ('diff "canary"', "textconv"),
        ('diff "canary"', "command"), ("core", "fsmonitor"), ("diff", "external"), ("core", "pager"),
    )]  # fmt: skip
    (home / ".gitconfig").write_text(f"{''.join(named)}[core]\n\thooksPath = {hooks}\n")


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    folder = tmp_path_factory.mktemp("desk")
    canary = folder / "executed"
    hostile_settings(folder / "home", canary)
    with pytest.MonkeyPatch.context() as patch, platform(folder) as made:
        patch.setenv("HOME", str(folder / "home"))
        remote = made.hub.repository("acme/base", BASE)
        extend(remote)
        admission = made.admit("run", "acme/base")
        yield Desk(made, admission.base_sha, remote, canary)


def extend(remote: Path) -> None:
    """What no archive brings: links, a submodule, and a link that lies well only as long as `way` is a folder."""
    links = {"docs/here": "../src", "astray": "../elsewhere", "well": "way/down/../../README", "way/down/x": None}
    lines = [f"160000 {'1' * 40}\tvendor/lib"]
    for path, target in links.items():
        blob = git(remote, "hash-object", "-w", "--stdin", stdin=(target or "x").encode()).strip()
        lines.append(f"{LINK if target else '100644'} {blob}\t{path}")
    index = remote / "index.of.test"
    env = f"--git-dir={remote}"
    commit = git(remote, "rev-parse", "main").strip()
    git(remote, env, "read-tree", f"--index-output={index}", commit)
    index.replace(remote / "index")
    git(remote, env, "update-index", "--add", "--index-info", stdin="".join(f"{line}\n" for line in lines).encode())
    tree = git(remote, env, "write-tree").strip()
    made = git(remote, "commit-tree", tree, "-p", commit, "-m", "links").strip()
    git(remote, "update-ref", "refs/heads/main", made)


# --- paths ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("alias", ALIASES)
@pytest.mark.parametrize("form", ["{}/hooks/post-checkout", "sub/{}/config", "{}"])
def test_no_name_of_git_s_own_folder_gets_into_a_tree(desk: Desk, alias: str, form: str) -> None:
    path = form.format(alias)
    rules = desk.refused(changed(path, mode=PROGRAM))
    assert [paths for rule, paths in rules.items() if rule in ("path-git", "path-invisible")] == [[path]]


@pytest.mark.parametrize(
    ("path", "rule"),
    [
        ("../out", "path-shape"), ("a/../../out", "path-shape"), ("a/..", "path-shape"), ("/etc/passwd", "path-shape"),
        ("./a", "path-shape"), ("a//b", "path-shape"), ("a/", "path-shape"), ("a\\..\\b", "path-shape"),
        ("a\x00b", "path-control"), ("a\nb", "path-control"), ("\x1b[2Ja", "path-control"), ("a\x85b", "path-control"),
        ("a\u2028b", "path-control"), ("invoice\u202efdp.py", "path-invisible"), ("a\u2066b", "path-invisible"),
        ("a\u200bb", "path-invisible"), ("a\U000e0041b", "path-invisible"), ("/".join("d" * 65), "path-length"),
        ("\u00e9" * 600, "path-length"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("deletes", [False, True])
def test_a_path_that_could_be_misread_is_refused_by_name(desk: Desk, path: str, rule: str, deletes: bool) -> None:
    rules = desk.refused(*(() if deletes else (changed(path),)), deleted=(path,) if deletes else ())
    assert rules == {rule: [path]}


@pytest.mark.parametrize("path", ["bad\udcff", "a/\ud800"])
def test_a_name_that_is_no_text_is_no_message(desk: Desk, path: str) -> None:
    file = {"path": path, "mode": "100644", "content": ""}
    output = {"changes": {"base": desk.base, "files": [file]}, "title": "x"}
    before = desk.refs()
    answer = desk.platform.call("POST", "/run/output", "token-run", output)
    assert (answer.status_code, answer.json()["reason"], desk.refs()) == (400, "InvalidRun", before)


@pytest.mark.parametrize(
    ("path", "other"),
    [
        ("readme", "README"), ("SRC/new.py", "src"), ("src/Deep/new.py", "src/deep"),
        (unicodedata.normalize("NFD", "caf\u00e9/new"), "caf\u00e9"), ("STRASSE", "Stra\u00dfe"),
        ("stra\u017f\u017fe", "Stra\u00dfe"), ("\uff32EADME", "README"),
    ],
)  # fmt: skip
def test_a_name_that_some_file_system_takes_for_one_of_the_base_s_is_refused(desk: Desk, path: str, other: str) -> None:
    assert desk.refused(changed(path)) == {"path-alias": [path, other]}


def test_two_names_handed_over_at_once_may_not_be_the_same_to_any_file_system(desk: Desk) -> None:
    assert desk.refused(changed("Ab"), changed("aB")) == {"path-alias": ["Ab", "aB", "aB", "Ab"]}
    assert desk.refused(changed("new"), changed("new")) == {"path-twice": ["new"]}
    assert desk.refused(changed("README"), deleted=("README",)) == {"path-twice": ["README"]}


@pytest.mark.parametrize(
    ("files", "rule", "paths"),
    [
        (("README/below",), "path-below-file", ["README/below", "README"]),
        (("a/b", "a"), "path-below-file", ["a/b", "a"]),
        (("src",), "path-is-folder", ["src", "src/sums.py"]),
        (("src/deep",), "path-is-folder", ["src/deep", "src/deep/file.py"]),
        (("vendor/lib/inside",), "path-below-file", ["vendor/lib/inside", "vendor/lib"]),
        (("docs/here/through.py",), "path-below-file", ["docs/here/through.py", "docs/here"]),
    ],
)  # fmt: skip
def test_nothing_is_file_and_folder_at_once(desk: Desk, files: tuple[str, ...], rule: str, paths: list[str]) -> None:
    assert desk.refused(*map(changed, files))[rule] == paths


@pytest.mark.parametrize("path", ["never/was", "src", "readme"])
def test_what_is_not_there_cannot_be_deleted(desk: Desk, path: str) -> None:
    assert desk.refused(deleted=(path,)) == {"path-not-there": [path]}


# --- modes and links ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["160000", "040000", "100666", "104755", "000000", "100644\n"])
def test_a_mode_that_is_neither_file_nor_link_is_no_message(desk: Desk, mode: str) -> None:
    output = {"changes": {"base": desk.base, "files": [{"path": "a", "mode": mode, "content": ""}]}, "title": "x"}
    answer = desk.platform.call("POST", "/run/output", "token-run", output)
    assert answer.status_code == 400
    assert answer.json()["message"].startswith("changes.files.0.mode: Input should be")


def test_a_submodule_is_neither_deleted_nor_replaced(desk: Desk) -> None:
    assert desk.refused(deleted=("vendor/lib",)) == {"mode": ["vendor/lib"]}
    assert desk.refused(changed("vendor/lib")) == {"mode": ["vendor/lib"]}


@pytest.mark.parametrize(
    "target",
    [
        "/etc/passwd", "..", "../../out", "../src/../../out", ".git/config", "../.GIT/hooks", "../git~1/config",
        "../src\\x", "here/sums.py", "HERE/../x", "here/../../..", "\x00", "x" * 1025,
        "a\nb", "\x1b[2Ja", "txt\u202efdp", "", "a\u200bb",
    ],
)  # fmt: skip
def test_a_link_that_leads_out_or_through_another_one_is_refused(desk: Desk, target: str) -> None:
    path = "new" if target == ".." else "docs/new"
    assert desk.refused(changed(path, target.encode(), LINK)) == {"link-escapes": [path]}


def test_a_link_that_was_well_is_not_led_astray_by_what_it_leads_through(desk: Desk) -> None:
    # `well` is way/down/../../README: once way/down is a link to the root, that is outside.
    told = desk.refused(changed("way/down", b"../src/deep", LINK), deleted=("way/down/x",))
    assert told == {"link-escapes": ["well"]}


def test_a_link_of_the_project_s_that_leads_out_already_stands_in_nobody_s_way(desk: Desk) -> None:
    desk.platform.admit("linked", "acme/base")
    changes = Changeset(base=desk.base, files=(changed("fine", b"src/sums.py", LINK),))
    assert desk.platform.hand_over("linked", changes).json()["outcome"] == "pull_request"


# --- protected ------------------------------------------------------------------------------------------------------


def examples() -> list[str]:
    """A path for each rule of what is protected."""
    return [
        glob.replace("**/", "", 1).replace("**", "in/file").replace("*", "x")
        for _, globs in PROTECTED
        for glob in globs
    ]


@pytest.mark.parametrize("path", examples())
def test_every_protected_path_is_refused_however_it_is_written(desk: Desk, path: str) -> None:
    for form in (path, path.upper(), f"{path.partition('/')[0]}./{path.partition('/')[2]}".rstrip("/")):
        told = desk.refused(changed(form))
        assert form in [*told.get("protected-path", ()), *told.get("path-alias", ())], told


@pytest.mark.parametrize(
    "path",
    [
        "sub/.vscode/settings.json", "pkg/.devcontainer/devcontainer.json", "pkg/.husky/pre-commit",
        "pkg/.claude/settings.json", "pkg/.cursor/mcp.json", "pkg/AGENTS.md", "pkg/.mcp.json", "a/b/.gitattributes",
        "CLAUDE.md::$DATA", ".vscode::$INDEX_ALLOCATION/tasks.json", ".pressplay./requirements.yaml",
        "\uff0egithub/workflows/x.yml",
    ],
)  # fmt: skip
def test_what_editors_and_agents_read_is_protected_in_every_folder_and_spelling(desk: Desk, path: str) -> None:
    told = desk.refused(changed(path))
    assert path in [*told.get("protected-path", ()), *told.get("path-alias", ())], told


@pytest.mark.parametrize("folder", [".vscode", ".claude", ".devcontainer", ".circleci", "pkg/.cursor"])
def test_a_protected_folder_is_not_taken_by_a_link_or_a_file_in_its_place(desk: Desk, folder: str) -> None:
    up = "../" * folder.count("/")
    assert desk.refused(changed(folder, f"{up}src".encode(), LINK)) == {"protected-path": [folder]}
    assert desk.refused(changed(folder)) == {"protected-path": [folder]}


@pytest.mark.parametrize(
    ("path", "target"),
    [
        ("way/in", "../.github/workflows/ci.yml"), ("ci", ".github/workflows"), ("ci", "./.github"),
        ("owners", "CODEOWNERS"), ("sub/rules", ".vscode"), ("sub/told", "CLAUDE.md"),
    ],
)  # fmt: skip
def test_no_link_leads_to_a_protected_path(desk: Desk, path: str, target: str) -> None:
    assert desk.refused(changed(path, target.encode(), LINK)) == {"protected-path": [path]}


@pytest.mark.parametrize(
    "path", sorted(path for path in BASE if "README" not in path and path.startswith((".", "CODE", "docs", "sub")))
)
def test_a_protected_file_is_neither_deleted_nor_moved_away(desk: Desk, path: str) -> None:
    assert desk.refused(deleted=(path,)) == {"protected-path": [path]}
    moved = changed("moved.txt", BASE[path].encode())
    assert desk.refused(moved, deleted=(path,)) == {"protected-path": [path]}


def test_a_file_is_not_moved_to_a_protected_place(desk: Desk) -> None:
    moved = changed(".github/workflows/sums.yml", BASE["src/sums.py"].encode())
    assert desk.refused(moved, deleted=("src/sums.py",)) == {"protected-path": [".github/workflows/sums.yml"]}


# --- size and secrets -----------------------------------------------------------------------------------------------


def test_too_much_is_refused_with_the_limit(desk: Desk) -> None:
    before = desk.refs()
    files = [changed(f"f{number}").model_dump() for number in range(MOST_FILES + 1)]
    output = {"changes": {"base": desk.base, "files": files}, "title": "x"}
    many = desk.platform.call("POST", "/run/output", "token-run", output)
    assert (many.status_code, "at most 2000 items" in many.json()["message"]) == (400, True)
    half = b"x\n" * (MOST_BYTES // 4)
    large = desk.hand_over(changed("a", half), changed("b", half), changed("c", b"x"))
    assert (large.status_code, [rule["rule"] for rule in large.json()["violations"]]) == (422, ["too-large"])
    assert "at most 20,971,520 are taken" in large.json()["message"]
    longest = desk.platform.call("POST", "/run/output", "token-run", "x" * (41 * 1024 * 1024))
    assert longest.status_code == 413
    assert desk.refs() == before


@pytest.mark.parametrize("content", [b"x\n" * (5 * 1024 * 512 + 1), b"\0" * (1024 * 1024 + 1)])
def test_a_file_too_large_for_a_review_is_refused_by_name(desk: Desk, content: bytes) -> None:
    assert desk.refused(changed("big", content)) == {"too-large": ["big"]}


def test_a_content_that_is_no_base64_is_refused_by_name(desk: Desk) -> None:
    file = ChangedFile.model_validate({"path": "odd", "mode": "100644", "content": "!!"})
    assert desk.refused(file) == {"content-encoding": ["odd"]}


@pytest.mark.parametrize(
    ("kind", "content"),
    [
        ("plain", f"token = {TOKEN}\n"),
        ("of an App, as a JSON web token", f"ghs_123456_eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiIxIn0.{'a' * 43}\n"),
        ("fine-grained", f"github_pat_{'1A' * 41}\n"),
        ("of a vendor", f"sk-ant-api03-{'x1' * 20}\n"),
        ("key", f"{PEM}\nMIIE\n"),
        ("base64", base64.b64encode(f"user:{TOKEN}".encode()).decode()),
        ("base64 of a key", base64.b64encode(f"{PEM}\nMIIE\n".encode()).decode()),
        ("base64 in an address's alphabet", base64.urlsafe_b64encode(f"??>>{TOKEN}".encode()).decode()),
        ("quoted", json.dumps({"text": f"first\n{TOKEN}"})),
        ("in an address", f"https://h/?url=https%3A%2F%2Fx%3A{TOKEN}"),
        ("behind many lines", "".join(f"line {number}\n" for number in range(5_000)) + TOKEN),
        ("behind a long line", "x " * 100_000 + TOKEN),
        ("across a cut", "x" * 1_979 + " " + TOKEN),
    ],
)
def test_a_credential_in_what_is_added_is_refused_wherever_it_stands(desk: Desk, kind: str, content: str) -> None:
    answer = desk.hand_over(changed("src/sums.py", content.encode()))
    assert [(one["rule"], one["paths"]) for one in answer.json()["violations"]] == [("secret", ["src/sums.py"])], kind
    assert TOKEN not in answer.text


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16", "ascii"])
def test_a_credential_in_what_looks_like_a_binary_is_refused(desk: Desk, encoding: str) -> None:
    content = b"\0\0\0\1" + f"key {TOKEN} ".encode(encoding)
    assert desk.refused(changed("logo.png", content)) == {"secret": ["logo.png"]}


def test_a_test_does_not_hide_behind_a_zero_byte(desk: Desk) -> None:
    assert desk.refused(changed("tests/test_sums.py", b"#\0\nassert True\n")) == {
        "test-loosened": ["tests/test_sums.py"]
    }


# --- the base, and what becomes of good work -------------------------------------------------------------------------


def test_work_on_another_commit_than_the_recorded_one_is_refused(desk: Desk) -> None:
    for base in (git(desk.remote, "rev-parse", "main~1").strip(), "1" * 40):
        answer = desk.hand_over(changed("new"), base=base)
        assert (answer.status_code, answer.json()["reason"]) == (422, "OutputRefused")
        assert "not based on the commit that this run began on" in answer.json()["message"]


def test_good_work_becomes_one_commit_of_exactly_these_bytes_and_nothing_was_executed(desk: Desk) -> None:
    admission = desk.platform.admit("good", "acme/base")
    content = b"x = 2\r\nident $Id$\n"
    changes = Changeset(
        base=desk.base, files=(changed("src/sums.py", content), changed("run", b"#!/bin/sh\n", PROGRAM)),
        deleted=("src/deep/file.py",),
    )  # fmt: skip
    done = desk.platform.hand_over("good", changes).json()
    assert git(desk.remote, "rev-parse", f"refs/heads/{admission.branch}").strip() == done["head"]
    assert git(desk.remote, "rev-list", f"{desk.base}..{done['head']}").split() == [done["head"]]
    assert git(desk.remote, "show", f"{done['head']}:src/sums.py").encode() == content
    told = git(desk.remote, "diff-tree", "-r", "--name-status", desk.base, done["head"]).split()
    assert told == ["A", "run", "D", "src/deep/file.py", "M", "src/sums.py"]
    assert not desk.canary.exists()
