"""The runner for one machine: a pool of processes, one per core; threads for the requests to a teacher."""

from __future__ import annotations

import gc
import multiprocessing
import os
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor, ThreadPoolExecutor
from itertools import chain, islice
from pathlib import Path
from queue import SimpleQueue
from threading import Event

import pyarrow as pa

from promptlet.cores import usable_cores
from promptlet.io.records import read_tables
from promptlet.runners.base import ROWS_PER_TABLE, Function, Reply, Result, Run, Runner
from promptlet.teachers.base import Teacher

_AHEAD = 4
"""Tables in work per process; more would only fill memory."""
_FEW_ROWS = 4 * ROWS_PER_TABLE
"""Up to here starting processes takes longer than the work."""


class Local(Runner):
    """Processes and threads of this machine."""

    name = "local"

    def __init__(self, processes: int | None = None) -> None:
        self._processes = processes or usable_cores()

    def map(self, function: Function, folder: Path, stem: str = "data") -> Iterator[pa.Table]:
        tables = read_tables(folder, stem, ROWS_PER_TABLE)
        first = list(islice(tables, _FEW_ROWS // ROWS_PER_TABLE))
        if self._processes == 1 or len(first) < _FEW_ROWS // ROWS_PER_TABLE:
            yield from map(function, chain(first, tables))
            return
        # Forking a process whose libraries hold threads may hang; a fresh one costs a second.
        context = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(self._processes, context, _settle) as pool:
            waiting: deque[Future[pa.Table]] = deque()
            for table in chain(first, tables):
                waiting.append(pool.submit(function, table))
                if len(waiting) >= _AHEAD * self._processes:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()

    def ask(self, teacher: Teacher, runs: Iterable[Run], keep: Callable[[str, Reply], Result]) -> Generator[Result]:
        """Yield what is kept of each reply; a thread puts one run after another to the teacher.

        When the caller stops to listen, each thread still keeps the reply that it waits for.
        """
        todo = iter(runs)
        replies: SimpleQueue[Result | _Failure] = SimpleQueue()
        stop = Event()

        def work(run: Run) -> None:
            try:
                for index, reply in teacher.complete_all([request for _, request in run]):
                    replies.put(keep(run[index][0], reply))
                    if stop.is_set():
                        return
            except BaseException as error:  # noqa: BLE001 (handed to the main thread, which raises it)
                replies.put(_Failure(error))

        waiting = 0
        with ThreadPoolExecutor(teacher.concurrency) as pool:
            try:
                while True:
                    while waiting < 2 * teacher.concurrency * teacher.batch and (run := next(todo, None)):
                        waiting += len(run)
                        pool.submit(work, run)
                    if not waiting:
                        return
                    reply = replies.get()
                    if isinstance(reply, _Failure):
                        raise reply.error
                    waiting -= 1
                    yield reply
            finally:
                stop.set()
                pool.shutdown(wait=True, cancel_futures=True)


def _settle() -> None:
    """Let a process of the pool compute with one thread, as there is one for every core, and seldom look for cycles.

    Rows are many small objects without cycles; looking at the usual pace takes a twelfth of the time of curation.
    """
    os.environ["OMP_NUM_THREADS"] = "1"
    gc.set_threshold(50_000)


class _Failure:
    """Something that a thread raised."""

    def __init__(self, error: BaseException) -> None:
        self.error = error


RUNNER = Local
