"""How many cores this process may compute on, and how its threads wait for each other there."""

from __future__ import annotations

import math
import os
from pathlib import Path

_QUOTA = Path("/sys/fs/cgroup/cpu.max")
"""What a container may compute: microseconds, or `max`, in so many (cgroup v2)."""
_LOOKS = "1000"
"""How often a thread looks for the others before it sleeps. OpenMP's own 300,000 burn the time that they wait for where
the machine does other work: writing takes two to three times as long, training four times (docs/experiments.md)."""


def usable_cores() -> int:
    """Return the number of cores, at least 1: what a container or `taskset` allows, not what the machine has."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(cores, _quota(_QUOTA) or cores))


def sleep_sooner() -> None:
    """Let threads that wait for others sleep soon, unless the environment says how they wait.

    GNU's OpenMP, with which llama.cpp and torch compute, reads it when it is loaded: to be called before either is.
    """
    if not {"GOMP_SPINCOUNT", "OMP_WAIT_POLICY"} & set(os.environ):
        os.environ["GOMP_SPINCOUNT"] = _LOOKS


def _quota(file: Path) -> int | None:
    """Return the cores that a quota is worth, rounded up, or None where there is none."""
    try:
        allowed, period = file.read_text().split()
        return None if allowed == "max" else math.ceil(int(allowed) / int(period))
    except (OSError, ValueError):  # another system, or another version of cgroups
        return None
