"""Promptlet distils any large language model into a small one that writes prompts to order."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from promptlet.errors import (
        EngineError,
        MissingExtraError,
        NoPromptError,
        PromptletError,
        StoppedError,
        StudentError,
        UsageError,
    )
    from promptlet.generation import Generator, Prompt, Request

_FROM = {
    "promptlet.generation": ("Generator", "Prompt", "Request"),
    "promptlet.errors": (
        "EngineError",
        "MissingExtraError",
        "NoPromptError",
        "PromptletError",
        "StoppedError",
        "StudentError",
        "UsageError",
    ),
}

__all__ = [
    "EngineError",
    "Generator",
    "MissingExtraError",
    "NoPromptError",
    "Prompt",
    "PromptletError",
    "Request",
    "StoppedError",
    "StudentError",
    "UsageError",
    "__version__",
    "load",
]


def __getattr__(name: str) -> Any:
    """Return what is imported when it is asked for: `import promptlet.cli.main` is to take no longer than it must."""
    if name == "__version__":
        from importlib.metadata import version

        return version("promptlet")
    for module, names in _FROM.items():
        if name in names:
            return getattr(import_module(module), name)
    raise AttributeError(f"module 'promptlet' has no attribute '{name}'")


def load(student: str | Path | None = None, engine: str = "llamacpp", threads: int | None = None) -> Generator:
    """Return a generator for the student in the folder `student`, or for the shipped one: `Generator.load`."""
    from promptlet.generation import Generator

    return Generator.load(student, engine, threads)
