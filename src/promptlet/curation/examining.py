"""Examining a table of answers: each row cleaned, with the reason against it or its scores. Pure, for any runner."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import pyarrow as pa

from promptlet.curation.checks import Answer, expressed
from promptlet.curation.duplicates import sketch
from promptlet.curation.openers import opening
from promptlet.io.records import SAMPLE_SCHEMA, from_row, to_row
from promptlet.vocabulary import load_policy

EXAMINED_SCHEMA = pa.schema(
    [*SAMPLE_SCHEMA, ("reason", pa.string()), ("opening", pa.string()), ("sketch", pa.list_(pa.int64()))]
)


@dataclass(frozen=True)
class Examiner:
    """The settings of an examination; calling it examines a table."""

    policy: Path | None = None
    unknown_words: int = 0
    relabel: bool = True

    def __call__(self, table: pa.Table) -> pa.Table:
        """Return the rows of `SAMPLE_SCHEMA` as rows of `EXAMINED_SCHEMA`, in the same order."""
        policy = load_policy(self.policy)
        rows = []
        for row in table.to_pylist():
            answer = Answer.cleaned(from_row(row), policy, self.unknown_words)
            reason, sample = answer.objection(), answer.sample
            if reason:
                rows.append(to_row(sample) | {"reason": reason, "opening": None, "sketch": None})
                continue
            if self.relabel:
                sample = replace(sample, intents=expressed(sample.intents, answer.terms))
            compared = {"opening": opening(answer.terms), "sketch": sketch(sample.task, answer.terms)}
            rows.append(to_row(sample) | {"reason": None} | compared)
        return pa.Table.from_pylist(rows, EXAMINED_SCHEMA)
