"""How varied prompts are: the share of different n-grams, and how much of a prompt others say too."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from statistics import mean

from promptlet.lemmas import terms

ORDERS = (1, 2, 3)
_BLEU_ORDER = 4

Gram = tuple[str, ...]


def distinct(prompts: Sequence[str], order: int) -> float:
    """Return distinct-n: different n-grams of all prompts by all n-grams (Li et al., 2016, arXiv 1510.03055).

    It falls as texts are added, so only samples of the same size compare.
    """
    total, seen = 0, set[Gram]()
    for prompt in prompts:
        found = _grams(terms(prompt), order)
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
    said = [terms(prompt) for prompt in prompts]
    counts = [Counter(gram for order in range(1, _BLEU_ORDER + 1) for gram in _grams(words, order)) for words in said]
    lengths = Counter(map(len, said))
    best = _two_highest(counts)
    scores: list[float] = []
    for words, grams in zip(said, counts, strict=True):
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


def _grams(words: Sequence[str], order: int) -> list[Gram]:
    return list(zip(*(words[start:] for start in range(order)), strict=False))


def _two_highest(counts: Sequence[Counter[Gram]]) -> dict[Gram, tuple[int, int]]:
    """Return for each n-gram the highest counts of two different prompts."""
    best: dict[Gram, tuple[int, int]] = {}
    for grams in counts:
        for gram, count in grams.items():
            highest, second = best.get(gram, (0, 0))
            best[gram] = (count, highest) if count > highest else (highest, max(second, count))
    return best
