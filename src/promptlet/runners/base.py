"""What a runner offers: a function from tables to tables, applied to all shards of a folder, in order."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from pathlib import Path

import pyarrow as pa

Function = Callable[[pa.Table], pa.Table]
"""Must be picklable, and depend on its table alone: the same rows give the same result wherever it runs."""

ROWS_PER_TABLE = 2000


class Runner(ABC):
    """Runs functions over records; every runner gives the same rows in the same order."""

    name: str

    @abstractmethod
    def map(self, function: Function, folder: Path, stem: str = "data") -> Iterator[pa.Table]:
        """Yield what `function` makes of the rows of ``STEM-*.parquet``, in order, in flat memory."""
