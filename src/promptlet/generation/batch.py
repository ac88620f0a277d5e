"""A file of requests into a file of prompts: in order, in flat memory, bad rows apart, and to be gone on with.

One line of output per request: its line in the input, a digest of all that made it, and its prompts or its error. The
digest is how an interrupted run knows its own work, and that nothing was changed since.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from collections.abc import Generator as Generating
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from threading import Event
from typing import Any

from promptlet.errors import StudentError, UsageError, unread
from promptlet.generation.generator import Generator, derive
from promptlet.generation.request import Request
from promptlet.io.atomic import value_digest
from promptlet.io.journal import Journal
from promptlet.io.json_lines import parse_object
from promptlet.progress import metering

_Row = tuple[int, bytes]
"""A line of the input and its number."""


@dataclass
class Outcome:
    """What became of a file of requests."""

    rows: int = 0
    failed: int = 0
    """Requests that have an error in place of prompts."""
    first_error: str | None = None
    short: int = 0
    """Requests for which fewer different prompts were found than they ask for."""

    def count(self, entry: Mapping[str, Any]) -> None:
        """Count a line of output."""
        self.rows += 1
        self.failed += "error" in entry
        if "error" in entry:
            self.first_error = self.first_error or f"line {entry['line']}: {entry['error']}"
        self.short += entry.get("missing", 0) > 0


def generate_file(generator: Generator, source: Path, target: Path, defaults: Mapping[str, Any]) -> Outcome:
    """Write the prompts for the requests in `source`, JSON objects a line each, to `target`.

    Args:
        generator: writes.
        source: its rows have the keys of a `Request`, and may have an `id`, which their answers get. A row without a
            seed has one derived from that of `defaults` (0 if there is none) and its line. Empty lines are left out.
        target: goes on behind the lines that are there, which must be of the same requests.
        defaults: what rows don't say.

    Raises:
        UsageError: if the source can't be read, the target holds other work, or either is no file.
        RunError: if another process writes the target.
    """
    for path in (source, target):
        if path.exists() and not path.is_file() and not path.is_dir():
            raise UsageError(f"{path} is a pipe or a device; a file is needed, which an interrupted run reads again")
    try:
        with source.open("rb") as file:
            total = sum(1 for line in file if line.strip())
    except OSError as error:
        raise UsageError(f"{source} can't be read: {unread(error)}") from error
    if target.exists() and target.samefile(source):
        raise UsageError(f"{target} is the input; name another --output")
    settings = {"defaults": dict(defaults), "student": generator.student.digest, "engine": generator.engine.name}
    outcome = Outcome()
    with source.open("rb") as file:
        rows = _rows(file)

        def go_on() -> None:
            """Count what an earlier run wrote: once no other process adds to it, and before a torn line is cut off."""
            for entry in _written(target, rows, settings):
                outcome.count(entry)

        with (
            Journal(target, go_on) as journal,
            metering("generate", "requests", total, outcome.rows) as meter,
            closing(_in_order(partial(_answer, generator, defaults), rows, generator.engine.side_by_side)) as answers,
        ):
            for (number, line), answer in answers:
                entry = {"line": number, "digest": _digest(settings, number, line), **answer}
                journal.append(entry)
                outcome.count(entry)
                meter.advance()
    return outcome


def _written(target: Path, rows: Iterator[_Row], settings: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Yield the lines that an earlier run wrote, and take their requests from the rows.

    Raises:
        UsageError: at the first line that is not of the same requests.
    """
    if not target.exists():
        return
    with target.open("rb") as file:
        for written_number, written in enumerate(file, start=1):
            if not written.endswith(b"\n") and (written_number > 1 or written.startswith(b'{"line": ')):
                return
            number, line = next(rows, (0, b""))
            entry = _entry(written)
            if entry is None or entry.get("digest") != _digest(settings, number, line):
                raise UsageError(
                    f"{target} was written for other requests or settings (its line {written_number}); "
                    "name another --output, or delete it"
                )
            yield entry


def _entry(line: bytes) -> dict[str, Any] | None:
    try:
        return parse_object(line)
    except UsageError:
        return None


def _rows(file: Any) -> Iterator[_Row]:
    return ((number, line) for number, line in enumerate(file, start=1) if line.strip())


def _digest(settings: Mapping[str, Any], number: int, line: bytes) -> str:
    return value_digest([settings, number, line.decode("utf-8", "backslashreplace").strip()])[:16]


def _in_order(
    answer: Callable[[_Row, Event | None], dict[str, Any]], rows: Iterable[_Row], side_by_side: int
) -> Generating[tuple[_Row, dict[str, Any]]]:
    """Yield rows and their answers, so many of which are made side by side; who closes it stops the others."""
    if side_by_side == 1:
        yield from ((row, answer(row, None)) for row in rows)
        return
    stop = Event()
    running: deque[tuple[_Row, Future[dict[str, Any]]]] = deque()
    with ThreadPoolExecutor(side_by_side) as threads:
        try:
            for row in rows:
                running.append((row, threads.submit(answer, row, stop)))
                if len(running) == 2 * side_by_side:  # a long one holds the others up no sooner
                    first, made = running.popleft()
                    yield first, made.result()
            while running:
                first, made = running.popleft()
                yield first, made.result()
        finally:
            stop.set()
            for _, made in running:
                made.cancel()


def _answer(generator: Generator, defaults: Mapping[str, Any], row: _Row, stop: Event | None) -> dict[str, Any]:
    """Return the `id` of a row, if it has one, and its prompts, or the error that it has instead."""
    number, line = row
    own: dict[str, Any] = {}
    try:
        # Who writes rows from a table writes null for what a row does not say.
        asked = {key: value for key, value in parse_object(line).items() if value is not None}
        own = {"id": asked.pop("id")} if "id" in asked else {}
        request = Request.of({**defaults, "seed": derive(defaults.get("seed", 0), number), **asked})
        prompts = [prompt.to_dict() for prompt in generator.stream(request, stop)]
    except (UsageError, StudentError) as error:
        return own | {"error": str(error)}
    missing = request.n - len(prompts)
    return own | {"prompts": prompts} | ({"missing": missing} if missing else {})
