"""Drawing a token where NumPy holds the scores; V tokens in a vocabulary."""

from __future__ import annotations

import math
import random

import numpy as np
from numpy.typing import NDArray

from promptlet.engines.base import Decoding, Sampling

Scores = NDArray[np.float32]


def uniforms(decoding: Decoding, tokens: int) -> list[float]:
    """Return a number from 0 to 1 for each token, from the decoding's seed alone."""
    rng = random.Random(decoding.seed)
    return [rng.random() for _ in range(tokens)]


def draw(scores: Scores, sampling: Sampling, uniform: float) -> int:
    """Return the token that a uniform number falls on; where all are barred, any.

    Top-k and top-p look at the scores as they are, min-p too; what is left is weighted by the temperature.

    Args:
        scores: [V] logarithms of probabilities, or logits; minus infinity is never drawn.
        sampling: the rules.
        uniform: from 0 to 1.
    """
    likeliest = int(scores.argmax())
    if sampling.temperature == 0 or scores[likeliest] == -np.inf:
        return likeliest
    behind = scores - scores[likeliest]
    least = math.log(sampling.min_p) if sampling.min_p else -math.inf
    tokens = np.flatnonzero((behind >= least) & (behind > -np.inf))
    if sampling.top_k or sampling.top_p < 1:
        ranked = np.argsort(-behind, kind="stable")[: sampling.top_k or None]
        shares = np.exp(behind[ranked], dtype=np.float64)
        shares /= shares.sum()
        top = ranked[np.cumsum(shares) - shares < sampling.top_p]
        tokens = top[np.isin(top, tokens)]
    sums = np.cumsum(np.exp(behind[tokens].astype(np.float64) / sampling.temperature))
    place = int(np.searchsorted(sums, uniform * sums[-1], side="right"))
    return int(tokens[min(place, len(tokens) - 1)])
