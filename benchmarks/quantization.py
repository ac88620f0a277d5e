"""What each precision of a student's weights gives: speed, size, and quality on held-out wishes.

python benchmarks/quantization.py STUDENT [--encoded FILE] [--prompts 100] [--markdown FILE] [--json FILE]

STUDENT is an exported folder with ``model.safetensors``. Perplexity is that of held-out pairs per prompt token, exactly
as llama.cpp's kernels compute it: every token of a pair is forced in turn and its chance read off. `--encoded` is
validation.parquet of the student's tokenize stage; without it perplexity is left out. Table 3 is measured free, one
draw per wish.
"""

from __future__ import annotations

import argparse
import json
import math
import tempfile
import time
from itertools import islice
from pathlib import Path
from statistics import fmean, median
from typing import Any

from facts import facts

from generation import ours
from promptlet.commands import with_defaults
from promptlet.cores import usable_cores
from promptlet.engines.base import Decoding, Sampling
from promptlet.evaluation.adherence import measure_adherence
from promptlet.evaluation.suites import TABLE_3
from promptlet.generation import Generator
from promptlet.intents.test_sets import load_test_set
from promptlet.io.atomic import write_text
from promptlet.speed.contenders import head_ids
from promptlet.student.data import Encoded
from promptlet.student.format import GGUF
from promptlet.types import Sample

TOKENS, REPEATS = 64, 15


def main() -> None:
    """Print the table and keep it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("student", type=Path)
    parser.add_argument("--encoded", type=Path, help="validation.parquet of a tokenize stage")
    parser.add_argument("--count", type=int, default=60, help="held-out pairs for the perplexity")
    parser.add_argument("--prompts", type=int, default=100, help="per target of Table 3")
    parser.add_argument("--markdown", type=Path)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    pairs = []
    if arguments.encoded:
        held_out = Encoded.read(arguments.encoded)
        indices = range(min(arguments.count, len(held_out)))
        pairs = [(held_out.sample(index).tolist(), int(held_out.starts[index])) for index in indices]
    with tempfile.TemporaryDirectory() as work:
        contenders = [each for each in ours(arguments.student, Path(work), usable_cores()) if each.engine == "llamacpp"]
        generators = {each.folder.name: Generator.load(each.folder) for each in contenders}
        speeds = rates(generators)
        results = {
            name: {
                "MB": round((generator.student.folder / GGUF).stat().st_size / 1e6, 1),
                "tokens/s at batch 1": round(median(speeds[name])),
                "slow": round(sorted(speeds[name])[0]),
                "perplexity": round(perplexity(generator, pairs), 3) if pairs else None,
            }
            | table_3(generator, arguments.prompts)
            for name, generator in generators.items()
        }
        name = next(iter(generators.values())).student.description.name
    page = render(name, results, len(pairs), arguments.prompts)
    print(page)
    if arguments.markdown:
        write_text(arguments.markdown, page)
    if arguments.json:
        write_text(arguments.json, json.dumps({"facts": facts(), "results": results}, indent=1) + "\n")


def rates(generators: dict[str, Generator]) -> dict[str, list[float]]:
    """Return tokens per second at batch 1, by precision; they take turns."""
    found: dict[str, list[float]] = {name: [] for name in generators}
    for seed in range(REPEATS):
        for name, generator in generators.items():
            head, codec = tuple(head_ids(generator.student)), generator.student.codec
            decoding = Decoding(head, TOKENS, seed, Sampling(), None, (codec.end_id,))
            start = time.perf_counter()
            (decoded,) = generator.engine.decode([decoding])
            found[name].append(len(decoded.ids) / (time.perf_counter() - start))
    return found


def perplexity(generator: Generator, pairs: list[tuple[list[int], int]]) -> float:
    """Return e to the mean surprise at a prompt token; pairs are ids and where the prompt starts.

    A token is forced by forbidding all others; `Decoded.logprobs` are those before any rule of drawing.
    """
    everything, logprobs = frozenset(range(len(generator.student.codec))), []
    for ids, start in pairs:
        forced = [
            Decoding(tuple(ids[:place]), 1, 1, Sampling(temperature=0), None, tuple(everything - {ids[place]}))
            for place in range(start, len(ids))
        ]
        logprobs += [decoded.logprobs[0] for decoded in generator.engine.decode(forced)]
    return math.exp(-fmean(logprobs))


def table_3(generator: Generator, prompts: int) -> dict[str, Any]:
    """Return how well the word command is obeyed without the grammar, over all targets."""
    codec, context = generator.student.codec, generator.student.description.context
    count = generator.student.commands["words"].measure
    wishes = list(islice(iter(load_test_set("unseen_combinations")), prompts))
    found = []
    for target in TABLE_3:
        values = with_defaults(generator.student.commands, {"words": target})
        heads = [tuple(codec.head(wish.intents, wish.task, values)) for wish in wishes]
        decodings = [Decoding(head, context - len(head), seed, Sampling()) for seed, head in enumerate(heads)]
        written = generator.engine.decode(decodings)
        counts = [count(Sample(wish.intents, wish.task, text.text)) for wish, text in zip(wishes, written, strict=True)]
        found.append(measure_adherence(target, counts))
    names = ("mae", "exact", "within_2")
    return {name: [getattr(row, name) for row in found] for name in names}


def render(name: str, results: dict[str, dict[str, Any]], pairs: int, prompts: int) -> str:
    """Return the page."""
    lines = [
        f"# Precisions of {name}",
        "",
        "Written by `benchmarks/quantization.py`. "
        f"{', '.join(f'{key} {value}' for key, value in facts().items())}. Speed: {TOKENS} sampled tokens, median of "
        f"{REPEATS}, in brackets the slowest. Perplexity: per prompt token, {pairs} held-out pairs. Table 3 free, one "
        f"draw, {prompts} wishes at {', '.join(map(str, TABLE_3))} words: means over the four, and the 95% "
        "bootstrap interval of the mean absolute error at 20 words.",
        "",
        "| precision | MB | tokens/s | perplexity | MAE | MAE at 20 | exact | within 2 |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for precision, row in results.items():
        value, low, high = row["mae"][1]
        mean = {key: fmean(each[0] for each in row[key]) for key in ("mae", "exact", "within_2")}
        lines.append(
            f"| {precision} | {row['MB']} | {row['tokens/s at batch 1']} ({row['slow']}) | {row['perplexity'] or ''} | "
            f"{mean['mae']:.2f} | {value:.2f} [{low:.2f}, {high:.2f}] | {mean['exact']:.1%} | {mean['within_2']:.1%} |"
        )
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
