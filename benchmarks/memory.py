"""Memory of curate while millions of rows stream through it: the peak of all its processes, as rows go by.

python benchmarks/memory.py --rows 5000000 [--folder FOLDER] [--json FILE]
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import tempfile
import threading
from pathlib import Path

import pairs
from facts import publish

from promptlet.io.records import ROWS_PER_SHARD
from promptlet.stages.base import CommonConfig, Context
from promptlet.stages.curate import CurateConfig, CurateStage

STEPS = 5
LIMIT_GB = 2.0


def main() -> None:
    """Print the peak after each fifth of the rows."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rows", type=int, default=500_000)
    parser.add_argument("--folder", type=Path, help="where the rows are put; some 120 bytes a row")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=arguments.folder) as name:
        source, folder = Path(name) / "source", Path(name) / "curated"
        # In a process of its own, so that its memory is not counted.
        maker = multiprocessing.get_context("spawn").Process(target=pairs.write, args=(source, arguments.rows, 1))
        maker.start()
        maker.join()
        folder.mkdir()
        watch = Watch(folder)
        watch.start()
        counts = CurateStage().run(
            CurateConfig(), Context(folder, {"synthesize": source}, folder, CommonConfig(name="memory"))
        )
        watch.stop()
    steps = {}
    for step in range(1, STEPS + 1):
        rows = arguments.rows * step // STEPS
        before = [size for done, size in watch.seen if done <= rows]
        steps[f"peak GB up to {rows} rows"] = round(max(before) / 1e9, 3)
    peak = max(size for _, size in watch.seen) / 1e9
    verdict = {"peak GB": round(peak, 3), f"under {LIMIT_GB} GB": peak < LIMIT_GB, "kept": counts["prompts"]}
    publish(steps | verdict, arguments.json)


class Watch(threading.Thread):
    """Notes the resident memory of this process and its children, and how many rows were written by then."""

    def __init__(self, folder: Path) -> None:
        super().__init__(daemon=True)
        self.folder = folder
        self.seen: list[tuple[int, int]] = []
        self._ended = threading.Event()

    def run(self) -> None:
        while not self._ended.wait(0.25):
            rows = ROWS_PER_SHARD * sum(1 for _ in self.folder.glob("*.parquet"))
            self.seen.append((rows, sum(map(_resident, [os.getpid(), *_children(os.getpid())]))))

    def stop(self) -> None:
        """End watching."""
        self._ended.set()
        self.join()


def _resident(process: int) -> int:
    """Return a process's resident bytes; pages that processes share count for each of them."""
    try:
        return int(Path(f"/proc/{process}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (FileNotFoundError, ProcessLookupError):
        return 0


def _children(process: int) -> list[int]:
    found = [
        int(each) for file in Path(f"/proc/{process}/task").glob("*/children") for each in file.read_text().split()
    ]
    return found + [deeper for child in found for deeper in _children(child)]


if __name__ == "__main__":
    main()
