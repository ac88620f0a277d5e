"""Examining a table of answers: each row cleaned, with the reason against it or its scores. Pure, for any runner."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from promptlet.curation.checks import Answer, clean
from promptlet.curation.duplicates import sketch
from promptlet.io.records import SAMPLE_SCHEMA, from_intents, to_intents
from promptlet.types import Intents, Sample
from promptlet.vocabulary import load_policy

EXAMINED_SCHEMA = pa.schema(
    [*SAMPLE_SCHEMA, ("reason", pa.string()), ("opening", pa.string()), ("sketch", pa.list_(pa.int64()))]
)
OPENING_WORDS = 3


@dataclass(frozen=True)
class Examiner:
    """The settings of an examination; calling it examines a table."""

    policy: Path | None = None
    unknown_words: int = 0
    relabel: bool = True

    def __call__(self, table: pa.Table) -> pa.Table:
        """Return the rows of `SAMPLE_SCHEMA` as rows of `EXAMINED_SCHEMA`, in the same order."""
        policy = load_policy(self.policy)
        answers = [Answer.of(sample, policy, self.unknown_words) for sample in _cleaned(table)]
        reasons = [answer.objection() for answer in answers]
        openings: list[str | None] = []
        sketches: list[list[int] | None] = []
        intents: list[Intents] = []
        for answer, reason in zip(answers, reasons, strict=True):
            intents.append(answer.expressed if self.relabel and not reason else answer.sample.intents)
            openings.append(None if reason else " ".join(answer.terms[:OPENING_WORDS]))
            sketches.append(None if reason else sketch(answer.sample.task, answer.terms))
        changed = {
            "intents": from_intents(intents),
            "prompt": [answer.sample.prompt for answer in answers],
            "reason": reasons,
            "opening": openings,
            "sketch": sketches,
        }
        # The other columns stay as they are, unread.
        columns = [changed[name] if name in changed else table[name] for name in EXAMINED_SCHEMA.names]
        return pa.table(columns, schema=EXAMINED_SCHEMA)


def _cleaned(table: pa.Table) -> Iterator[Sample]:
    """Yield what the checks need of each row, its prompt cleaned."""
    columns = to_intents(table["intents"]), table["task"].to_pylist(), table["prompt"].to_pylist()
    for intents, task, prompt in zip(*columns, strict=True):
        yield Sample(intents, task, clean(prompt))
