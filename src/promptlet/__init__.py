"""Promptlet distils any large language model into a small one that writes prompts to order."""

from importlib.metadata import version
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from promptlet.generation import Generator

__version__ = version("promptlet")
__all__ = ["__version__", "load"]


def load(student: str | None = None) -> "Generator":
    """Return a generator for the student in the folder `student`, or for the shipped one."""
    from promptlet.generation import Generator

    return Generator.load(student)
