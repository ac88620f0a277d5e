"""Synthetic answers of a teacher: sampled intents between scraps of the packaged exemplars, some of them spoilt.

They have the words, lengths and faults of real answers, and hardly any is near another; they make no sense.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from itertools import accumulate
from pathlib import Path

import pyarrow as pa

from promptlet.intents.graph import load_graph
from promptlet.intents.sampling import Sampler
from promptlet.io.records import SAMPLE_SCHEMA, ShardWriter
from promptlet.tasks import load_task
from promptlet.types import Intents

TASKS = ("t2i", "t2t")
COMBINATIONS = 20_000
"""Combinations of intents per task; rows draw from them."""
SPOILT = 0.3
"""Share of rows that curation should reject, beside those that chance makes bad."""
ROWS = 10_000
_ACCIDENTS = (
    "1. {}",
    "Sure, here is your prompt: {}",
    "{} and the",
    "{} {}",
    "{} [detailed]",
    "{} sliggess",
    "a calm lake under a pale evening sky near hills",
    "light soft",
    "{}\nbeside it",
    "{}, text, image, words, colors, shapes, lines, edges",
)


def tables(rows: int, seed: int) -> Iterator[pa.Table]:
    """Yield `rows` rows of `SAMPLE_SCHEMA`, the same for the same seed."""
    rng = random.Random(seed)
    wishes = {name: list(Sampler(load_graph(), load_task(name)).stream(COMBINATIONS, seed)) for name in TASKS}
    scraps = {name: _scraps(name) for name in TASKS}
    for start in range(0, rows, ROWS):
        count = min(ROWS, rows - start)
        tasks = [rng.choice(TASKS) for _ in range(count)]
        intents = [rng.choice(wishes[task]) for task in tasks]
        prompts = [_prompt(each, scraps[task], rng) for each, task in zip(intents, tasks, strict=True)]
        empty: list[list[object]] = [[]] * count
        columns = [_column(intents), tasks, prompts, ["teacher"] * count, ["train"] * count, empty, empty]
        yield pa.table(columns, schema=SAMPLE_SCHEMA)


def write(folder: Path, rows: int, seed: int) -> None:
    """Write `rows` rows as shards of a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    with ShardWriter(folder, "data", SAMPLE_SCHEMA) as writer:
        for table in tables(rows, seed):
            writer.add(table)


def _column(rows: Sequence[Intents]) -> pa.Array:
    """Return the intents of each row as a column."""
    intents = [intent for row in rows for intent in row]
    ends = pa.array(accumulate(map(len, rows), initial=0), pa.int32())
    pairs = [pa.array([each.kind for each in intents]), pa.array([each.value for each in intents])]
    fields = SAMPLE_SCHEMA.field("intents").type.value_type.fields
    return pa.ListArray.from_arrays(ends, pa.StructArray.from_arrays(pairs, fields=fields))


def _prompt(intents: Intents, scraps: list[str], rng: random.Random) -> str:
    length = rng.randint(5, 40)
    parts = [rng.choice(scraps)] if rng.random() < 0.8 else []
    for intent in intents[:-1]:
        parts += [intent.value, rng.choice(scraps)]
    words = " ".join(parts).split()
    while len(words) < length:
        words += rng.choice(scraps).split()
    # The end is an intent, which does not break off in mid-phrase.
    last = intents[-1].value.split()
    prompt = " ".join(words[: max(length, 10) - len(last)] + last)
    return rng.choice(_ACCIDENTS).format(prompt, prompt) if rng.random() < SPOILT else prompt


def _scraps(name: str) -> list[str]:
    """Return all runs of two to four words of a task's exemplars."""
    found: dict[str, None] = {}
    for exemplar in load_task(name).exemplars:
        words = exemplar.prompt.split()
        for size in (2, 3, 4):
            found.update(dict.fromkeys(" ".join(words[at : at + size]) for at in range(len(words) - size + 1)))
    return list(found)
