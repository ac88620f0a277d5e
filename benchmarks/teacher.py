"""How fast the embedded teacher writes: 4-bit weights as they are packaged against their 8-bit copy, in one run.

python benchmarks/teacher.py
"""

from __future__ import annotations

import os
import platform
import statistics
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from promptlet.io.atomic import file_digest
from promptlet.io.gguf import widen
from promptlet.native import start_server
from promptlet.teachers.embedded import cache_folder, packaged_model

SLOTS, TOKENS, ROUNDS = 32, 32, 3
PREFIX = "Describe a picture: a garden party with paper lanterns under old trees.\n" * 16


def main() -> None:
    """Print tokens per second of both and their ratio, round by round."""
    packaged = packaged_model()
    wide = widen(packaged, cache_folder() / f"{file_digest(packaged)[:16]}.Q8_0.gguf")
    print(f"{platform.machine()}, {os.cpu_count()} cores, {SLOTS} slots, shared prefix, {TOKENS} tokens an answer")
    rates: dict[str, list[float]] = {"as packaged": [], "8 bits": []}
    for _ in range(ROUNDS):
        for name, path in (("as packaged", packaged), ("8 bits", wide)):
            rates[name].append(measure(path))
    for name, values in rates.items():
        print(f"{name}: median {statistics.median(values):.0f} tokens/s ({min(values):.0f} to {max(values):.0f})")
    ratios = [wide / packaged for packaged, wide in zip(*rates.values(), strict=True)]
    print(f"ratio: median {statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})")


def measure(model: Path) -> float:
    """Return generated tokens per second with all slots full and the prefix cached."""
    server = start_server(model, SLOTS, 512, os.cpu_count() or 1)

    def write(seed: int) -> int:
        body = {"prompt": f"{PREFIX}Describe picture {seed}:", "max_tokens": TOKENS, "ignore_eos": True, "seed": seed}
        return int(server.handle_completions(body)["usage"]["completion_tokens"])

    with ThreadPoolExecutor(SLOTS) as pool:
        list(pool.map(write, range(SLOTS)))
        start = time.perf_counter()
        written = sum(pool.map(write, range(SLOTS, 3 * SLOTS)))
        return written / (time.perf_counter() - start)


if __name__ == "__main__":
    main()
