"""How many cores this process may compute on: what a container or `taskset` allows, not what the machine has."""

from __future__ import annotations

import math
import os
from pathlib import Path

_QUOTA = Path("/sys/fs/cgroup/cpu.max")
"""What a container may compute: microseconds, or `max`, in so many (cgroup v2)."""


def usable_cores() -> int:
    """Return the number of cores, at least 1."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(cores, _quota(_QUOTA) or cores))


def _quota(file: Path) -> int | None:
    """Return the cores that a quota is worth, rounded up, or None where there is none."""
    try:
        allowed, period = file.read_text().split()
        return None if allowed == "max" else math.ceil(int(allowed) / int(period))
    except (OSError, ValueError):  # another system, or another version of cgroups
        return None
