"""How well texts obey the word command: the statistics of the paper's Table 3 and those it should have had.

The paper's row "MSE" can only be a mean absolute error (at 35 words its bias alone has a larger square), so MAE, MSE
and RMSE all stand here.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from promptlet.evaluation.bootstrap import Interval, interval

PAPER = {
    10: {"mean": 10.3, "mae": 0.365, "within_2": 0.98},
    20: {"mean": 19.2, "mae": 0.881, "within_2": 0.96},
    30: {"mean": 31.1, "mae": 1.131, "within_2": 0.93},
    35: {"mean": 33.8, "mae": 1.179, "within_2": 0.95},
}
"""Table 3 of the paper, its "MSE" read as the mean absolute error that it must be."""


@dataclass(frozen=True)
class Adherence:
    """Statistics of word counts for one target."""

    target: int
    prompts: int
    mean: Interval
    bias: Interval
    mae: Interval
    mse: Interval
    rmse: Interval
    exact: Interval
    within_2: Interval


def measure_adherence(target: int, counts: Sequence[int], seed: int = 0) -> Adherence:
    """Return the statistics of `counts`, the words of texts that were asked for `target` words."""
    errors = np.asarray(counts, np.float64) - target
    bias, mse = interval(errors, seed), interval(errors**2, seed)
    return Adherence(
        target=target,
        prompts=len(counts),
        mean=bias.map(lambda value: target + value),
        bias=bias,
        mae=interval(np.abs(errors), seed),
        mse=mse,
        rmse=mse.map(math.sqrt),
        exact=interval(errors == 0, seed),
        within_2=interval(np.abs(errors) <= 2, seed),
    )


def pooled(rows: Sequence[Adherence], name: str) -> float:
    """Return the mean of a statistic over the prompts of all rows."""
    total = math.fsum(getattr(row, name).value * row.prompts for row in rows)
    return total / sum(row.prompts for row in rows)


def table(rows: Sequence[Adherence]) -> str:
    """Return a Markdown table, the paper's numbers beside ours."""
    lines = [
        "| target | prompts | mean | bias | MAE | MSE | RMSE | exact | within 2 | paper: mean, MAE, within 2 |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        cells = [
            str(row.target),
            str(row.prompts),
            *(f"{v:.2f} [{low:.2f}, {high:.2f}]" for v, low, high in (row.mean, row.bias, row.mae, row.mse, row.rmse)),
            *(f"{v:.1%} [{low:.1%}, {high:.1%}]" for v, low, high in (row.exact, row.within_2)),
            paper_row(row.target),
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def paper_row(target: int) -> str:
    """Return what the paper reports for a target: mean, MAE, within 2; nothing where it reports none."""
    paper = PAPER.get(target)
    return f"{paper['mean']}, {paper['mae']}, {paper['within_2']:.0%}" if paper else ""
