"""Examining a table of answers: each row cleaned, with the reason against it or its scores. Pure, for any runner."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import pyarrow as pa

from promptlet import registry
from promptlet.curation.checks import Answer, expressed
from promptlet.curation.duplicates import sketch
from promptlet.curation.openers import opening
from promptlet.io.records import SAMPLE_SCHEMA, from_row, to_row
from promptlet.judges.base import Judge
from promptlet.types import Sample
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
    judge: str = "words"

    def __call__(self, table: pa.Table) -> pa.Table:
        """Return the rows of `SAMPLE_SCHEMA` as rows of `EXAMINED_SCHEMA`, in the same order."""
        policy, judge = load_policy(self.policy), _open_judge(self.judge)
        answers = [Answer.cleaned(from_row(row), policy, self.unknown_words) for row in table.to_pylist()]
        reasons = [answer.objection() for answer in answers]
        good = [answer for answer, reason in zip(answers, reasons, strict=True) if reason is None]
        samples = [self._relabelled(answer) for answer in good]
        scored = iter(zip(good, samples, judge.judge(samples), strict=True))
        rows = []
        for answer, reason in zip(answers, reasons, strict=True):
            if reason:
                rows.append(to_row(answer.sample) | {"reason": reason, "opening": None, "sketch": None})
                continue
            _, sample, scores = next(scored)
            sample = replace(sample, scores=dict(sample.scores) | scores)
            compared = {"opening": opening(answer.terms), "sketch": sketch(sample.task, answer.terms)}
            rows.append(to_row(sample) | {"reason": None} | compared)
        return pa.Table.from_pylist(rows, EXAMINED_SCHEMA)

    def _relabelled(self, answer: Answer) -> Sample:
        sample = answer.sample
        return replace(sample, intents=expressed(sample.intents, answer.terms)) if self.relabel else sample


@cache
def _open_judge(name: str) -> Judge:
    judge: Judge = registry.load("promptlet.judges", name).JUDGE.open()
    return judge
