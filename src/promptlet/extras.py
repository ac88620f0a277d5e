"""What a feature needs beyond the base install: a missing module is one line that says what to install."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from promptlet.errors import MissingExtraError


@contextmanager
def needing(feature: str, extra: str) -> Iterator[None]:
    """Turn the lack of a module in the block into an error that names the extra.

    Raises:
        MissingExtraError: if a module of another package is not installed.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] == "promptlet":
            raise
        raise MissingExtraError(feature, extra, error.name) from error
