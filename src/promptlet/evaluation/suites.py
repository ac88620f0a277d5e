"""What an evaluation asks for: which lengths, on which frozen test sets, how often, and how much of it is judged."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from promptlet.errors import UsageError
from promptlet.intents.test_sets import TASKS, load_test_set
from promptlet.registry import unknown
from promptlet.types import Intents

TABLE_3 = (10, 20, 30, 35)
"""The targets of the paper's Table 3."""
_EVERY = tuple(range(5, 41))
"""Every length that the default student can be asked for."""


@dataclass(frozen=True, slots=True)
class Wish:
    """One prompt that every system is asked for."""

    test_set: str
    task: str
    target: int
    """Words."""
    index: int
    """Which of the prompts for this test set, task and target."""
    intents: Intents
    seed: int


@dataclass(frozen=True)
class Part:
    """Targets that are asked for on one test set, each so many times, its tasks in turn."""

    test_set: str
    targets: tuple[int, ...]
    prompts_per_target: int


@dataclass(frozen=True)
class Suite:
    """All that is asked of every system."""

    parts: tuple[Part, ...]
    judged: int
    """How many of each system's prompts the judges rate."""
    repeats: int
    """How often an LLM rates each of them."""
    anchors: int
    """How many known-good pairs, and as many of each kind of damage, are mixed in."""

    def wishes(self, tasks: Sequence[str], seed: int) -> list[Wish]:
        """Return the wishes of some tasks, the same for every system, in the same order for the same seed.

        Raises:
            UsageError: if a test set has nothing for these tasks.
        """
        return [wish for part in self.parts for wish in _wishes(part, tasks, seed)]


SUITES: Mapping[str, Suite] = {
    "quick": Suite((Part("unseen_combinations", TABLE_3, 20), Part("unseen_nodes", (20,), 20)), 40, 1, 16),
    "paper": Suite((Part("unseen_combinations", TABLE_3, 500), Part("unseen_nodes", (20,), 500)), 200, 1, 40),
    "full": Suite(
        (
            Part("unseen_combinations", TABLE_3, 1000),
            Part("unseen_combinations", tuple(each for each in _EVERY if each not in TABLE_3), 500),
            Part("unseen_nodes", TABLE_3, 500),
        ),
        500,
        3,
        60,
    ),
}


def load_suite(name: str) -> Suite:
    """Return the suite of this name.

    Raises:
        UsageError: if there is none; it lists those there are.
    """
    if name not in SUITES:
        raise UsageError(unknown("suite", name, SUITES))
    return SUITES[name]


def choose_tasks(names: Sequence[str] | None) -> tuple[str, ...]:
    """Return tasks by their names, or all that the test sets have.

    Raises:
        UsageError: for one that they lack.
    """
    for name in names or ():
        if name not in TASKS:
            raise UsageError(unknown("task", name, TASKS))
    return tuple(dict.fromkeys(names)) if names else TASKS


def _wishes(part: Part, tasks: Sequence[str], seed: int) -> Iterator[Wish]:
    rows = [sample for sample in load_test_set(part.test_set) if sample.task in tasks]
    if not rows:
        raise UsageError(f"the test set {part.test_set} has no combination for: {', '.join(tasks)}")
    for target in part.targets:
        for index in range(part.prompts_per_target):
            sample = rows[index % len(rows)]
            own = (seed * 100_003 + index) % 2**31
            yield Wish(part.test_set, sample.task, target, index, sample.intents, own)
