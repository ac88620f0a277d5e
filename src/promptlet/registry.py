"""Finding a plugin by its name: a command, teacher or engine is one module in its folder, and nothing else."""

from __future__ import annotations

import difflib
import importlib
import pkgutil
from collections.abc import Iterable
from types import ModuleType

from promptlet.errors import UsageError
from promptlet.extras import needing


def names(package: str) -> list[str]:
    """Return the names of a plugin folder: its modules, without `base` and private ones."""
    folder = importlib.import_module(package)
    return sorted(
        module.name
        for module in pkgutil.iter_modules(folder.__path__)
        if module.name != "base" and not module.name.startswith("_")
    )


def load(package: str, name: str) -> ModuleType:
    """Import and return the module `name` of a plugin folder.

    Raises:
        UsageError: if there is none of that name; it lists those there are.
        MissingExtraError: if the plugin needs a module that the base install lacks.
    """
    known, what = names(package), package.rpartition(".")[2].removesuffix("s")
    if name not in known:
        raise UsageError(unknown(what, name, known))
    with needing(f"the {what} {name}", "train"):
        return importlib.import_module(f"{package}.{name}")


def unknown(what: str, name: str, known: Iterable[str]) -> str:
    """Return the one-line message for a name that is not among the known ones."""
    known = list(known)
    near = difflib.get_close_matches(name, known, n=1)
    hint = f"; did you mean '{near[0]}'?" if near else ""
    return f"unknown {what} '{name}'{hint} (known: {', '.join(known)})"
