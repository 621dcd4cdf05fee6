"""Which paths a tree of ours may hold: what every file system and every git reads the same way. Pure.

Sources: git's own `verify_path` and its NTFS and HFS+ aliases of `.git`, Unicode's default ignorable characters.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Container, Iterable

from pressplay.protocol.changeset import LONGEST_PATH, Changeset
from pressplay.protocol.run import Violation

DEEPEST = 64
_CONTROL = re.compile(r"[\x00-\x1f\x7f\x80-\x9f\u2028\u2029]")
# What HFS+ passes over when it compares names, and what else has no width.
_IGNORED = re.compile(r"[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f"
                      r"\ufe00-\ufe0f\ufeff\U000e0000-\U000e0fff]")  # fmt: skip
_GIT_SHORT = re.compile(r"git~[0-9]+")


def folded(text: str) -> str:
    """A name as a file system that folds case and Unicode forms would compare it."""
    plain = _IGNORED.sub("", unicodedata.normalize("NFKC", text))
    return unicodedata.normalize("NFKC", plain.casefold())


def as_read_anywhere(path: str) -> str:
    """A path as the most forgiving file system reads it: `folded`, and each part as NTFS takes it.

    NTFS drops dots and blanks at the end, and reads what follows a colon as a stream of the file.
    """
    return "/".join(part.split(":")[0].rstrip(". ") or part for part in folded(path).split("/"))


def path_violation(path: str) -> Violation | None:
    """The first rule that a path breaks, if it breaks one."""
    for rule, problem in _RULES:
        if problem(path):
            return Violation(rule=rule, message=f"{path!r} {_SAID[rule]}", paths=(path[:LONGEST_PATH] or "?",))
    return None


def _not_text(path: str) -> bool:
    try:
        path.encode("utf-8")
    except UnicodeEncodeError:
        return True
    return False


def _is_git(part: str) -> bool:
    name = as_read_anywhere(part)
    return name == ".git" or _GIT_SHORT.fullmatch(name) is not None


def _parts(path: str) -> list[str]:
    return path.split("/")


_RULES = (
    ("path-not-text", _not_text),
    ("path-length", lambda path: not path or len(path.encode()) > LONGEST_PATH or len(_parts(path)) > DEEPEST),
    ("path-control", lambda path: _CONTROL.search(path) is not None),
    ("path-invisible", lambda path: _IGNORED.search(path) is not None),
    ("path-shape", lambda path: any(part in ("", ".", "..") for part in _parts(path)) or "\\" in path),
    ("path-git", lambda path: any(_is_git(part) for part in _parts(path))),
)
_SAID = {
    "path-not-text": "is no UTF-8; rename the file",
    "path-length": f"is empty, longer than {LONGEST_PATH} bytes or deeper than {DEEPEST} folders",
    "path-control": "has control characters in it; rename the file",
    "path-invisible": "has invisible characters in it; rename the file",
    "path-shape": "is not a relative path with plain parts",
    "path-git": "is a name that some file systems take for .git",
}


def changeset_violations(changes: Changeset) -> list[Violation]:
    """What is wrong with the paths of a changeset by themselves."""
    paths = [file.path for file in changes.files]
    found = [violation for path in (*paths, *changes.deleted) if (violation := path_violation(path))]
    twice = sorted({path for path in paths if paths.count(path) > 1} | (set(paths) & set(changes.deleted)))
    if twice:
        found.append(Violation(rule="path-twice", message=f"{twice[0]!r} stands twice in what was handed over",
                               paths=tuple(twice[:10])))  # fmt: skip
    return found


def collisions(paths: Iterable[str], changed: Iterable[str]) -> list[Violation]:
    """Changed paths of a final tree that some file system takes for another one, or that lie below one another."""
    every = set(paths)
    folders = {place: path for path in sorted(every) for place in _prefixes(path)[:-1]}
    touched = set(changed) & every
    by_name: dict[str, set[str]] = {}
    for path in every:
        for place in _prefixes(path):
            by_name.setdefault(folded(place), set()).add(place)
    found = []
    for path in sorted(touched):
        alike = {other for place in _prefixes(path) for other in by_name[folded(place)]} - set(_prefixes(path))
        if alike:
            found.append(
                Violation(
                    rule="path-alias",
                    message=f"{path!r} differs from {min(alike)!r} only in case or in the form of its letters",
                    paths=(path, min(alike)),
                )
            )
        below = next((place for place in _prefixes(path)[:-1] if place in every), None)
        if below is not None:
            found.append(
                Violation(
                    rule="path-below-file", message=f"{path!r} lies below the file {below!r}", paths=(path, below)
                )
            )
        if path in folders:
            found.append(
                Violation(
                    rule="path-is-folder",
                    message=f"{path!r} is a folder, with {folders[path]!r} in it; delete what is in it first",
                    paths=(path, folders[path]),
                )
            )
    return found


def missing(deleted: Iterable[str], there: Container[str]) -> list[Violation]:
    """What was to be deleted and is not there."""
    return [
        Violation(rule="path-not-there", message=f"{path!r} is deleted, and the base has no such file", paths=(path,))
        for path in deleted
        if path not in there
    ]


def _prefixes(path: str) -> list[str]:
    parts = path.split("/")
    return ["/".join(parts[:length]) for length in range(1, len(parts) + 1)]


def link_violation(path: str, target: str, links: set[str]) -> Violation | None:
    """Whether a symbolic link leads out of the tree.

    Args:
        links: all links of the final tree: a target that leads through another one is refused, too.
    """
    others = {folded(link) for link in links} - {folded(path)}
    if target.startswith("/") or "\\" in target or not target or len(target) > LONGEST_PATH:
        return _link(path, target, "is absolute or no plain path")
    if _CONTROL.search(target) or _IGNORED.search(target):
        return _link(path, target, "has control or invisible characters in it")
    place = path.split("/")[:-1]
    for part in target.split("/"):
        if part in ("", "."):
            continue
        if part == "..":
            if not place:
                return _link(path, target, "leads out of the repository")
            place.pop()
        elif _is_git(part):
            return _link(path, target, "leads into .git")
        else:
            place.append(part)
        if folded("/".join(place)) in others:
            return _link(path, target, "leads through another link")
    return None


def _link(path: str, target: str, problem: str) -> Violation:
    return Violation(rule="link-escapes", message=f"the link {path!r} → {target[:200]!r} {problem}", paths=(path,))
