"""Rows of metadata imported per second and the memory that it takes, for files of 10,000, 100,000 and 1,000,000 rows.

python benchmarks/importing.py [--rows 10000 100000 1000000] [--embeddings] [--json FILE]
"""

from __future__ import annotations

import argparse
import csv
import multiprocessing
import random
import resource
import tempfile
import time
from pathlib import Path
from typing import Any

from facts import publish

from promptlet.embedding import load_embedder
from promptlet.intents.graph import load_graph
from promptlet.intents.importing import Import
from promptlet.intents.linking import Linker
from promptlet.intents.metadata import Metadata

ODD_SHARE = 0.01
"""Rows of which a column is missing."""


def main() -> None:
    """Print, per size, the rate and the peak of a process that does nothing else."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rows", type=int, nargs="+", default=[10_000, 100_000, 1_000_000])
    parser.add_argument("--embeddings", action="store_true", help="link by meaning, too")
    parser.add_argument("--folder", type=Path, help="where the files are put; some 200 bytes a row")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    result: dict[str, Any] = {"linked by": "name and meaning" if arguments.embeddings else "name"}
    for rows in arguments.rows:
        with (
            tempfile.TemporaryDirectory(dir=arguments.folder) as name,
            multiprocessing.get_context("spawn").Pool(1) as pool,
        ):
            path = Path(name) / "metadata.csv"
            write(path, rows)
            rate, peak, report = pool.apply(measure, (path, arguments.embeddings))
        result[f"{rows} rows"] = (
            f"{rate:.0f} rows/s, peak {peak:.3f} GB, {report['intents']} intents, {report['reasons']}"
        )
    publish(result, arguments.json)


def measure(path: Path, embeddings: bool) -> tuple[float, float, dict[str, Any]]:
    """Return rows per second of processor time, the process's peak memory in GB, and the report."""
    graph = load_graph()
    linker = Linker(graph, load_embedder() if embeddings else None)
    start = time.process_time()
    report = Import(Metadata.open(path, {}), graph, linker).run(path.parent / "intents")
    seconds = time.process_time() - start
    rows = report["intents"] + report["rejected"]
    return rows / seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9, report


def write(path: Path, rows: int) -> None:
    """Write rows like those of a picture library; every tenth keyword is one that was never seen before."""
    rng = random.Random(1)
    names = [node.value for node in load_graph().nodes()]
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["title", "description", "keywords", "category", "color"])
        for row in range(rows):
            drawn = rng.choices(names, k=8)
            keywords = [each if rng.random() < 0.9 else f"keyword{row}" for each in drawn]
            values = [f"{drawn[0]} with {drawn[1]}", f"A picture of {drawn[2]}", ", ".join(keywords), drawn[3], "blue"]
            writer.writerow(values[:4] if rng.random() < ODD_SHARE else values)


if __name__ == "__main__":
    main()
