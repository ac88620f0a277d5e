"""What ratings say: means per system, differences between systems, and whether their judge can be trusted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from promptlet.commands.words import count_words
from promptlet.evaluation.anchors import DAMAGES, FIT, GOOD, auc
from promptlet.evaluation.bootstrap import Interval, interval
from promptlet.evaluation.judge import Bill, JudgeRating
from promptlet.types import RELEVANCE, Sample

Rated = Sequence[tuple[Sample, JudgeRating]]
FEWEST_PAIRS = 10
"""A bootstrap of fewer draws the same few values again and again: its interval is too narrow."""


@dataclass(frozen=True)
class SystemRelevance:
    """How one system's prompts were rated."""

    system: str
    prompts: int
    missing: int
    """Ratings that there are not, of those that there should be."""
    points: dict[str, Interval]
    """Mean of each point, `relevance` first."""
    tasks: dict[str, Interval]
    """Mean relevance per task."""
    length_correlation: float | None
    """Pearson's correlation of relevance with the number of words; None where either is always the same."""


@dataclass(frozen=True)
class Comparison:
    """The mean difference in relevance of two systems on the wishes for which both were rated."""

    one: str
    other: str
    pairs: int
    difference: Interval | None

    @property
    def significance(self) -> str:
        """Whether the difference is more than chance, in a word or two."""
        if self.difference is None or self.pairs < FEWEST_PAIRS:
            return "too few"
        return "yes" if self.difference.excludes_zero else "no"


@dataclass(frozen=True)
class Judgement:
    """All that one judge says, and how far it can be trusted."""

    judge: str
    highest: float
    """The best rating on its scale."""
    systems: list[SystemRelevance]
    comparisons: list[Comparison]
    anchors: dict[str, float | None]
    """Kind of damage -> AUC against the good anchors; None without ratings."""
    anchors_missing: int
    bill: Bill | None

    @property
    def blind_to(self) -> list[str]:
        """The kinds of damage that the judge can't tell from good prompts; a fit judge has none."""
        return [kind for kind, value in self.anchors.items() if value is None or value < FIT]


def sum_up(
    judge: str,
    highest: float,
    systems: Mapping[str, Rated],
    anchors: Sequence[tuple[str, JudgeRating]],
    bill: Bill | None,
) -> Judgement:
    """Return what a judge's ratings say.

    Args:
        judge: its name.
        highest: the best rating on its scale.
        systems: the ratings of each system's prompts, for the same wishes in the same order.
        anchors: kinds of anchors with their ratings.
        bill: what the ratings took, if they cost anything.
    """
    scores = {
        kind: [rating.scores[RELEVANCE] for each, rating in anchors if each == kind and rating.scores]
        for kind in (GOOD, *DAMAGES)
    }
    return Judgement(
        judge=judge,
        highest=highest,
        systems=[_system(name, rated) for name, rated in systems.items()],
        comparisons=[_compare(*pair) for pair in combinations(systems.items(), 2)],
        anchors={kind: auc(scores[GOOD], scores[kind]) for kind in DAMAGES},
        anchors_missing=sum(rating.missing for _, rating in anchors),
        bill=bill,
    )


def _system(name: str, rated: Rated) -> SystemRelevance:
    known = [(sample, rating.scores) for sample, rating in rated if rating.scores]
    points = {point: interval([scores[point] for _, scores in known]) for point in (known[0][1] if known else ())}
    tasks = {
        task: interval([scores[RELEVANCE] for sample, scores in known if sample.task == task])
        for task in sorted({sample.task for sample, _ in known})
    }
    return SystemRelevance(
        system=name,
        prompts=len(rated),
        missing=sum(rating.missing for _, rating in rated),
        points=points,
        tasks=tasks,
        length_correlation=_correlation(
            [scores[RELEVANCE] for _, scores in known], [count_words(sample.prompt) for sample, _ in known]
        ),
    )


def _compare(one: tuple[str, Rated], other: tuple[str, Rated]) -> Comparison:
    differences = [
        first.scores[RELEVANCE] - second.scores[RELEVANCE]
        for (_, first), (_, second) in zip(one[1], other[1], strict=True)
        if first.scores and second.scores
    ]
    return Comparison(one[0], other[0], len(differences), interval(differences) if differences else None)


def _correlation(one: Sequence[float], other: Sequence[float]) -> float | None:
    if len(set(one)) < 2 or len(set(other)) < 2:
        return None
    return round(float(np.corrcoef(one, other)[0, 1]), 4)
