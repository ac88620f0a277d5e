"""Pairs that curate judges per second, without embeddings, against a naive curation in the same run.

python benchmarks/curation.py [--rows 100000] [--json FILE]

Processor time, of all processes together, is what counts on a machine that does other work too: a rate per core.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pairs
from facts import publish
from naive import Naive

from promptlet.cores import usable_cores
from promptlet.io.records import read_tables
from promptlet.stages.base import CommonConfig, Context
from promptlet.stages.curate import CurateConfig, CurateStage
from promptlet.vocabulary import load_policy

NAIVE_ROWS = 5000


def main() -> None:
    """Print both rates, their ratio, and how far the two agree."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--runner", default="local")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        source, folder = Path(name) / "source", Path(name) / "curated"
        pairs.write(source, arguments.rows, seed=1)
        folder.mkdir()
        context = Context(folder, {"synthesize": source}, folder, CommonConfig(name="curation"), arguments.runner)
        counts, wall, busy = timed(lambda: CurateStage().run(CurateConfig(), context))
        naive, _, naive_busy = timed(lambda: baseline(source))
    rows, cores = arguments.rows, usable_cores()
    naive_rows = naive.total()
    per_row, naive_per_row = busy / rows, naive_busy / naive_rows
    result: dict[str, Any] = {
        "rows": rows,
        "kept": counts["prompts"],
        "reasons": counts["reasons"],
        "pairs/s, wall clock": round(rows / wall),
        "processor time per pair, us": round(1e6 * per_row, 1),
        f"pairs/s on {cores} cores of their own": round(cores / per_row),
        "naive: processor time per pair, us": round(1e6 * naive_per_row, 1),
        "naive: pairs/s on one core": round(1 / naive_per_row),
        "times as fast per core": round(naive_per_row / per_row, 1),
        "times as fast on all cores": round(cores * naive_per_row / per_row, 1),
    }
    publish(result, arguments.json)


def baseline(source: Path) -> Counter[str]:
    """Return the reasons that the naive curation gives."""
    naive, reasons = Naive(load_policy()), Counter[str]()
    for table in read_tables(source, rows=NAIVE_ROWS):
        reasons.update(naive.compared(row) or "kept" for row in table.to_pylist())
        return reasons
    raise AssertionError("no rows")


def timed(work: Callable[[], Any]) -> tuple[Any, float, float]:
    """Return what work returns, its wall-clock seconds, and processor seconds with its child processes."""
    start, before = time.perf_counter(), os.times()
    done = work()
    after = os.times()
    return done, time.perf_counter() - start, sum(after[:4]) - sum(before[:4])


if __name__ == "__main__":
    main()
