"""Hindsight: what else a curated pair is a good example of (Andrychowicz et al. 2017, hindsight experience replay).

A prompt is an example of what it achieves, whatever its teacher was asked for. So it is one for fewer intents, if it
leaves some out; for more, if it speaks of things that nobody asked for; and its first clauses are a shorter prompt.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import pyarrow as pa

from promptlet.commands.words import count_words
from promptlet.curation.checks import Examined
from promptlet.intents.graph import load_graph
from promptlet.intents.mentions import Mentions
from promptlet.intents.splits import TRAIN, split_of
from promptlet.io.records import SAMPLE_SCHEMA, from_row, to_row
from promptlet.judges.base import open_judge
from promptlet.tasks import load_task
from promptlet.types import Sample
from promptlet.vocabulary import load_policy

_CLAUSE_END = re.compile(r"[,;.!?](?= )")
MADE = (", drop", ", add", ", cut")
"""How the source of a further sample ends."""
_MOST_INTENTS = 5
"""As many as are sampled for a teacher."""


@dataclass(frozen=True)
class Hindsight:
    """Which further samples are made of a training sample; calling it makes those of a table.

    Shares are of the samples for which it can be done.
    """

    seed: int
    graph: Path | None
    judge: str
    policy: Path | None
    shortest: int
    """Words of the shortest prompt that curation keeps."""
    drop: float
    add: float
    cut: float

    def __call__(self, table: pa.Table) -> pa.Table:
        """Return the rows of `SAMPLE_SCHEMA`, each followed by those made of it, with scores of their own."""
        derived = [(sample, list(self._derive(sample))) for sample in map(from_row, table.to_pylist())]
        made = [each for _, those in derived for each in those]
        scores = iter(open_judge(self.judge, self.graph).judge(made))
        rows = []
        for sample, those in derived:
            rows.append(to_row(sample))
            rows += [to_row(replace(each, scores={**each.scores, **next(scores)})) for each in those]
        return pa.Table.from_pylist(rows, SAMPLE_SCHEMA)

    def _derive(self, sample: Sample) -> Iterator[Sample]:
        """Yield further samples; none whose intents belong to another split than the sample's."""
        if sample.split != TRAIN:
            return
        ways = zip(MADE, (self.drop, self.add, self.cut), (self._dropped, self._added, self._cut), strict=True)
        for ending, share, make in ways:
            rng = random.Random(f"{self.seed}:{ending.removeprefix(', ')}:{sample.task}:{sample.prompt}")
            if rng.random() >= share:
                continue
            new = make(sample, rng)
            if new and split_of(load_graph(self.graph), new.intents) == TRAIN:
                yield replace(new, source=f"{sample.source}{ending}")

    def _dropped(self, sample: Sample, _rng: random.Random) -> Sample | None:
        """Return the sample for the intents that it expresses, if it leaves some out."""
        left = Examined.of(sample, load_policy(self.policy)).expressed
        return replace(sample, intents=left) if len(left) < len(sample.intents) else None

    def _added(self, sample: Sample, rng: random.Random) -> Sample | None:
        """Return the sample for one intent more, of a kind that it has none of, that its prompt speaks of."""
        kinds = set(load_task(sample.task).kinds) - {intent.kind for intent in sample.intents}
        there = {word for intent in sample.intents for word in intent.value.casefold().split()}
        found = [
            node
            for nodes in _mentions(self.graph).find(sample.prompt)
            for node in nodes
            if node.kind in kinds and there.isdisjoint(node.value.casefold().split())
        ]
        if not found or len(sample.intents) >= _MOST_INTENTS:
            return None
        return replace(sample, intents=(*sample.intents, rng.choice(found)))

    def _cut(self, sample: Sample, rng: random.Random) -> Sample | None:
        """Return the sample up to the end of one of its clauses, for the intents that are left."""
        prompt = sample.prompt
        stop = prompt[-1] if prompt[-1] in ".!?" else ""
        cuts = (replace(sample, prompt=prompt[: end.start()] + stop) for end in _CLAUSE_END.finditer(prompt))
        # Which unknown words the whole prompt may have, and how many words, was decided when it was curated.
        shorter, policy = range(self.shortest, count_words(prompt) + 1), load_policy(self.policy)
        answers = [Examined.of(cut, policy, unknown_words=len(prompt), lengths=shorter) for cut in cuts]
        answers = [answer for answer in answers if answer.objection() is None]
        if not answers:
            return None
        answer = rng.choice(answers)
        return replace(answer.sample, intents=answer.expressed)


@cache
def _mentions(graph: Path | None) -> Mentions:
    return Mentions(load_graph(graph))
