"""What a feature needs beyond the base install: what is missing is one line that says what to install."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

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


def require(feature: str, extra: str, *modules: str) -> None:
    """Look for modules without importing them, for what needs them only later.

    Raises:
        MissingExtraError: if one is not installed; it names the extra.
    """
    for module in modules:
        if find_spec(module) is None:
            raise MissingExtraError(feature, extra, module)


@contextmanager
def without(module: str) -> Iterator[None]:
    """Let what is imported in the block find no `module`, which it can do without, unless it is imported already."""
    if module in sys.modules:
        yield
        return
    sys.modules[module] = None  # type: ignore[assignment] # Python's own way to say so
    try:
        yield
    finally:
        del sys.modules[module]


def package_folder(name: str) -> Path | None:
    """Return the folder of a package that holds weights, which is not imported for it; None if it is not installed."""
    spec = find_spec(name)
    return None if spec is None or spec.origin is None else Path(spec.origin).parent
