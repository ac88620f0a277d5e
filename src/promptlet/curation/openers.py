"""Keeping a task from beginning always the same: no three-word opening may exceed 3% of its prompts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

_WORDS = 3
_GRACE = 100
"""Prompts of a task from which shares mean anything; before, an opening may occur as often as in so many."""
_SPAN = 100_000
"""Kept prompts of a task after which every count loses one, and what stands at none is forgotten.

That bounds the memory whatever the number of rows, and takes no share for less by more than 1 in 100,000 (the counts
of Misra and Gries, 1982).
"""


def opening(words: Sequence[str]) -> str:
    """Return how a prompt with these terms begins."""
    return " ".join(words[:_WORDS])


class Openers:
    """Counts openings as prompts are kept, so that the share holds at every moment, and so at the end."""

    def __init__(self, share: float) -> None:
        self._share = share
        self._kept: Counter[str] = Counter()
        self._openings: dict[str, Counter[str]] = {}

    def objection(self, task: str, opening: str) -> str | None:
        """Return whether too many kept prompts of the task begin with this opening; count the prompt if not."""
        openings = self._openings.setdefault(task, Counter())
        # Once an opening is never too many: a share below one in `_GRACE` would else let none in, not even the first.
        allowed = max(1.0, self._share * max(self._kept[task] + 1, _GRACE))
        if openings[opening] + 1 > allowed:
            return "common opening"
        openings[opening] += 1
        self._kept[task] += 1
        if self._kept[task] % _SPAN == 0:
            self._openings[task] = Counter({each: count - 1 for each, count in openings.items() if count > 1})
        return None
