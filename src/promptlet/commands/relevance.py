"""The relevance command: ``<|relevance=4|>`` asks for a prompt as good as the best fifth of the training data.

Which score belongs to which fifth is found per task from the samples that the student is trained on. So the student
learns from weak prompts too, as examples of weak prompts, and is asked for the best (Kumar et al. 2019, reward-
conditioned policies; the paper leaves relevance to the curation of its data).
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping
from itertools import pairwise
from typing import Any, Self

from promptlet.commands.base import Command
from promptlet.errors import RunError, UsageError
from promptlet.types import RELEVANCE, Sample

STEPS = 5
"""Values, from 0 for the weakest fifth to 4 for the best."""

Bounds = tuple[float, ...]
"""The lowest score of each step but the first, rising."""


class Relevance(Command):
    """How relevant a prompt is to its intents, in fifths of its task's training data."""

    name = "relevance"
    judged = True

    def __init__(self, bounds: Mapping[str, Bounds] | None = None) -> None:
        self._bounds = dict(bounds or {})

    @classmethod
    def make(cls, settings: Mapping[str, Any]) -> Self:
        cls.refuse_unknown(settings, ("bounds",))
        bounds = settings.get("bounds", {})
        if not isinstance(bounds, Mapping) or not all(map(_rising, bounds.values())):
            raise UsageError(f"the bounds {bounds} of the command relevance are not {STEPS - 1} rising scores per task")
        return cls({task: tuple(map(float, scores)) for task, scores in bounds.items()})

    def settings(self) -> dict[str, Any]:
        return {"bounds": {task: list(scores) for task, scores in self._bounds.items()}} if self._bounds else {}

    def fitted(self, samples: Iterable[Sample]) -> Self:
        """Return the command with the bounds of the samples' fifths; bounds that a recipe names stay.

        Raises:
            RunError: for a sample without a score.
        """
        scores: dict[str, list[float]] = {}
        for sample in samples:
            scores.setdefault(sample.task, []).append(_score(sample))
        fifths = {task: _fifths(sorted(each)) for task, each in sorted(scores.items())}
        return type(self)(fifths | self._bounds)

    def values(self) -> range:
        return range(STEPS)

    def default(self) -> int:
        return STEPS - 1

    def measure(self, sample: Sample) -> int:
        return bisect_right(self._bounds.get(sample.task, _EVEN), _score(sample))

    def tokens(self) -> list[str]:
        return [self.encode(value) for value in self.values()]

    def encode(self, value: int) -> str:
        assert value in self.values(), value
        return f"<|relevance={value}|>"

    def parse(self, raw: object) -> range:
        text = str(raw).strip()
        if text not in map(str, self.values()):
            raise UsageError(f"relevance '{raw}' can't be asked for; allowed: 0 (weakest) to {STEPS - 1} (best)")
        return range(int(text), int(text) + 1)


def _score(sample: Sample) -> float:
    if RELEVANCE not in sample.scores:
        raise RunError(
            f"a sample has no score '{RELEVANCE}', which the command relevance goes by: {sample.prompt[:60]!r}"
        )
    return sample.scores[RELEVANCE]


def _fifths(scores: list[float]) -> Bounds:
    return tuple(scores[len(scores) * step // STEPS] for step in range(1, STEPS))


def _rising(scores: Any) -> bool:
    numbers = isinstance(scores, list | tuple) and all(isinstance(score, int | float) for score in scores)
    return numbers and len(scores) == STEPS - 1 and all(low <= high for low, high in pairwise(scores))


_EVEN: Bounds = tuple(step / STEPS for step in range(1, STEPS))
"""Bounds of a task that was not there to be fitted."""

COMMAND = Relevance
