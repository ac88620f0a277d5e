"""How varied prompts are: different n-grams, what others say too, how they begin, and how far apart they mean."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import mean

import numpy as np

from promptlet.curation.openers import opening
from promptlet.embedding import Vectors, load_embedder
from promptlet.stemming import ngrams, terms
from promptlet.types import Sample, intents_key

ORDERS = (1, 2, 3)
_BLEU_ORDER = 4

Gram = tuple[str, ...]


@dataclass(frozen=True)
class Diversity:
    """Of a sample of prompts; only samples of the same size compare."""

    prompts: int
    distinct: tuple[float, ...]
    """Distinct-1, -2 and -3."""
    self_bleu: float
    opener: str
    """The three words that most prompts begin with."""
    opener_share: float
    spread: float | None
    """Mean cosine distance of two prompts' embeddings; None of fewer than two."""
    spread_per_intents: float | None
    """The same of two prompts for the same intents."""


def measure_diversity(samples: Sequence[Sample]) -> Diversity:
    """Return how varied the prompts of at least one sample are."""
    prompts = [sample.prompt for sample in samples]
    opener, begun = Counter(opening(terms(prompt)) for prompt in prompts).most_common(1)[0]
    vectors = load_embedder().embed(prompts)
    same: dict[str, list[int]] = {}
    for index, sample in enumerate(samples):
        same.setdefault(sample.task + intents_key(sample.intents), []).append(index)
    spreads = list(filter(None, (spread(vectors[places]) for places in same.values())))
    return Diversity(
        prompts=len(prompts),
        distinct=tuple(distinct(prompts, order) for order in ORDERS),
        self_bleu=self_bleu(prompts),
        opener=opener,
        opener_share=begun / len(prompts),
        spread=spread(vectors),
        spread_per_intents=mean(spreads) if spreads else None,
    )


def spread(vectors: Vectors) -> float | None:
    """Return the mean cosine distance between two of the unit vectors, shape (N, width); None of fewer than two."""
    count = len(vectors)
    if count < 2:
        return None
    # The squared length of the sum is all products of pairs, and those of each with itself.
    products = float(np.square(vectors.sum(axis=0, dtype=np.float64)).sum())
    return 1 - (products - count) / (count * (count - 1))


def distinct(prompts: Sequence[str], order: int) -> float:
    """Return distinct-n: different n-grams of all prompts by all n-grams (Li et al., 2016, arXiv 1510.03055).

    It falls as texts are added, so only samples of the same size compare.
    """
    total, seen = 0, set[Gram]()
    for prompt in prompts:
        found = list(ngrams(terms(prompt), order))
        total += len(found)
        seen.update(found)
    return len(seen) / total if total else 0.0


def self_bleu(prompts: Sequence[str]) -> float:
    """Return self-BLEU, from 0 to 1: the mean BLEU-4 of each prompt with all others as references; less is more varied.

    Zhu et al., 2018 (arXiv 1802.01886); BLEU from its statistics by sacrebleu, exponentially smoothed. The statistics
    are counted here: sacrebleu would read all references again for each prompt, which takes a hundred times as long.
    """
    from sacrebleu.metrics.bleu import BLEU

    if len(prompts) < 2:
        return 0.0
    texts = [terms(prompt) for prompt in prompts]
    counts = [Counter(gram for order in range(1, _BLEU_ORDER + 1) for gram in ngrams(words, order)) for words in texts]
    lengths = Counter(map(len, texts))
    best = _two_highest(counts)
    scores: list[float] = []
    for words, grams in zip(texts, counts, strict=True):
        correct, total = [0] * _BLEU_ORDER, [0] * _BLEU_ORDER
        for gram, count in grams.items():
            highest, second = best[gram]
            # What the others hold at most: where this prompt holds the highest count, it is the second.
            others = second if count == highest else highest
            total[len(gram) - 1] += count
            correct[len(gram) - 1] += min(count, others)
        lengths[len(words)] -= 1
        nearest = min((abs(length - len(words)), length) for length, left in lengths.items() if left)[1]
        lengths[len(words)] += 1
        bleu = BLEU.compute_bleu(correct, total, len(words), nearest, smooth_method="exp", effective_order=True)
        scores.append(bleu.score / 100)
    return mean(scores)


def _two_highest(counts: Sequence[Counter[Gram]]) -> dict[Gram, tuple[int, int]]:
    """Return for each n-gram the highest counts of two different prompts."""
    best: dict[Gram, tuple[int, int]] = {}
    for grams in counts:
        for gram, count in grams.items():
            highest, second = best.get(gram, (0, 0))
            best[gram] = (count, highest) if count > highest else (highest, max(second, count))
    return best
