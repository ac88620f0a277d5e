"""What the ratings of a review say: shares, means, agreement, and how far judges agree with people.

Every item counts once, however many rated it: intervals are bootstrap intervals over items.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import fmean

import numpy as np

from promptlet.evaluation.bootstrap import Interval, interval
from promptlet.review.items import passed
from promptlet.review.questions import FAVOURABLE, LEVELS, Question
from promptlet.review.records import Item, Rated


@dataclass(frozen=True)
class Answered:
    """An item with all answers to one question."""

    item: Item
    number: int
    answers: tuple[int, ...]


@dataclass(frozen=True)
class Summary:
    """What people answered to a question about some items."""

    items: int
    ratings: int
    shares: tuple[float, ...]
    """Of each answer, from the worst."""
    mean: Interval
    favourable: Interval
    """The share of somewhat or very."""
    alpha: float | None


@dataclass(frozen=True)
class Attention:
    """How many of the checks that a reviewer has answered were passed."""

    passed: int
    answered: int

    @property
    def share(self) -> float:
        """Return the share that was passed; without answers nothing speaks against the reviewer."""
        return self.passed / self.answered if self.answered else 1.0


def attention(rated: Sequence[Rated]) -> dict[str, Attention]:
    """Return how attentive each reviewer was who rated anything."""
    found = {each.reviewer: [0, 0] for each in rated}
    for each in rated:
        if each.item.check is not None and each.rating.relevance is not None and not each.deleted:
            found[each.reviewer][0] += passed(each.item, each.rating.relevance)
            found[each.reviewer][1] += 1
    return {name: Attention(*counts) for name, counts in found.items()}


def answered(rated: Sequence[Rated], question: Question) -> list[Answered]:
    """Return the items that have answers to a question; checks and items that were taken out are not among them."""
    found: dict[int, tuple[Item, list[int]]] = {}
    for each in rated:
        value: int | None = getattr(each.rating, question.name)
        if value is not None and each.item.check is None and not each.deleted:
            found.setdefault(each.number, (each.item, []))[1].append(value)
    return [Answered(item, number, tuple(answers)) for number, (item, answers) in found.items()]


def summarize(items: Sequence[Answered]) -> Summary:
    """Return what was answered about the items, of which there is one at least."""
    assert items
    return Summary(
        items=len(items),
        ratings=sum(len(each.answers) for each in items),
        shares=tuple(fmean(each.answers.count(level) / len(each.answers) for each in items) for level in LEVELS),
        mean=interval([fmean(each.answers) for each in items]),
        favourable=interval([fmean(value >= FAVOURABLE for value in each.answers) for each in items]),
        alpha=_alpha(items),
    )


def _alpha(items: Sequence[Answered]) -> float | None:
    """Return Krippendorff's alpha for ordered answers (Krippendorff, 2004, chapter 11): 1 is agreement, 0 is chance.

    None where it is not defined: no item was rated twice, or all those that were have the same answer.
    """
    several = [each.answers for each in items if len(each.answers) > 1]
    if len({value for answers in several for value in answers}) < 2:
        return None
    # How often each pair of levels was given to one item; an item counts for as much as it has answers.
    pairs = np.zeros((len(LEVELS), len(LEVELS)))
    for answers in several:
        counts = np.array([answers.count(level) for level in LEVELS])
        pairs += (np.outer(counts, counts) - np.diag(counts)) / (len(answers) - 1)
    totals = pairs.sum(0)
    # Two levels are as far apart as there are answers from the middle of one to the middle of the other.
    middles = totals.cumsum() - totals / 2
    distances = np.subtract.outer(middles, middles) ** 2
    expected = (np.outer(totals, totals) * distances).sum() / (totals.sum() - 1)
    return float(1 - (pairs * distances).sum() / expected)


@dataclass(frozen=True)
class Concord:
    """How a judge's score goes with people's mean answer: Spearman's rank correlation."""

    score: str
    items: int
    correlation: float | None
    """None where scores or answers are all the same."""


def concord(items: Sequence[Answered]) -> list[Concord]:
    """Return, for every score that items have, how it goes with what people said."""
    from scipy.stats import spearmanr

    found = []
    for name in sorted({name for each in items for name in each.item.scores}):
        pairs = [(each.item.scores[name], fmean(each.answers)) for each in items if name in each.item.scores]
        varied = all(len(set(values)) > 1 for values in zip(*pairs, strict=True))
        found.append(
            Concord(name, len(pairs), float(spearmanr(*zip(*pairs, strict=True)).statistic) if varied else None)
        )
    return found


def groups(items: Sequence[Answered], key: Callable[[Item], str]) -> dict[str, list[Answered]]:
    """Return the items by what `key` says of them, in order."""
    found: dict[str, list[Answered]] = {}
    for each in sorted(items, key=lambda each: key(each.item)):
        found.setdefault(key(each.item), []).append(each)
    return found
