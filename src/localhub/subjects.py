"""Issues, and pull requests as such: what is told of either when it changes, and the labels that it has."""

from __future__ import annotations

from localhub import render
from localhub.context import Context, Record, now
from localhub.problems import invalid

COLOUR = "ededed"


def tell(context: Context, found: Record, number: str, action: str, login: str, **more: object) -> Record:
    """Tell Apps that one changed, as the event of its kind; answers it as an issue."""
    one = found["issues"].get(number) or found["pulls"][number]
    one["updated_at"] = now()
    if action in ("labeled", "unlabeled"):
        one.setdefault("labellings", []).append(
            {"id": context.state.number(), "event": action, "login": login, "label": more["label"], "at": now()}
        )
    shown = render.issue(context.state, found, number)
    if number in found["pulls"]:
        pull = render.pull(context.state, found, number)
        context.happened("pull_request", action, found, login, number=int(number), pull_request=pull, **more)
    else:
        context.happened("issues", action, found, login, issue=shown, **more)
    return shown


def reword(one: Record, changes: Record) -> None:
    """Change title, body or base, and remember when the words were changed."""
    if "title" in changes:
        one.setdefault("renamings", []).append({"at": now(), "from": one["title"]})
    if "body" in changes:
        one["edited_at"] = now()
    one.update(changes)


def have_labels(context: Context, found: Record, one: Record, names: object) -> list[str]:
    """Put labels on it, and make those that the repository has not; answers those that it had not."""
    new = []
    for wanted in names_of(names):
        name = known_label(found, wanted) or wanted
        found["labels"].setdefault(name, {"id": context.state.number(), "color": COLOUR})
        if name not in one.setdefault("labels", []):
            one["labels"].append(name)
            new.append(name)
    return new


def set_labels(context: Context, found: Record, number: str, names: object, login: str) -> None:
    """Let it have these labels and no others, and tell of each that comes or goes."""
    one = found["issues"].get(number) or found["pulls"][number]
    kept = {known_label(found, name) for name in names_of(names)}
    for name in [each for each in one.get("labels", []) if each not in kept]:
        one["labels"].remove(name)
        tell(context, found, number, "unlabeled", login, label=render.label(context.state, found, name))
    for name in have_labels(context, found, one, names):
        tell(context, found, number, "labeled", login, label=render.label(context.state, found, name))


def known_label(found: Record, name: str) -> str | None:
    """A repository's label as it is written there; case does not count."""
    return next((each for each in found["labels"] if each.lower() == name.lower()), None)


def names_of(told: object) -> list[str]:
    """Names of labels, as texts or as objects."""
    names = (
        [each.get("name") if isinstance(each, dict) else each for each in told] if isinstance(told, list) else [None]
    )
    if not all(isinstance(each, str) and each for each in names):
        raise invalid("Label", "name")
    return [str(each) for each in names]
