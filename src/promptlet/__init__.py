"""Promptlet distils any large language model into a small one that writes prompts to order."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from promptlet.generation import Generator

__all__ = ["__version__", "load"]


def __getattr__(name: str) -> str:
    if name != "__version__":
        raise AttributeError(f"module 'promptlet' has no attribute '{name}'")
    from importlib.metadata import version  # it would be a quarter of the time that `import promptlet.cli.main` takes

    return version("promptlet")


def load(student: str | None = None) -> "Generator":
    """Return a generator for the student in the folder `student`, or for the shipped one."""
    from promptlet.generation import Generator

    return Generator.load(student)
