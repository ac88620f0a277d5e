"""Who may write: locks between processes that end with the process, even if it is killed (package `filelock`, MIT)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from promptlet.errors import RunError

_FOREVER = -1


@contextmanager
def held(path: Path, refusal: str | None = None) -> Iterator[None]:
    """Hold the lock of a file or folder, which need not exist; beside it an empty file ``.NAME.lock`` stays behind.

    Args:
        path: what is locked.
        refusal: what to say if another process holds it. Without it, that process is waited for.

    Raises:
        RunError: with the refusal.
    """
    lock = FileLock(path.with_name(f".{path.name}.lock"), timeout=_FOREVER if refusal is None else 0)
    try:
        lock.acquire()
    except Timeout as error:
        raise RunError(refusal or str(error)) from error
    try:
        yield
    finally:
        lock.release()
