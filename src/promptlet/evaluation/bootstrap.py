"""95% percentile bootstrap intervals of means (Efron, 1979): what a number would be on other prompts of its kind."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

RESAMPLES = 10_000
_VALUES_AT_A_TIME = 1 << 20
"""Bounds the memory of the resamples."""


class Interval(NamedTuple):
    """A mean with the ends of its interval."""

    value: float
    low: float
    high: float

    def map(self, function: Callable[[float], float]) -> Interval:
        """Return the interval of a rising function of the mean; the bootstrap's percentiles rise with it."""
        return Interval(*map(function, self))

    @property
    def excludes_zero(self) -> bool:
        """Whether the interval leaves out zero."""
        return self.low > 0 or self.high < 0


def interval(values: Sequence[float] | NDArray[Any], seed: int = 0) -> Interval:
    """Return the mean of `values`, shape (N,), with N at least 1, and its interval."""
    sample = np.asarray(values, np.float64)
    assert sample.size
    rng = np.random.default_rng(seed)
    rows = max(1, _VALUES_AT_A_TIME // sample.size)
    means = np.concatenate(
        [
            sample[rng.integers(sample.size, size=(min(rows, RESAMPLES - start), sample.size))].mean(axis=1)
            for start in range(0, RESAMPLES, rows)
        ]
    )
    low, high = np.quantile(means, (0.025, 0.975))
    return Interval(*(round(float(value), 6) for value in (math.fsum(sample) / sample.size, low, high)))
