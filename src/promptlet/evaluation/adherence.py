"""How well texts obey the word command: the statistics of the paper's Table 3 and those it should have had.

The paper's row "MSE" can only be a mean absolute error (at 35 words its bias alone has a larger square), so MAE, MSE
and RMSE all stand here. Intervals are 95% percentile bootstrap intervals.
"""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

RESAMPLES = 1000
PAPER = {
    10: {"mean": 10.3, "mae": 0.365, "within_2": 0.98},
    20: {"mean": 19.2, "mae": 0.881, "within_2": 0.96},
    30: {"mean": 31.1, "mae": 1.131, "within_2": 0.93},
    35: {"mean": 33.8, "mae": 1.179, "within_2": 0.95},
}
"""Table 3 of the paper, its "MSE" read as the mean absolute error that it must be."""


@dataclass(frozen=True)
class Adherence:
    """Statistics of word counts for one target; each as (value, low end, high end)."""

    target: int
    prompts: int
    mean: tuple[float, float, float]
    bias: tuple[float, float, float]
    mae: tuple[float, float, float]
    mse: tuple[float, float, float]
    rmse: tuple[float, float, float]
    exact: tuple[float, float, float]
    within_2: tuple[float, float, float]


def measure_adherence(target: int, counts: Sequence[int], seed: int = 0) -> Adherence:
    """Return the statistics of `counts`, the words of texts that were asked for `target` words."""
    assert counts, target
    errors = [count - target for count in counts]
    chance = random.Random(seed)
    samples = [chance.choices(errors, k=len(errors)) for _ in range(RESAMPLES)]
    rows = [_statistics(sample) for sample in samples]
    point = _statistics(errors)
    values = {}
    for name, value in point.items():
        ordered = sorted(row[name] for row in rows)
        low, high = ordered[int(0.025 * RESAMPLES)], ordered[int(0.975 * RESAMPLES)]
        values[name] = (round(value, 4), round(low, 4), round(high, 4))
    mean = values["bias"]
    return Adherence(target, len(counts), (target + mean[0], target + mean[1], target + mean[2]), **values)


def _statistics(errors: Sequence[int]) -> dict[str, float]:
    mse = fmean(error * error for error in errors)
    return {
        "bias": fmean(errors),
        "mae": fmean(map(abs, errors)),
        "mse": mse,
        "rmse": math.sqrt(mse),
        "exact": fmean(error == 0 for error in errors),
        "within_2": fmean(abs(error) <= 2 for error in errors),
    }


def table(rows: Sequence[Adherence]) -> str:
    """Return a Markdown table, the paper's numbers beside ours."""
    lines = [
        "| target | prompts | mean | bias | MAE | MSE | RMSE | exact | within 2 | paper: mean, MAE, within 2 |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        paper = PAPER.get(row.target)
        beside = f"{paper['mean']}, {paper['mae']}, {paper['within_2']:.0%}" if paper else ""
        cells = [
            str(row.target),
            str(row.prompts),
            *(f"{v:.2f} [{low:.2f}, {high:.2f}]" for v, low, high in (row.mean, row.bias, row.mae, row.mse, row.rmse)),
            *(f"{v:.1%} [{low:.1%}, {high:.1%}]" for v, low, high in (row.exact, row.within_2)),
            beside,
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)
