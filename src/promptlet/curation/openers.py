"""Keeping a task from beginning always the same: no three-word opening may exceed 3% of its prompts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

_WORDS = 3
_GRACE = 100
"""Prompts of a task from which shares mean anything; before, an opening may occur as often as in so many."""


def opening(said: Sequence[str]) -> str:
    """Return how a prompt with these terms begins."""
    return " ".join(said[:_WORDS])


class Openers:
    """Counts openings as prompts are kept, so that the share holds at every moment, and so at the end."""

    def __init__(self, share: float) -> None:
        self._share = share
        self._kept: Counter[str] = Counter()
        self._openings: Counter[tuple[str, str]] = Counter()

    def objection(self, task: str, opening: str) -> str | None:
        """Return whether too many kept prompts of the task begin with this opening; count the prompt if not."""
        if self._openings[task, opening] + 1 > self._share * max(self._kept[task] + 1, _GRACE):
            return "common opening"
        self._openings[task, opening] += 1
        self._kept[task] += 1
        return None
