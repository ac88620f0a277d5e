"""Which of the texts that a student wrote are given out: the best first, each unlike those before it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

from promptlet.stemming import share_said, stems
from promptlet.types import Intents

_ALIKE = 0.7
"""Share of two texts' stems in common from which the one is a near-duplicate of the other."""
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
    insisted: tuple[str, ...] = ()
    """Values of intents that the student was made to write."""

    @property
    def forced(self) -> bool:
        """Whether it says what the student would not have said but for the grammar."""
        return min(self.logprobs, default=0.0) < _FORCED

    @cached_property
    def faults(self) -> tuple[int, ...]:
        """What orders candidates before all else: missed commands, flaws, how many intents are not wholly said."""
        missed = sum(map(abs, self.adherence.values()))
        unsaid = sum(stemmed < 1 for stemmed in self.coverage)
        return missed, self.repeats, self.untaught, self.forced, self.unfinished, unsaid

    @cached_property
    def quality(self) -> float:
        """What orders candidates with the same faults."""
        return self.relevance + _FLUENCY * self.log_probability / max(1, self.tokens)

    @cached_property
    def stems(self) -> frozenset[str]:
        """What likeness goes by."""
        return frozenset(stems(self.prompt))


def pick(pool: Iterable[Candidate], picked: Sequence[Candidate]) -> Candidate | None:
    """Return the best candidate that is no near-duplicate of those picked, or None.

    Of those with the fewest faults it is the one of most quality and least likeness; the earlier one among equals.
    """
    likeness = {id(each): max((_likeness(each, other) for other in picked), default=0.0) for each in pool}
    fit = [each for each in pool if each.rejection is None and likeness[id(each)] < _ALIKE]
    if not fit:
        return None
    fewest = min(each.faults for each in fit)
    return max(
        (each for each in fit if each.faults == fewest),
        key=lambda each: _RELEVANCE * each.quality - (1 - _RELEVANCE) * likeness[id(each)],
    )


def intent_coverage(intents: Intents, prompt: str) -> tuple[float, ...]:
    """Return, per intent, the share of its content words that the prompt says in some form, from 0 to 1."""
    stemmed = frozenset(stems(prompt))
    return tuple(round(share_said(intent.value, stemmed), 4) for intent in intents)


def _likeness(one: Candidate, other: Candidate) -> float:
    return len(one.stems & other.stems) / max(1, len(one.stems | other.stems))
