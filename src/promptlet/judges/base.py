"""What every judge offers: samples in, scores out."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Self

from promptlet import registry
from promptlet.types import Sample

Scores = dict[str, float]
"""Names of scores -> values from 0 (worst) to 1; every judge gives `relevance`, and the parts it is made of."""


class Judge(ABC):
    """Rates prompts. Make one with `open`; it is pure, so it may run in any process."""

    @classmethod
    @abstractmethod
    def open(cls, graph: Path | None = None) -> Self:
        """Return a judge that is ready, for intents of the graph in a folder, or of the packaged one.

        Raises:
            MissingExtraError: if a library or model that it needs is not installed.
        """

    @classmethod  # noqa: B027 (most need nothing)
    def require(cls) -> None:
        """Look for the libraries and models that it needs, without loading them.

        Raises:
            PromptletError: naming what to install.
        """

    @abstractmethod
    def judge(self, samples: Sequence[Sample]) -> list[Scores]:
        """Return the scores of each sample, rounded to four digits."""


def judge_class(name: str) -> type[Judge]:
    """Return the judge of this name, to be opened with a graph.

    Raises:
        UsageError: if there is none of this name.
        MissingExtraError: if a library that it needs is not installed.
    """
    found: type[Judge] = registry.load("promptlet.judges", name).JUDGE
    return found


@cache
def open_judge(name: str, graph: Path | None = None) -> Judge:
    """Return the judge of this name, opened once per process.

    Raises:
        UsageError: if there is none of this name.
        MissingExtraError: if a library or model that it needs is not installed.
    """
    return judge_class(name).open(graph)
