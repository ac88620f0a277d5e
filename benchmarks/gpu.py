"""Decoding on a GPU: the torch engine's recorded steps against transformers `generate`, one model, one run.

python benchmarks/gpu.py [--shape 104m] [--tokens 64] [--rows 1,8,64,512] [--json FILE]

A GPT-2 with random weights in bfloat16, heads of 20 tokens; every row writes so many tokens and the end never comes, so
all write the same. Rates are tokens of all rows per second, from the heads to the last token, the median of several.
"""

from __future__ import annotations

import argparse
import statistics
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from facts import publish
from training import CONTEXT, SHAPES, configuration
from transformers import GPT2LMHeadModel

from promptlet.engines._fixed import Decoder, install
from promptlet.engines.base import Decoding, Sampling

HEAD = 20


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shape", default="104m", help=f"of {', '.join(SHAPES)}")
    parser.add_argument("--tokens", type=int, default=64)
    parser.add_argument("--rows", default="1,8,64,512", help="texts at once; transformers writes the fewest and most")
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    tokens, result = arguments.tokens, {}
    sizes = sorted(map(int, arguments.rows.split(",")))
    for rows in sizes:
        with Guarded(f"promptlet, {rows} rows"):
            seconds, first, made = ours(make(arguments.shape), rows, tokens, arguments.repeat)
            result[f"promptlet, {rows} rows: tokens/s"] = round(rows * tokens / seconds)
            result[f"promptlet, {rows} rows: ms to the first token"] = round(1000 * first, 2)
            result[f"promptlet, {rows} rows: seconds to record"] = round(made, 2)
            print({key: value for key, value in result.items() if f" {rows} rows" in key}, flush=True)
    for rows in sorted({sizes[0], sizes[-1]}):
        with Guarded(f"transformers, {rows} rows"):
            seconds = peer(make(arguments.shape), rows, tokens, max(2, arguments.repeat // 2))
            result[f"transformers, {rows} rows: tokens/s"] = round(rows * tokens / seconds)
            print(f"transformers, {rows} rows: {rows * tokens / seconds:.0f} tokens/s", flush=True)
            mine = result.get(f"promptlet, {rows} rows: tokens/s", 0)
            result[f"{rows} rows, times transformers"] = round(mine / result[f"transformers, {rows} rows: tokens/s"], 1)
    publish(result, arguments.json)


class Guarded:
    """One contender's failure is printed, and costs nobody else's numbers."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: Any) -> bool:
        if isinstance(error, Exception):
            print(f"{self.name} failed:", "".join(traceback.format_exception(kind, error, trace)), flush=True)
            return True
        return False


def make(shape: str) -> Any:
    """Return the model, in evaluation mode on the device."""
    torch.manual_seed(1)
    device, dtype = ("cuda", torch.bfloat16) if torch.cuda.is_available() else ("cpu", torch.float32)
    return GPT2LMHeadModel(configuration(shape, bos_token_id=0, eos_token_id=0)).to(device, dtype).eval()


@torch.inference_mode()
def ours(model: Any, rows: int, tokens: int, repeat: int) -> tuple[float, float, float]:
    """Return median seconds per batch, median seconds to the first token, and seconds to get ready."""
    install(model)
    start = time.perf_counter()
    writable = torch.ones(model.config.vocab_size, dtype=torch.bool, device=model.device)
    decoder = Decoder(model, rows, HEAD, CONTEXT - HEAD, writable, 0)
    synchronize()
    made = time.perf_counter() - start
    head = tuple(range(1, HEAD + 1))
    decodings = [Decoding(head, tokens, seed, Sampling(), forbidden=(0,)) for seed in range(rows)]
    whole, first = [], []
    for _ in range(repeat + 1):
        start = time.perf_counter()
        decoder.begin(decodings)
        decoder.draw()
        decoder.written_BN[:, 0].tolist()
        first.append(time.perf_counter() - start)
        for _ in range(tokens - 1):
            decoder.step()
            decoder.draw()
        written = decoder.written_BN[:, :tokens].tolist()
        whole.append(time.perf_counter() - start)
        assert all(0 not in row for row in written)
    return statistics.median(whole[1:]), statistics.median(first[1:]), made


@torch.inference_mode()
def peer(model: Any, rows: int, tokens: int, repeat: int) -> float:
    """Return the median seconds of transformers' own generation, sampling as ours does."""
    ids = torch.arange(1, HEAD + 1, device=model.device).expand(rows, -1)
    sampling: dict[str, Any] = {"do_sample": True, "temperature": 0.8, "min_p": 0.1, "top_k": 0}

    def once() -> None:
        found = model.generate(
            ids, attention_mask=torch.ones_like(ids), max_new_tokens=tokens, min_new_tokens=tokens, **sampling
        )
        assert found.shape[1] == HEAD + tokens

    return timed(once, repeat)


def timed(work: Callable[[], None], repeat: int) -> float:
    """Return the median seconds of a piece of work, after one run that warms up."""
    seconds = []
    for _ in range(repeat + 1):
        start = time.perf_counter()
        work()
        synchronize()
        seconds.append(time.perf_counter() - start)
    return statistics.median(seconds[1:])


def synchronize() -> None:
    if torch.cuda.is_available():
        torch.cuda.synchronize()


if __name__ == "__main__":
    main()
