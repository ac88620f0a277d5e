"""Examining a table of answers: each row cleaned, with the reason against it or its scores. Pure, for any runner."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from promptlet.curation.checks import DEFAULT_LENGTHS, Examined, clean
from promptlet.curation.duplicates import sketch
from promptlet.curation.openers import opening
from promptlet.io.records import SAMPLE_SCHEMA, to_intents
from promptlet.judges.base import open_judge
from promptlet.types import Sample
from promptlet.vocabulary import load_policy

EXAMINED_SCHEMA = pa.schema(
    [*SAMPLE_SCHEMA, ("reason", pa.string()), ("opening", pa.string()), ("sketch", pa.list_(pa.int64()))]
)


@dataclass(frozen=True)
class Examiner:
    """The settings of an examination; calling it examines a table."""

    graph: Path | None = None
    judge: str = "words"
    policy: Path | None = None
    unknown_words: int = 0
    lengths: range = DEFAULT_LENGTHS

    def __call__(self, table: pa.Table) -> pa.Table:
        """Return the rows of `SAMPLE_SCHEMA` as rows of `EXAMINED_SCHEMA`, in the same order."""
        policy, judge = load_policy(self.policy), open_judge(self.judge, self.graph)
        samples = list(_cleaned(table))
        answers = [Examined.of(sample, policy, self.unknown_words, self.lengths) for sample in samples]
        reasons = [answer.objection() for answer in answers]
        good = [index for index, reason in enumerate(reasons) if reason is None]
        scores = [dict(sample.scores) for sample in samples]
        openings: list[str | None] = [None] * len(answers)
        sketches: list[list[int] | None] = [None] * len(answers)
        for index, scored in zip(good, judge.judge([samples[index] for index in good]), strict=True):
            words = answers[index].terms
            scores[index] |= scored
            openings[index], sketches[index] = opening(words), sketch(samples[index].task, words)
        changed = {
            "prompt": [sample.prompt for sample in samples],
            "scores": [list(each.items()) for each in scores],
            "reason": reasons,
            "opening": openings,
            "sketch": sketches,
        }
        # The other columns stay as they are, unread.
        columns = [changed[name] if name in changed else table[name] for name in EXAMINED_SCHEMA.names]
        return pa.table(columns, schema=EXAMINED_SCHEMA)


def _cleaned(table: pa.Table) -> Iterator[Sample]:
    """Yield what the checks and judges need of each row, its prompt cleaned."""
    columns = to_intents(table["intents"]), *(table[name].to_pylist() for name in ("task", "prompt", "scores"))
    for intents, task, prompt, scores in zip(*columns, strict=True):
        yield Sample(intents, task, clean(prompt), scores=dict(scores or ()))
