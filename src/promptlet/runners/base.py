"""What a runner offers: functions over the tables of a folder, in order, and requests put to a teacher."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TypeVar

import pyarrow as pa

from promptlet.errors import TeacherError
from promptlet.teachers.base import Answer, Teacher, TeacherRequest

Function = Callable[[pa.Table], pa.Table]
"""Must be picklable, and depend on its table alone: the same rows give the same result wherever it runs."""

Run = Sequence[tuple[str, TeacherRequest]]
"""Requests with their identities that are best put to a teacher together."""
Reply = Answer | TeacherError
Kept = TypeVar("Kept")

ROWS_PER_TABLE = 2000


class Runner(ABC):
    """Runs functions over records and asks teachers; every runner gives the same rows and answers."""

    name: str

    @abstractmethod
    def map(self, function: Function, folder: Path, stem: str = "data") -> Iterator[pa.Table]:
        """Yield what `function` makes of the rows of ``STEM-*.parquet``, in order, in flat memory."""

    @abstractmethod
    def ask(self, teacher: Teacher, runs: Iterable[Run], keep: Callable[[str, Reply], Kept]) -> Iterator[Kept]:
        """Yield what `keep` makes of each request's identity and reply, as the replies come.

        `keep` is called in this process, but in any thread, before anything else happens to a reply: a journal's place.

        Raises:
            UsageError: if this runner can't ask this teacher.
            PromptletError: what a worker raises that is no reply.
        """
