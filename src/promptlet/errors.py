"""The error tree: what a user can mend, and what failed around us.

The CLI prints any ``PromptletError`` as one line and exits with its ``exit_status``; everything else is a bug
and keeps its traceback.
"""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager


class PromptletError(Exception):
    """Something failed that the user should know about in one line."""

    exit_status = 1


class UsageError(PromptletError, ValueError):
    """A request that can't be met as asked; the message names the value and what is allowed.

    `field` is the part of a request that it is about, where it is about one.
    """

    exit_status = 2

    def __init__(self, message: str, field: str | None = None) -> None:
        super().__init__(message)
        self.field = field


def one_line(text: object, longest: int = 200) -> str:
    """Return a text, or what an error says, as one line of at most so many characters."""
    return " ".join(str(text).split())[:longest]


_NEEDED = {errno.EISDIR: "it is a folder, and a file is needed", errno.ENOTDIR: "it is a file, and a folder is needed"}


def unread(error: OSError | UnicodeError) -> str:
    """Return why a path that the message names can't be read, and what is needed instead where that tells it."""
    if isinstance(error, OSError):
        return _NEEDED.get(error.errno or 0) or error.strerror or one_line(error)
    return f"it is not UTF-8 ({one_line(error)})"


@contextmanager
def about(field: str) -> Iterator[None]:
    """Let a `UsageError` that is about no field yet be about this one."""
    try:
        yield
    except UsageError as error:
        error.field = error.field or field
        raise


class StudentError(PromptletError):
    """A student's folder is missing, incomplete or damaged."""


class NoPromptError(StudentError):
    """A student wrote nothing that may be given out for a request; what it wrote may hold what is denied."""

    def __init__(self, candidates: int, why: str) -> None:
        texts = "text" if candidates == 1 else "texts"
        super().__init__(f"none of {candidates} {texts} does what was asked; the last one {why}")


class StoppedError(PromptletError):
    """Decoding was stopped, because nobody waits for the text any more."""


class EngineError(PromptletError):
    """A server that runs a student could not be reached, or does not do what it must."""


class TeacherError(PromptletError):
    """A teacher could not be reached or gave no usable answer."""


class GraphError(PromptletError):
    """A creative graph has problems; each was named."""


class RunError(PromptletError):
    """A run's folder can't be used as it is, or a stage could not finish."""


class MissingExtraError(PromptletError):
    """A feature needs an optional dependency that is not installed."""

    def __init__(self, feature: str, extra: str, module: str) -> None:
        super().__init__(f"{feature} needs the module '{module}': pip install 'promptlet[{extra}]'")
