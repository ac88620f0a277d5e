"""What every judge offers: samples in, scores out."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Self

from promptlet.types import Sample

RELEVANCE = "relevance"
"""The score that the others are the parts of."""
Scores = dict[str, float]
"""Names of scores -> values from 0 (worst) to 1; every judge gives `RELEVANCE`, and the parts it is made of."""


class Judge(ABC):
    """Rates prompts. Make one with `open`; it is pure, so it may run in any process."""

    @classmethod
    @abstractmethod
    def open(cls) -> Self:
        """Return a judge that is ready.

        Raises:
            MissingExtraError: if a library or model that it needs is not installed.
        """

    @abstractmethod
    def judge(self, samples: Sequence[Sample]) -> list[Scores]:
        """Return the scores of each sample, rounded to four digits."""
