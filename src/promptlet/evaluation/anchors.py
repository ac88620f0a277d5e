"""Anchors: pairs whose quality is known before a judge sees them, which show whether it can judge at all.

Good ones are the tasks' hand-written exemplars. Each kind of damage takes the same exemplars and spoils one thing.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from promptlet.commands.words import count_words
from promptlet.stemming import stems
from promptlet.tasks import Exemplar, load_task
from promptlet.types import MAX_INTENTS, Intent, Sample

GOOD = "good"
WRONG_TOPIC, WORD_SALAD, MISSING_INTENTS = DAMAGES = ("wrong topic", "word salad", "missing intents")
FIT = 0.75
"""Least AUC against every kind of damage at which a judge counts as fit; 0.5 is chance."""
_MOST_MISSING = 3
_LONG_ENOUGH = 8
"""Words of a prompt that is worth shuffling."""


def make_anchors(tasks: Sequence[str], count: int, seed: int) -> list[tuple[str, Sample]]:
    """Return up to `count` good pairs, of the tasks in turn, and as many with each kind of damage, each named."""
    found: list[tuple[str, Sample]] = []
    for index, name in enumerate(tasks):
        rng = random.Random(f"{seed}:{name}")
        exemplars = load_task(name).exemplars
        fit = [each for each in exemplars if count_words(each.prompt) >= _LONG_ENOUGH]
        share = count // len(tasks) + (index < count % len(tasks))
        for exemplar in rng.sample(fit, min(share, len(fit))):
            good = Sample(exemplar.intents, name, exemplar.prompt)
            foreign = _foreign(good, exemplars, rng)
            found += [
                (GOOD, good),
                (WRONG_TOPIC, replace(good, prompt=foreign.prompt)),
                (WORD_SALAD, replace(good, prompt=_shuffled(good.prompt, rng))),
                (MISSING_INTENTS, replace(good, intents=(*good.intents, *_missing(good, exemplars, rng)))),
            ]
    return found


def auc(good: Sequence[float], damaged: Sequence[float]) -> float | None:
    """Return how likely a good pair scores higher than a damaged one, ties half; None where either has no scores."""
    if not good or not damaged:
        return None
    difference = np.asarray(good)[:, None] - np.asarray(damaged)
    return float((difference > 0).mean() + (difference == 0).mean() / 2)


def _foreign(good: Sample, exemplars: Sequence[Exemplar], rng: random.Random) -> Exemplar:
    """Return an exemplar that speaks of nothing that the intents of `good` name."""
    wanted = {stem for intent in good.intents for stem in stems(intent.value)}
    return rng.choice([each for each in exemplars if wanted.isdisjoint(stems(each.prompt))])


def _shuffled(prompt: str, rng: random.Random) -> str:
    words = prompt.split()
    return " ".join(rng.sample(words, len(words)))


def _missing(good: Sample, exemplars: Sequence[Exemplar], rng: random.Random) -> Sequence[Intent]:
    """Return intents of kinds that `good` lacks, whose words its prompt does not say."""
    stemmed, kinds = set(stems(good.prompt)), {intent.kind for intent in good.intents}
    others = [intent for each in exemplars for intent in each.intents]
    added = []
    for intent in rng.sample(others, len(others)):
        if intent.kind not in kinds and stemmed.isdisjoint(stems(intent.value)):
            added.append(intent)
            kinds.add(intent.kind)
        if len(added) == min(_MOST_MISSING, MAX_INTENTS - len(good.intents)):
            break
    return added
