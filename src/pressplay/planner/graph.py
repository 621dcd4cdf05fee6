"""What depends on what: circles, and an order in which everything comes after what it depends on. Pure."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Collection, Mapping
from typing import Any


def find_circle(after: Mapping[str, Collection[str]]) -> tuple[str, ...]:
    """The names on a circle, each depending on the next one, from the smallest name on; empty where there is none.

    Args:
        after: what each depends on, by name; names that are no key depend on nothing.
    """
    finished: set[str] = set()
    for start in sorted(after):
        trail: list[str] = []
        # Of each name on the trail, which of its dependencies have not been looked at.
        left: list[list[str]] = []
        here: str | None = start if start not in finished else None
        while here is not None or trail:
            if here is None:
                if not left[-1]:
                    finished.add(trail.pop())
                    left.pop()
                    continue
                here = left[-1].pop()
            if here in trail:
                circle = trail[trail.index(here) :]
                first = circle.index(min(circle))
                return tuple(circle[first:] + circle[:first])
            if here not in finished:
                trail.append(here)
                left.append(sorted(after.get(here, ()), reverse=True))
            here = None
    return ()


def ordered(after: Mapping[str, Collection[str]], key: Callable[[str], Any]) -> list[str]:
    """Each name after all that it depends on; among those that could come next the one with the smallest key.

    Args:
        after: what each depends on, by name, in no circle; what is no key is not waited for.
    """
    left = {name: len(set(before) & after.keys()) for name, before in after.items()}
    following = followers(after)
    ready = [(key(name), name) for name, count in left.items() if not count]
    heapq.heapify(ready)
    found = []
    while ready:
        _, name = heapq.heappop(ready)
        found.append(name)
        for next_ in following[name]:
            left[next_] -= 1
            if not left[next_]:
                heapq.heappush(ready, (key(next_), next_))
    return found


def followers(after: Mapping[str, Collection[str]]) -> dict[str, list[str]]:
    """What depends on each, by name; what is no key is left out."""
    found: dict[str, list[str]] = {name: [] for name in after}
    for name, before in after.items():
        for each in set(before) & found.keys():
            found[each].append(name)
    return found


def heights(after: Mapping[str, Collection[str]]) -> dict[str, int]:
    """How many, one after another, come after each at the longest; 0 for what nothing depends on.

    Args:
        after: as of `ordered`.
    """
    following = followers(after)
    found: dict[str, int] = {}
    for name in reversed(ordered(after, key=lambda name: name)):
        found[name] = max((found[each] + 1 for each in following[name]), default=0)
    return found
