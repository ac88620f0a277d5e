"""Where a recipe's models are: a path, or the name of a packaged one."""

from __future__ import annotations

from pathlib import Path

from promptlet.errors import UsageError
from promptlet.pretrained import packaged_model

PACKAGED = "smollm2"


def locate(name: str) -> Path:
    """Return the path of the model that a recipe names.

    Raises:
        UsageError: if there is none.
    """
    path = packaged_model(UsageError) if name == PACKAGED else Path(name)
    if not path.exists():
        raise UsageError(f"there is no model at {name}; a folder, a GGUF file or '{PACKAGED}' is allowed")
    return path
