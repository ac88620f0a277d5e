"""The judge by meaning: coverage of the intents by words or by meaning, likeness of the whole, and fluency.

Meaning is cosine similarity of sentence embeddings (all-MiniLM-L6-v2). Fluency is how likely the teacher found its
own words, where it says; a likely text is a plain one. The figures come from pairs rated by hand (tests/judges).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Self

import numpy as np

from promptlet.embedding import Embedder, Vectors, load_embedder, require_embedder
from promptlet.judges.base import Judge, Scores
from promptlet.judges.words import Words, topic_weighted_mean
from promptlet.types import LIKELIHOOD, RELEVANCE, Sample

_UNLIKE, _ALIKE = 0.15, 0.55
"""Cosines of an intent and a prompt at which the one says nothing, or all, of the other."""
_FAR, _NEAR = 0.3, 0.9
"""Cosines of all intents together and a prompt that make the lowest and the highest likeness."""
_BABBLE, _PLAIN = -2.5, -0.7
"""Mean log-probabilities of a text's tokens that make the lowest and the highest fluency."""
_WEIGHTS = {"coverage": 0.45, "likeness": 0.3, "fluency": 0.25}
_REMEMBERED = 100_000
"""Intents, each and together, whose embeddings are kept in memory."""


class Embedding(Judge):
    """Scores `coverage`, `likeness`, and `fluency` where the sample has a likelihood."""

    def __init__(self, embedder: Embedder, words: Words) -> None:
        self._embedder, self._words = embedder, words
        self._wishes: dict[str, Vectors] = {}

    @classmethod
    def require(cls) -> None:
        require_embedder()

    @classmethod
    def open(cls, graph: Path | None = None) -> Self:
        return cls(load_embedder(), Words.open(graph))

    def judge(self, samples: Sequence[Sample]) -> list[Scores]:
        found = []
        for sample, parts in zip(samples, self.parts(samples), strict=True):
            if LIKELIHOOD in sample.scores:
                parts["fluency"] = scale(sample.scores[LIKELIHOOD], _BABBLE, _PLAIN)
            found.append(weigh(parts))
        return found

    def parts(self, samples: Sequence[Sample]) -> list[Scores]:
        """Return the coverage and the likeness of each sample."""
        prompts = self._embedder.embed([sample.prompt for sample in samples])
        self._look_up({each for sample in samples for each in (_whole(sample), *_values(sample))})
        return [self._parts(sample, prompt) for sample, prompt in zip(samples, prompts, strict=True)]

    def _parts(self, sample: Sample, prompt: Vectors) -> Scores:
        meant = [scale(float(self._wishes[value] @ prompt), _UNLIKE, _ALIKE) for value in _values(sample)]
        return {
            "coverage": topic_weighted_mean(sample, list(map(max, self._words.said(sample), meant))),
            "likeness": scale(float(self._wishes[_whole(sample)] @ prompt), _FAR, _NEAR),
        }

    def _look_up(self, values: set[str]) -> None:
        if len(self._wishes) > _REMEMBERED:
            self._wishes.clear()
        new = sorted(values - self._wishes.keys())
        self._wishes.update(zip(new, self._embedder.embed(new), strict=True))


def _values(sample: Sample) -> list[str]:
    return [intent.value for intent in sample.intents]


def _whole(sample: Sample) -> str:
    return ", ".join(_values(sample))


def weigh(parts: Scores) -> Scores:
    """Return the parts with the relevance that they make, rounded to four digits."""
    total = sum(_WEIGHTS[name] for name in parts)
    relevance = sum(_WEIGHTS[name] * value for name, value in parts.items()) / total
    return {name: round(value, 4) for name, value in (parts | {RELEVANCE: relevance}).items()}


def scale(value: float, lowest: float, highest: float) -> float:
    """Return where a value lies between two others, from 0 to 1."""
    return float(np.clip((value - lowest) / (highest - lowest), 0.0, 1.0))


JUDGE = Embedding
