"""Samples and rejects as Parquet: how rows look on disk, and reading and writing them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from promptlet.errors import RunError
from promptlet.io.atomic import replacing
from promptlet.types import Intent, Sample

_INTENTS = pa.list_(pa.struct([("kind", pa.string()), ("value", pa.string())]))
SAMPLE_SCHEMA = pa.schema(
    [
        ("intents", _INTENTS),
        ("task", pa.string()),
        ("prompt", pa.string()),
        ("source", pa.string()),
        ("split", pa.string()),
        ("commands", pa.map_(pa.string(), pa.int32())),
    ]
)
REJECT_SCHEMA = SAMPLE_SCHEMA.append(pa.field("reason", pa.string()))
ROWS_PER_SHARD = 50_000
ROWS_PER_GROUP = 10_000


def write_samples(folder: Path, samples: Iterable[Sample], stem: str = "data") -> int:
    """Write samples as shards ``STEM-00000.parquet`` (zstd), each atomically; return how many rows."""
    return _write(folder, stem, SAMPLE_SCHEMA, map(_row, samples))


def write_rejects(folder: Path, rejects: Iterable[tuple[Sample, str]]) -> int:
    """Write rejected samples, each with its reason, as shards ``rejected-00000.parquet``; return how many rows."""
    return _write(folder, "rejected", REJECT_SCHEMA, (_row(sample) | {"reason": reason} for sample, reason in rejects))


def read_samples(folder: Path, stem: str = "data") -> Iterator[Sample]:
    """Yield the samples of a folder's shards, in order, in flat memory."""
    shards = sorted(folder.glob(f"{stem}-*.parquet"))
    if not shards:
        raise RunError(f"{folder} holds no {stem}-*.parquet")
    for shard in shards:
        with pq.ParquetFile(shard) as file:
            for batch in file.iter_batches(ROWS_PER_GROUP):
                for row in batch.to_pylist():
                    yield _sample(row)


def _write(folder: Path, stem: str, schema: pa.Schema, rows: Iterable[Mapping[str, Any]]) -> int:
    rows, count, shard = iter(rows), 0, 0
    while (part := list(islice(rows, ROWS_PER_SHARD))) or shard == 0:
        with replacing(folder / f"{stem}-{shard:05d}.parquet") as temporary:
            table = pa.Table.from_pylist(part, schema)
            pq.write_table(table, temporary, compression="zstd", row_group_size=ROWS_PER_GROUP)
        count += len(part)
        shard += 1
    return count


def _row(sample: Sample) -> dict[str, Any]:
    return {
        "intents": [{"kind": intent.kind, "value": intent.value} for intent in sample.intents],
        "task": sample.task,
        "prompt": sample.prompt,
        "source": sample.source,
        "split": sample.split,
        "commands": list(sample.commands.items()),
    }


def _sample(row: dict[str, Any]) -> Sample:
    return Sample(
        intents=tuple(Intent(item["kind"], item["value"]) for item in row["intents"]),
        task=row["task"],
        prompt=row["prompt"],
        source=row["source"],
        split=row["split"],
        commands=dict(row["commands"] or ()),
    )
