"""What every benchmark says about the machine, and keeping what it measured."""

from __future__ import annotations

import json
import os
import platform
from importlib.metadata import version
from pathlib import Path
from typing import Any


def facts() -> dict[str, Any]:
    """Return the machine's facts; the load tells how far wall-clock times can be trusted."""
    cpu = Path("/proc/cpuinfo").read_text() if Path("/proc/cpuinfo").exists() else ""
    model = next((line.partition(": ")[2] for line in cpu.splitlines() if line.startswith("model name")), "")
    return {
        "machine": f"{platform.machine()} {model}".strip(),
        "cores": os.cpu_count(),
        "memory GB": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9, 1),
        "load": round(os.getloadavg()[0], 1),
        "python": platform.python_version(),
        "pyarrow": version("pyarrow"),
    }


def publish(result: dict[str, Any], path: Path | None) -> None:
    """Print the machine's facts, then the results a line each; write both to a JSON file if one is named."""
    whole = {"facts": facts(), "results": result}
    print(", ".join(f"{key} {value}" for key, value in whole["facts"].items()))
    for key, value in result.items():
        print(f"{key}: {value}")
    if path:
        path.write_text(json.dumps(whole, indent=2) + "\n")
