"""Putting requests to a teacher: many at once, each answer in the journal before anything else happens to it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from itertools import groupby, islice
from queue import SimpleQueue
from threading import Event
from typing import Any

from promptlet.errors import TeacherError
from promptlet.io.journal import Journal
from promptlet.progress import Meter
from promptlet.teachers.base import Teacher, TeacherRequest
from promptlet.types import Sample

_FAILURES_IN_A_ROW = 20
"""After so many the teacher counts as dead, and the asking stops."""


@dataclass(frozen=True, slots=True)
class Job:
    """A request, what it is for, and the digest of all that its answer may depend on."""

    sample: Sample
    request: TeacherRequest
    identity: str


def ask_all(teacher: Teacher, jobs: Iterable[Job], journal: Journal, meter: Meter) -> Iterator[dict[str, Any]]:
    """Yield a journal entry per job as it ends, finished or failed, after it was written to the journal.

    A worker takes as many jobs with the same exemplars as the teacher likes to have together.
    """
    runs = together(jobs, teacher.batch)
    entries: SimpleQueue[dict[str, Any] | BaseException] = SimpleQueue()
    stop = Event()

    def work(run: list[Job]) -> None:
        try:
            for place, answer in teacher.complete_all([job.request for job in run]):
                said = {"error": str(answer)} if isinstance(answer, TeacherError) else asdict(answer)
                entry = {"id": run[place].identity} | said
                journal.append(entry)
                entries.put(entry)
                if stop.is_set():
                    return
        except BaseException as error:  # noqa: BLE001 (handed to the main thread, which raises it)
            entries.put(error)

    waiting, failures = 0, 0
    with ThreadPoolExecutor(teacher.concurrency) as pool:
        try:
            while True:
                while waiting < 2 * teacher.concurrency * teacher.batch and (run := next(runs, None)):
                    waiting += len(run)
                    pool.submit(work, run)
                if not waiting:
                    return
                entry = entries.get()
                if isinstance(entry, BaseException):
                    raise entry
                waiting -= 1
                failures = failures + 1 if "error" in entry else 0
                yield entry
                meter.advance()
                if failures >= _FAILURES_IN_A_ROW:
                    raise TeacherError(
                        f"the teacher failed {failures} times in a row, last with: {entry['error']}; "
                        "all finished answers are kept, run again to go on"
                    )
        finally:
            stop.set()
            pool.shutdown(wait=True, cancel_futures=True)


def together(jobs: Iterable[Job], size: int) -> Iterator[list[Job]]:
    """Yield the jobs in runs of at most `size` that share their exemplars."""
    for _, group in groupby(jobs, key=lambda job: job.request.messages[:-1]):
        while run := list(islice(group, size)):
            yield run


def spread(teacher: Teacher, jobs: Sequence[Job], size: int) -> list[Job]:
    """Return at least `size` of the jobs, if there are so many, as runs of neighbours evenly from first to last.

    There is a run for every worker of the teacher, so that a teacher of many slots is measured with full ones, and
    neighbours mostly share their exemplars, as they will in the whole work.
    """
    runs = max(8, teacher.concurrency)
    each = max(2, math.ceil(size / runs))
    if len(jobs) <= runs * each:
        return list(jobs)
    middles = ((2 * place + 1) * len(jobs) // (2 * runs) for place in range(runs))
    return [job for middle in middles for job in jobs[middle - each // 2 :][:each]]
