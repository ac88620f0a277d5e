"""What a runner offers: functions over the tables of a folder, in order, and requests put to a teacher."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, TypeVar

import pyarrow as pa

from promptlet.errors import TeacherError
from promptlet.io.journal import Journal
from promptlet.teachers.base import Answer, Teacher, TeacherRequest

Function = Callable[[pa.Table], pa.Table]
"""Must be picklable, and depend on its table alone: the same rows give the same result wherever it runs."""

Run = Sequence[tuple[str, TeacherRequest]]
"""Requests with their identities that are best put to a teacher together."""
Reply = Answer | TeacherError
Kept = TypeVar("Kept")

ROWS_PER_TABLE = 2000
_FAILURES_IN_A_ROW = 20
"""After so many the teacher counts as dead, and is asked no more."""


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


def ask_all(
    runner: Runner, teacher: Teacher, runs: Iterable[Run], journal: Journal
) -> Generator[dict[str, Any], None, None]:
    """Yield a journal entry per request as it ends, finished or failed, after it was written to the journal.

    Ends early when the teacher seems to be dead; `given_up` is the error for that.
    """

    def keep(identity: str, reply: Reply) -> dict[str, Any]:
        said = {"error": str(reply)} if isinstance(reply, TeacherError) else asdict(reply)
        entry = {"id": identity} | said
        journal.append(entry)
        return entry

    failures = 0
    for entry in runner.ask(teacher, runs, keep):
        yield entry
        failures = failures + 1 if "error" in entry else 0
        if failures >= _FAILURES_IN_A_ROW:
            return


def given_up(last: str) -> TeacherError:
    """Return the error for a teacher that is asked no more, with why it failed last."""
    return TeacherError(
        f"the teacher failed {_FAILURES_IN_A_ROW} times in a row, last with: {last}; "
        "all finished answers are kept, run again to go on"
    )
