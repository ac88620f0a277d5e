"""What a runner offers: functions over the tables of a folder, in order, and requests put to a teacher."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from typing import Any, TypeVar

import pyarrow as pa

from promptlet import registry
from promptlet.errors import TeacherError
from promptlet.io.journal import Journal
from promptlet.teachers.base import Answer, Teacher, TeacherRequest

Function = Callable[[pa.Table], pa.Table]
"""Must be picklable, and depend on its table alone: the same rows give the same result wherever it runs."""

Run = Sequence[tuple[str, TeacherRequest]]
"""Requests with their identities that are best put to a teacher together."""
Reply = Answer | TeacherError
Result = TypeVar("Result")

ROWS_PER_TABLE = 2000
_FAILURES_IN_A_ROW = 20
"""After so many the teacher counts as dead, and is asked no more."""


class GivenUpError(TeacherError):
    """A teacher failed so often that it is asked no more."""


class Runner(ABC):
    """Runs functions over records and asks teachers; every runner gives the same rows and answers."""

    name: str

    @abstractmethod
    def map(self, function: Function, folder: Path, stem: str = "data") -> Iterator[pa.Table]:
        """Yield what `function` makes of the rows of ``STEM-*.parquet``, in order, in flat memory."""

    @abstractmethod
    def ask(self, teacher: Teacher, runs: Iterable[Run], keep: Callable[[str, Reply], Result]) -> Generator[Result]:
        """Yield what `keep` makes of each request's identity and reply, as the replies come.

        `keep` is called in this process, but in any thread, before anything else happens to a reply: a journal's place.

        Raises:
            UsageError: if this runner can't ask this teacher.
            PromptletError: what a worker raises that is no reply.
        """


def ask_all(runner: Runner, teacher: Teacher, runs: Iterable[Run], journal: Journal) -> Generator[dict[str, Any]]:
    """Yield a journal entry per request as it ends, finished or failed, after it was written to the journal.

    Raises:
        GivenUpError: if the teacher fails again and again, while there is more to ask.
    """

    def keep(identity: str, reply: Reply) -> dict[str, Any]:
        fields = {"error": str(reply)} if isinstance(reply, TeacherError) else asdict(reply)
        entry = {"id": identity} | fields
        journal.append(entry)
        return entry

    failures, reason = 0, ""
    with closing(runner.ask(teacher, runs, keep)) as entries:
        for entry in entries:
            if failures >= _FAILURES_IN_A_ROW:
                raise GivenUpError(
                    f"the teacher failed {failures} times in a row, last with: {reason}; "
                    "all finished answers are kept, run again to go on"
                )
            yield entry
            reason = entry.get("error", "")
            failures = failures + 1 if reason else 0


def open_runner(name: str) -> Runner:
    """Return the runner of this name.

    Raises:
        UsageError: if there is none of this name.
        MissingExtraError: if a library that it needs is not installed.
    """
    runner: Runner = registry.load("promptlet.runners", name).RUNNER()
    return runner
