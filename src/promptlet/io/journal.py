"""An append-only log of JSON lines: what was appended before a `kill -9` is there after it.

Each append is one `write` to the operating system, so a killed process loses nothing; `sync` guards against a
power failure. A last line torn by a full disk or a power failure is cut off when the journal is opened again.
"""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Self

from promptlet.errors import RunError
from promptlet.io.locking import held

_AS_IT_IS = getattr(os, "O_BINARY", 0)
"""Windows would end lines its own way."""


class Journal:
    """JSON objects in one file, appended by any thread, read back in order."""

    def __init__(self, path: Path, check: Callable[[], None] = lambda: None) -> None:
        """Open a file for this process alone; before it is changed in any way, `check` may raise against that.

        Raises:
            RunError: if another process writes it.
        """
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path = path
        self._lock = threading.Lock()
        with ExitStack() as stack:
            stack.enter_context(held(path, f"another process writes {path}"))
            check()
            self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | _AS_IT_IS, 0o644)
            stack.callback(os.close, self._descriptor)
            os.ftruncate(self._descriptor, _whole_lines(path))
            self._open = stack.pop_all()

    def append(self, value: dict[str, Any]) -> None:
        """Append one object."""
        # Half a surrogate pair has no UTF-8; so it becomes an escape, which JSON reads.
        line = json.dumps(value, ensure_ascii=False).encode("utf-8", "backslashreplace") + b"\n"
        with self._lock:
            before = os.fstat(self._descriptor).st_size
            written = os.write(self._descriptor, line)
            if written != len(line):
                os.ftruncate(self._descriptor, before)  # what another thread appends next would stand in this line
                raise RunError(f"{self.path}: only {written} of {len(line)} bytes were written; is the disk full?")

    def sync(self) -> None:
        """Return when all that was appended is on disk."""
        os.fsync(self._descriptor)

    def close(self) -> None:
        """Sync and close."""
        with self._open:
            self.sync()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def latest(self) -> dict[str, dict[str, Any]]:
        """Return the last object of each `id`."""
        return {entry["id"]: entry for entry in self}

    def __iter__(self) -> Iterator[dict[str, Any]]:
        with self.path.open("rb") as file:
            for number, line in enumerate(file, start=1):
                try:
                    yield json.loads(line)
                except ValueError as error:
                    raise RunError(
                        f"{self.path}, line {number}: not JSON ({error}); without that line, what it kept is done again"
                    ) from error


def _whole_lines(path: Path) -> int:
    """Return how many bytes of the file end with its last complete line."""
    with path.open("rb") as file:
        end = file.seek(0, os.SEEK_END)
        while end > 0:
            start = max(0, end - 65536)
            file.seek(start)
            cut = file.read(end - start).rfind(b"\n")
            if cut >= 0:
                return start + cut + 1
            end = start
    return 0
