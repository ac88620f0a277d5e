"""How much a student repeats what it learned from: 8-grams of its prompts that stand in the training data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from promptlet.io.prompts import Prompts
from promptlet.progress import metering
from promptlet.stemming import ngrams, terms

ORDER = 8


@dataclass(frozen=True)
class Novelty:
    """How many of some prompts, those of eight words and more, are in part or whole those of a data set."""

    prompts: int
    touching: int
    """Prompts with an 8-gram that stands in the data set."""
    copied: int
    """Prompts whose 8-grams all stand there."""


def measure_novelty(outputs: Mapping[str, Sequence[str]], training: Prompts) -> dict[str, Novelty]:
    """Return the novelty of each system's prompts beside a data set, which is read once, in flat memory."""
    grams = {name: [_grams(prompt) for prompt in prompts] for name, prompts in outputs.items()}
    sought = set[int]().union(*(each for prompts in grams.values() for each in prompts))
    found = set[int]()
    with metering("novelty", "rows", training.total) as meter:
        for row in training.read():
            if row is not None:
                found |= sought & _grams(row.prompt)
            meter.advance()
    return {name: _count([each for each in prompts if each], found) for name, prompts in grams.items()}


def _count(prompts: Sequence[frozenset[int]], found: set[int]) -> Novelty:
    touching = [each for each in prompts if not found.isdisjoint(each)]
    return Novelty(len(prompts), len(touching), sum(each <= found for each in touching))


def _grams(prompt: str) -> frozenset[int]:
    return frozenset(map(hash, ngrams(terms(prompt), ORDER)))
