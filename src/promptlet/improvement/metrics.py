"""How a student does on held-out wishes when it is left alone: what rounds of improvement are judged by."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

from promptlet.commands import Command
from promptlet.evaluation.diversity import distinct
from promptlet.types import RELEVANCE, Sample

_TOLERANCE = 0.02
"""Share by which a measure has to differ before it counts as better or worse. Chance moves the mean of a few hundred
prompts by twice as much and more: a round has to help clearly, or be judged on more wishes."""
_LEAST_MISS, _LEAST_SHARE = 0.05, 0.005
"""What counts as no difference however small the measure: words or steps of a miss, and parts of the others."""


@dataclass(frozen=True)
class RoundMetrics:
    """Means over the same wishes; of `misses` less is better, of the others more."""

    errors: Mapping[str, float | None]
    """Per command, how far the prompts are from what it asked for: words, or steps of relevance. None where no prompt
    could be measured."""
    relevance: float
    """The judge's score, over all prompts that were fit to be judged; what was not counts as 0."""
    fit: float
    """Share of prompts that curation lets pass."""
    distinct_2: float
    """Different pairs of words by all pairs."""

    @classmethod
    def of(
        cls, samples: Sequence[Sample], reasons: Sequence[str | None], commands: Mapping[str, Command]
    ) -> RoundMetrics:
        """Return the standing of prompts that were asked for the values in `Sample.commands`.

        Args:
            samples: what the student wrote, in the order of the wishes, with the scores of those without a reason.
            reasons: what curation has against each.
            commands: those of the student.
        """
        fit = [sample for sample, reason in zip(samples, reasons, strict=True) if reason is None]
        scores = [sample.scores[RELEVANCE] for sample in fit]
        return cls(
            {name: _miss(command, samples, fit) for name, command in commands.items()},
            sum(scores) / len(samples),
            len(fit) / len(samples),
            distinct([sample.prompt for sample in samples], 2),
        )

    def better_than(self, other: RoundMetrics) -> bool:
        """Return whether some measure is better and none is worse, each by more than the tolerance.

        A miss that either of them could not measure says nothing.
        """
        misses = [(value, other.errors[name]) for name, value in self.errors.items()]
        gains = [_gain(old, new, _LEAST_MISS) for new, old in misses if new is not None and old is not None]
        pairs = [(self.relevance, other.relevance), (self.fit, other.fit), (self.distinct_2, other.distinct_2)]
        gains += [-_gain(old, new, _LEAST_SHARE) for new, old in pairs]
        return max(gains) > 0 and min(gains) >= 0

    def __str__(self) -> str:
        parts = {
            name: "not measured" if value is None else f"off by {value:.2f}" for name, value in self.errors.items()
        }
        misses = ", ".join(f"{name} {value}" for name, value in parts.items())
        return f"{misses}, relevance {self.relevance:.3f}, fit {self.fit:.1%}, distinct-2 {self.distinct_2:.3f}"


def _gain(old: float, new: float, least: float) -> int:
    """Return 1 if `new` is less than `old`, -1 if it is more, and 0 if they differ by no more than the tolerance."""
    tolerance = max(_TOLERANCE * old, least)
    return (old - new > tolerance) - (new - old > tolerance)


def _miss(command: Command, samples: Sequence[Sample], fit: Sequence[Sample]) -> float | None:
    """Return the mean distance from the command; what needs a judge is measured on what was fit to be judged."""
    measured = fit if command.judged else samples
    asked = [(sample.commands[command.name], sample) for sample in measured]
    misses = [abs(command.score(value, sample)) for value, sample in asked]
    return fmean(misses) if misses else None
