"""Which of the texts that a student wrote are given out: the best first, each unlike those before it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

from promptlet.stemming import share_said, stems, terms
from promptlet.types import Intents

_ALIKE = 0.7
"""Share of two texts' stems in common from which the one is a near-duplicate of the other."""
_BEGINNING = 3
"""Words."""
_RELEVANCE = 0.7
"""What relevance weighs against being unlike what was picked before (maximal marginal relevance, Carbonell and
Goldstein 1998)."""
_FLUENCY = 0.1
"""What one more nat of mean log-probability per token weighs against full relevance."""
_FORCED = -4.0
"""Log-probability so small that a token is hardly drawn freely: there the grammar had its way."""


@dataclass(frozen=True)
class Candidate:
    """One text that the student wrote, and what speaks for and against it."""

    seed: int
    values: dict[str, int]
    """What its commands asked for."""
    prompt: str
    tokens: int
    logprobs: tuple[float, ...]
    """Log-probabilities of the tokens that were the student's choice."""
    log_probability: float
    """Log-probability of the whole text."""
    rejection: str | None
    """Why it must not be given out."""
    adherence: dict[str, int]
    """By command that needs no judge, how far it misses what was asked."""
    coverage: tuple[float, ...]
    """Per intent, how much of it is said."""
    relevance: float
    repeats: bool
    untaught: bool
    """Whether it has a word that the student was not taught; it is likely made up from pieces."""
    unfinished: bool
    """Whether it ends in mid-phrase."""
    ungrammatical: bool = False
    """Whether an article does not fit its word, as in "a oak"."""
    insisted: tuple[str, ...] = ()
    """Values of intents that the student was made to write."""
    repeatable: bool = True
    """Whether its seed alone gives it again, for the request was put to the student as it came."""

    @property
    def forced(self) -> bool:
        """Whether it says what the student would not have said but for the grammar."""
        return min(self.logprobs, default=0.0) < _FORCED

    @cached_property
    def faults(self) -> tuple[int, ...]:
        """What orders candidates before all else: missed commands, flaws, how many intents are unsaid, articles."""
        missed = sum(map(abs, self.adherence.values()))
        unsaid = sum(stemmed < 1 for stemmed in self.coverage)
        return missed, self.repeats, self.untaught, self.forced, self.unfinished, unsaid, self.ungrammatical

    @cached_property
    def quality(self) -> float:
        """What orders candidates with the same faults."""
        return self.relevance + _FLUENCY * self.log_probability / max(1, self.tokens)

    @cached_property
    def stems(self) -> frozenset[str]:
        """What likeness goes by."""
        return frozenset(stems(self.prompt))

    @cached_property
    def beginning(self) -> tuple[str, ...]:
        """The words by which readers see that two texts begin alike."""
        return tuple(terms(self.prompt)[:_BEGINNING])


class Picks:
    """The candidates of a request that may be given out, and those of them that were picked, each unlike all before it.

    How alike a candidate is to what was picked is kept and grows with each pick, for with 64 prompts of 24 candidates
    each it would else be compared a million times.
    """

    def __init__(self) -> None:
        self.picked: list[Candidate] = []
        self._fit: list[tuple[Candidate, float]] = []
        """Those that may be picked yet, in the order in which they were drawn, and how alike they are to the picked."""

    def add(self, candidates: Iterable[Candidate]) -> None:
        """Take candidates that were drawn, but for those that must not be given out."""
        for each in candidates:
            if each.rejection is None:
                self._keep(each, max((_likeness(each, other) for other in self.picked), default=0.0))

    def best(self) -> Candidate | None:
        """Return the best candidate that is no near-duplicate of those picked, or None.

        Of those with the fewest faults it is one that begins like none of these, if any does, and of most quality and
        least likeness; the earlier one among equals.
        """
        if not self._fit:
            return None
        fewest = min(each.faults for each, _ in self._fit)
        begun = {each.beginning for each in self.picked}
        best, _ = max(
            (fit for fit in self._fit if fit[0].faults == fewest),
            key=lambda fit: (
                fit[0].beginning not in begun,
                _RELEVANCE * fit[0].quality - (1 - _RELEVANCE) * fit[1],
            ),
        )
        return best

    def take(self, best: Candidate) -> None:
        """Pick a candidate: what is like it can't be picked any more."""
        self.picked.append(best)
        before, self._fit = self._fit, []
        for each, likeness in before:
            self._keep(each, max(likeness, _likeness(each, best)))

    def _keep(self, candidate: Candidate, likeness: float) -> None:
        if likeness < _ALIKE:
            self._fit.append((candidate, likeness))


def intent_coverage(intents: Intents, prompt: str) -> tuple[float, ...]:
    """Return, per intent, the share of its content words that the prompt says in some form, from 0 to 1."""
    stemmed = frozenset(stems(prompt))
    return tuple(round(share_said(intent.value, stemmed), 4) for intent in intents)


def _likeness(one: Candidate, other: Candidate) -> float:
    if one.prompt == other.prompt:  # it may have no word
        return 1.0
    return len(one.stems & other.stems) / max(1, len(one.stems | other.stems))
