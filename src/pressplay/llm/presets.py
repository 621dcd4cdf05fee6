"""Budgets by name: a realistic default, and `ossa`, which is small and split by phase."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from pressplay.llm.catalogue import MicroDollars

DOLLAR = 1_000_000


@dataclass(frozen=True)
class Budget:
    """What may be spent. None: no limit of this kind.

    Attributes:
        money: micro-dollars.
        seconds: of wall clock.
        name: what the budget is called where it is told of.
    """

    tokens: int | None = None
    money: MicroDollars | None = None
    steps: int | None = None
    seconds: float | None = None
    name: str = "run"


@dataclass(frozen=True)
class Preset:
    """Budgets that belong together.

    Attributes:
        task: for the whole task.
        phases: for its parts; each holds beside the task's.
    """

    name: str
    task: Budget
    phases: Mapping[str, Budget] = field(default_factory=lambda: MappingProxyType({}))

    def budgets(self, phase: str | None = None) -> tuple[Budget, ...]:
        """All budgets that hold in a phase; the narrower one first, since it is the more telling one."""
        of_phase = self.phases.get(phase) if phase else None
        return (of_phase, self.task) if of_phase else (self.task,)


# A task in a middling repository takes some tens of steps, each with the whole conversation as its prompt, nearly all
# of it read from the cache: tokens run high while money stays low, so money is the limit that is meant to bite.
DEFAULT = Preset(
    name="default",
    task=Budget(
        tokens=10_000_000,
        money=MicroDollars(10 * DOLLAR),
        steps=150,
        seconds=2 * 60 * 60.0,
        name="task (preset default)",
    ),
)

OSSA = Preset(
    name="ossa",
    task=Budget(tokens=12_000, name="task (preset ossa)"),
    phases=MappingProxyType(
        {
            "planning": Budget(tokens=2_000, name="planning phase (preset ossa)"),
            "execution": Budget(tokens=4_000, name="execution phase (preset ossa)"),
            "review": Budget(tokens=2_000, name="review phase (preset ossa)"),
        }
    ),
)

PRESETS: Mapping[str, Preset] = MappingProxyType({preset.name: preset for preset in (DEFAULT, OSSA)})


class UnknownPreset(Exception):
    """There is no preset of this name."""


def preset(name: str) -> Preset:
    """The preset of this name.

    Raises:
        UnknownPreset: there is none; tells which there are.
    """
    found = PRESETS.get(name)
    if found is None:
        raise UnknownPreset(f"there are no budgets called `{name}`\n  choose one of: {', '.join(sorted(PRESETS))}")
    return found
