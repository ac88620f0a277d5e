"""How drafts are found that say a thing twice, break off, or were forced. Another is soon drawn, so it is done more
strictly than in curation, which has to throw samples away.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from promptlet.curation.checks import Examined, repetition, truncation
from promptlet.engines.base import Decoded
from promptlet.generation.echoes import echoes
from promptlet.generation.terms import KeptTerm, spans
from promptlet.tokenizer import Codec

_ABRUPT = -2.5
"""Log-probability of the mark behind the last word, or of the end, below which a text ends for want of words
("a beach meets the sea and a white sandy."): of 197 drafts without another fault 7% do, half of them in mid-phrase."""


def repeats(draft: Examined, demanded: Iterable[Examined]) -> bool:
    """Return whether a draft says a thing twice, and nothing that it must say does so itself ("Bora Bora")."""
    return _repeats(draft) and not any(map(_repeats, demanded))


def _repeats(text: Examined) -> bool:
    return repetition(text) is not None or echoes(text.sample.prompt)


def unfinished(draft: Examined, decoded: Decoded) -> bool:
    """Return whether a draft was broken off, or ends in mid-phrase."""
    return truncation(draft) is not None or not decoded.finished or _ending(decoded) < _ABRUPT


def chosen_logprobs(decoded: Decoded, order: Sequence[KeptTerm], codec: Codec) -> tuple[float, ...]:
    """Return the log-probabilities of the tokens that were the student's choice: those outside the kept terms."""
    kept = spans(decoded.text, order)
    if not kept:
        return decoded.logprobs
    decode = codec.tokenizer.decode
    ends = [len(decode(list(decoded.ids[: count + 1])).lstrip()) for count in range(len(decoded.ids))]
    return tuple(
        logprob
        for logprob, start, end in zip(decoded.logprobs, [0, *ends], ends, strict=False)
        if not any(start < last and first < end for first, last in kept)
    )


def _ending(decoded: Decoded) -> float:
    """Return the log-probability of what stands behind the last word of a finished text: a mark, or the end."""
    marked = decoded.text.rstrip().endswith((".", "!", "?")) and len(decoded.ids) > 1
    return decoded.logprobs[-2 if marked else -1]
