"""Where derived files are kept that anybody can make again: weights in another format, embeddings of a graph."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from promptlet.io.atomic import replacing_folder
from promptlet.io.locking import held


def cache_folder() -> Path:
    """Return the user's folder for them: ``$XDG_CACHE_HOME/promptlet``, or ``~/.cache/promptlet``."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "promptlet"


def cached_folder(name: str, make: Callable[[Path], None]) -> Path:
    """Return a folder of derived files, which the first process that asks for it makes while others wait.

    Args:
        name: what it is called, and only if it holds the same.
        make: called with an empty folder to fill.
    """
    folder = cache_folder() / name
    if not folder.exists():
        folder.parent.mkdir(parents=True, exist_ok=True)
        with held(folder):
            if not folder.exists():
                with replacing_folder(folder) as temporary:
                    make(temporary)
    return folder
