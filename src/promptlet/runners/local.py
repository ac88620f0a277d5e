"""The runner for one machine: a pool of processes, one per core."""

from __future__ import annotations

import multiprocessing
import os
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from itertools import islice
from pathlib import Path

import pyarrow as pa

from promptlet.io.records import read_tables
from promptlet.runners.base import ROWS_PER_TABLE, Function, Runner

_AHEAD = 4
"""Tables in work per process; more would only fill memory."""
_FEW_ROWS = 4 * ROWS_PER_TABLE
"""Up to here starting processes takes longer than the work."""


class Local(Runner):
    """Processes of this machine."""

    name = "local"

    def __init__(self, processes: int | None = None) -> None:
        self._processes = processes or os.cpu_count() or 1

    def map(self, function: Function, folder: Path, stem: str = "data") -> Iterator[pa.Table]:
        tables = read_tables(folder, stem, ROWS_PER_TABLE)
        first = list(islice(tables, _FEW_ROWS // ROWS_PER_TABLE))
        if self._processes == 1 or len(first) < _FEW_ROWS // ROWS_PER_TABLE:
            yield from map(function, first)
            yield from map(function, tables)
            return
        # Forking a process whose libraries hold threads may hang; a fresh one costs a second.
        context = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(self._processes, mp_context=context) as pool:
            waiting: deque[Future[pa.Table]] = deque()
            for table in _chain(first, tables):
                waiting.append(pool.submit(function, table))
                if len(waiting) >= _AHEAD * self._processes:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()


def _chain(first: list[pa.Table], rest: Iterator[pa.Table]) -> Iterator[pa.Table]:
    yield from first
    yield from rest


RUNNER = Local
