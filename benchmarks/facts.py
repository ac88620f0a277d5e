"""What every benchmark says about the machine, and keeping what it measured."""

from __future__ import annotations

import json
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

from promptlet.speed.machine import machine_facts


def facts() -> dict[str, Any]:
    """Return the machine's facts; the load tells how far wall-clock times can be trusted."""
    torch = sys.modules.get("torch")
    gpu = {"gpu": torch.cuda.get_device_name()} if torch and torch.cuda.is_available() else {}
    return machine_facts() | gpu | {"pyarrow": version("pyarrow")}


def publish(result: dict[str, Any], path: Path | None) -> None:
    """Print the machine's facts, then the results a line each; write both to a JSON file if one is named."""
    whole = {"facts": facts(), "results": result}
    print(", ".join(f"{key} {value}" for key, value in whole["facts"].items()))
    for key, value in result.items():
        print(f"{key}: {value}")
    if path:
        path.write_text(json.dumps(whole, indent=2) + "\n")
