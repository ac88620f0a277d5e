"""The judge that takes the scores that pairs bring along: published ones, or those of a GPU that judged them already.

What hindsight makes of a pair keeps the score of the pair, which is near the truth; the other judges score it anew.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Self

from promptlet.errors import RunError
from promptlet.judges.base import Judge, Scores
from promptlet.types import RELEVANCE, Sample


class Given(Judge):
    """Scores as they are."""

    @classmethod
    def open(cls, graph: Path | None = None) -> Self:  # noqa: ARG003 (it needs none)
        return cls()

    def judge(self, samples: Sequence[Sample]) -> list[Scores]:
        for sample in samples:
            if RELEVANCE not in sample.scores:
                raise RunError(
                    f"the judge 'given' finds no score '{RELEVANCE}' with {sample.prompt[:60]!r}; let another one judge"
                )
        return [dict(sample.scores) for sample in samples]


JUDGE = Given
"""Found by the registry."""
