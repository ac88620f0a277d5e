"""Where derived files are kept that anybody can make again: widened weights, embeddings of a graph."""

from __future__ import annotations

import os
from pathlib import Path


def cache_folder() -> Path:
    """Return the user's folder for them: ``$XDG_CACHE_HOME/promptlet``, or ``~/.cache/promptlet``."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "promptlet"
