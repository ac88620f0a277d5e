"""What a measurement says about the machine that it was made on."""

from __future__ import annotations

import ctypes
import os
import platform
import threading
import time
from pathlib import Path
from typing import Any

import psutil

from promptlet.cores import usable_cores

_BYTES = 128 * 2**20
"""Far more than caches hold."""


def machine_facts() -> dict[str, Any]:
    """Return the machine's facts; the load tells how far wall-clock times can be trusted."""
    cpu = Path("/proc/cpuinfo").read_text(encoding="utf-8") if Path("/proc/cpuinfo").exists() else ""
    model = next((line.partition(": ")[2] for line in cpu.splitlines() if line.startswith("model name")), "")
    return {
        "machine": f"{platform.machine()} {model}".strip(),
        "cores": usable_cores(),
        "memory GB": round(psutil.virtual_memory().total / 1e9, 1),
        "load": round(psutil.getloadavg()[0], 1),
        "python": platform.python_version(),
    }


def resident_bytes() -> int:
    """Return the memory that this process holds."""
    return psutil.Process().memory_info().rss


def read_bandwidth(threads: int) -> float:
    """Return how many bytes a second `threads` threads read from memory, comparing two large blocks of it."""
    compare = ctypes.CDLL("msvcrt" if os.name == "nt" else None).memcmp
    compare.argtypes = (ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t)
    blocks = [(ctypes.c_char * _BYTES)() for _ in range(2)]
    one, other = map(ctypes.addressof, blocks)
    for block in (one, other):
        ctypes.memset(block, 1, _BYTES)
    part = _BYTES // threads

    def once() -> float:
        # ctypes lets go of the interpreter's lock, so the threads do read at the same time.
        workers = [
            threading.Thread(target=compare, args=(one + index * part, other + index * part, part))
            for index in range(threads)
        ]
        start = time.perf_counter()
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        return 2 * part * threads / (time.perf_counter() - start)

    return max(once() for _ in range(5))
