"""The quick judge: which share of the intents' words, or of their other names' words, the prompt says."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Self

from promptlet.intents.graph import Graph, load_graph
from promptlet.judges.base import Judge, Scores
from promptlet.stemming import share_said
from promptlet.types import RELEVANCE, Sample

TOPIC_WEIGHT = 2.0
"""A prompt that misses its topic misses more than one that misses a color."""


class Words(Judge):
    """Coverage by stems; aliases count as much as the intent's own name."""

    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        self._names = lru_cache(maxsize=1 << 16)(self._names_of)

    @classmethod
    def open(cls, graph: Path | None = None) -> Self:
        return cls(load_graph(graph))

    def judge(self, samples: Sequence[Sample]) -> list[Scores]:
        return [{RELEVANCE: round(topic_weighted_mean(sample, self.said(sample)), 4)} for sample in samples]

    def said(self, sample: Sample) -> list[float]:
        """Return, per intent, the largest share of the words of one of its names that is said; 0 if it has none."""
        return [
            max(share_said(name, sample.stems) for name in self._names(intent.kind, intent.value))
            for intent in sample.intents
        ]

    def _names_of(self, kind: str, value: str) -> tuple[str, ...]:
        node = self._graph.find(kind, value)
        return (value, *(self._graph.aliases[node] if node else ()))


def topic_weighted_mean(sample: Sample, shares: Sequence[float]) -> float:
    """Return the mean of values per intent, in which the topic counts twice; 0 without intents."""
    weights = [TOPIC_WEIGHT if intent.kind == "Topic" else 1.0 for intent in sample.intents]
    return sum(w * share for w, share in zip(weights, shares, strict=True)) / sum(weights) if weights else 0.0


JUDGE = Words
