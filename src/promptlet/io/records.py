"""Samples and rejects as Parquet: how rows look on disk, and reading and writing them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from itertools import islice, pairwise
from operator import itemgetter
from pathlib import Path
from typing import Any, Self

import pyarrow as pa
import pyarrow.parquet as pq

from promptlet.errors import RunError
from promptlet.io.atomic import replacing
from promptlet.types import Intent, Intents, Sample

_PAIR = pa.struct([("kind", pa.string()), ("value", pa.string())])
SAMPLE_SCHEMA = pa.schema(
    [
        ("intents", pa.list_(_PAIR)),
        ("task", pa.string()),
        ("prompt", pa.string()),
        ("source", pa.string()),
        ("split", pa.string()),
        ("commands", pa.map_(pa.string(), pa.int32())),
        ("scores", pa.map_(pa.string(), pa.float32())),
    ]
)
REJECT_SCHEMA = SAMPLE_SCHEMA.append(pa.field("reason", pa.string()))
ROWS_PER_SHARD = 50_000
ROWS_PER_GROUP = 10_000


class ShardWriter:
    """Writes tables as shards ``STEM-00000.parquet`` (zstd) of a folder, each atomically, in flat memory.

    A context: shards of an earlier, interrupted run go first; when the block ends well there is at least one shard.
    """

    def __init__(self, folder: Path, stem: str, schema: pa.Schema) -> None:
        self.folder, self.stem, self.schema = folder, stem, schema
        self.rows = 0
        self._shard = 0
        self._waiting: list[pa.Table] = []
        self._count = 0

    def __enter__(self) -> Self:
        for old in self.folder.glob(f"{self.stem}-*.parquet"):
            old.unlink()
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None and (self._count or not self._shard):
            self._flush()

    def add(self, table: pa.Table) -> None:
        """Add the rows of a table that has the columns of the schema, and perhaps others."""
        self._waiting.append(table.select(self.schema.names).cast(self.schema))
        self._count += table.num_rows
        self.rows += table.num_rows
        if self._count >= ROWS_PER_SHARD:
            self._flush()

    def _flush(self) -> None:
        with replacing(self.folder / f"{self.stem}-{self._shard:05d}.parquet") as temporary:
            table = pa.concat_tables(self._waiting) if self._waiting else self.schema.empty_table()
            pq.write_table(table, temporary, compression="zstd", row_group_size=ROWS_PER_GROUP)
        self._waiting, self._count = [], 0
        self._shard += 1


def write_samples(folder: Path, samples: Iterable[Sample], stem: str = "data") -> int:
    """Write samples as shards; return how many rows."""
    return _write(folder, stem, SAMPLE_SCHEMA, map(to_row, samples))


def write_rejects(folder: Path, rejects: Iterable[tuple[Sample, str]]) -> int:
    """Write rejected samples, each with its reason, as shards ``rejected-00000.parquet``; return how many rows."""
    return _write(
        folder, "rejected", REJECT_SCHEMA, (to_row(sample) | {"reason": reason} for sample, reason in rejects)
    )


def commonest_reason(folder: Path) -> str:
    """Return the commonest reason in a folder's rejects, with what it says of a row if that is so of most of them."""
    whole = Counter(reason for table in read_tables(folder, "rejected") for reason in table["reason"].to_pylist())
    kinds = Counter[str]()
    for reason, count in whole.items():
        kinds[reason.partition(":")[0]] += count
    [(kind, rows)] = kinds.most_common(1)
    full, alike = max(
        ((reason, count) for reason, count in whole.items() if reason.partition(":")[0] == kind), key=itemgetter(1)
    )
    return str(full if 2 * alike > rows else kind)


def read_tables(folder: Path, stem: str = "data", rows: int = ROWS_PER_GROUP) -> Iterator[pa.Table]:
    """Yield the rows of a folder's shards in tables of at most `rows`, in order, in flat memory."""
    for shard in shards(folder, stem):
        with pq.ParquetFile(shard) as file:
            for batch in file.iter_batches(rows):
                yield pa.Table.from_batches([batch])


def read_samples(folder: Path, stem: str = "data") -> Iterator[Sample]:
    """Yield the samples of a folder's shards, in order, in flat memory."""
    for table in read_tables(folder, stem):
        yield from map(from_row, table.to_pylist())


def count_rows(folder: Path, stem: str = "data") -> int:
    """Return how many rows a folder's shards hold, from their footers."""
    return sum(pq.read_metadata(shard).num_rows for shard in shards(folder, stem))


def shards(folder: Path, stem: str = "data") -> list[Path]:
    """Return the paths of a folder's shards, in order."""
    shards = sorted(folder.glob(f"{stem}-*.parquet"))
    if not shards:
        raise RunError(f"{folder} holds no {stem}-*.parquet")
    return shards


def parquet_files(folder: Path) -> list[Path]:
    """Return the paths of a folder's Parquet files, in order, without what a stage rejected."""
    return [path for path in sorted(folder.glob("*.parquet")) if not path.name.startswith("rejected-")]


def _write(folder: Path, stem: str, schema: pa.Schema, rows: Iterable[Mapping[str, Any]]) -> int:
    rows = iter(rows)
    with ShardWriter(folder, stem, schema) as writer:
        while part := list(islice(rows, ROWS_PER_GROUP)):
            writer.add(pa.Table.from_pylist(part, schema))
    return writer.rows


def to_row(sample: Sample) -> dict[str, Any]:
    """Return a sample as a row of `SAMPLE_SCHEMA`."""
    return {
        "intents": [{"kind": intent.kind, "value": intent.value} for intent in sample.intents],
        "task": sample.task,
        "prompt": sample.prompt,
        "source": sample.source,
        "split": sample.split,
        "commands": list(sample.commands.items()),
        "scores": list(sample.scores.items()),
    }


def from_row(row: Mapping[str, Any]) -> Sample:
    """Return a row of `SAMPLE_SCHEMA` as a sample."""
    return Sample(
        intents=tuple(Intent(item["kind"], item["value"]) for item in row["intents"]),
        task=row["task"],
        prompt=row["prompt"],
        source=row["source"],
        split=row["split"],
        commands=dict(row["commands"] or ()),
        scores=dict(row["scores"] or ()),
    )


@lru_cache(maxsize=1 << 16)
def _intent(kind: str, value: str) -> Intent:
    return Intent(kind, value)


def to_intents(column: pa.ChunkedArray) -> list[Intents]:
    """Return the intents of each row of a column; many times as fast as row by row."""
    found: list[Intents] = []
    for chunk in column.chunks:
        kinds, values = (each.to_pylist() for each in chunk.values.flatten())
        ends = chunk.offsets.to_pylist()
        found += [tuple(map(_intent, kinds[start:end], values[start:end])) for start, end in pairwise(ends)]
    return found
