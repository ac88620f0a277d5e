"""Grammars over tokens, for engines that compute logits themselves (library llguidance, MIT).

The grammar is the same GBNF text that llama.cpp is given, so there is one definition of what is allowed.
"""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
from llguidance import LLMatcher, LLTokenizer
from llguidance.gbnf_to_lark import gbnf_to_lark
from llguidance.numpy import fill_next_token_bitmask
from numpy.typing import NDArray

from promptlet.engines.base import Sampling
from promptlet.tokenizer import Codec

Bits = NDArray[np.int32]
"""One bit per token, set where it is allowed, in words of 32."""
_GRAMMARS = 64
"""How many are kept. The drafts of a wish share theirs, and many wishes are written side by side."""
_FEW = 32
"""Tokens up to which each is asked for. Asking for one takes a microsecond, for all of them nearly 300."""


class Constraints:
    """Makes matchers for one tokenizer."""

    def __init__(self, codec: Codec) -> None:
        self._tokenizer = LLTokenizer(codec.tokenizer.to_str(), n_vocab=len(codec), eos_token=codec.end_id)

    def matcher(self, grammar: str) -> LLMatcher:
        """Return a matcher at the beginning of a text that follows the GBNF `grammar`."""
        return _matcher(self._tokenizer, grammar).deep_copy()


@lru_cache(_GRAMMARS)
def _matcher(tokenizer: LLTokenizer, grammar: str) -> LLMatcher:
    """Return a matcher to be copied: that takes microseconds, reading a grammar some milliseconds."""
    # As one terminal the grammar is matched as a regular expression. As several, they would be cut from the text
    # greedily: behind "golden h" the literal "golden hour" would no longer let "golden house" pass as two words.
    lark = gbnf_to_lark(grammar).replace("start:", "start: ROOT\nROOT:", 1)
    matcher = LLMatcher(tokenizer, LLMatcher.grammar_from_lark(lark))
    assert not matcher.is_error(), matcher.get_error()
    return matcher


def fill(bits_BM: Bits, row: int, matcher: LLMatcher) -> None:
    """Write what the matcher allows next into a row of [B, M] bits; the end of text is among it where it may end."""
    fill_next_token_bitmask(matcher, bits_BM, row)


def bar(scores: NDArray[np.float32], matcher: LLMatcher, sampling: Sampling) -> None:
    """Set the scores of tokens that the matcher does not allow to minus infinity, and of such as can't be drawn.

    Mostly `min_p` leaves a few tokens to draw from, and only for these the matcher is asked.
    """
    few = _few_allowed(scores, matcher, sampling)
    if few is None:
        bits = np.zeros((1, (len(scores) + 31) // 32), dtype=np.int32)
        fill(bits, 0, matcher)
        allowed = np.unpackbits(bits.view(np.uint8), bitorder="little", count=len(scores))
        scores[allowed == 0] = -np.inf
        return
    kept = scores[few]
    scores[:] = -np.inf
    scores[few] = kept


def _few_allowed(scores: NDArray[np.float32], matcher: LLMatcher, sampling: Sampling) -> list[int] | None:
    """Return the allowed tokens that can be drawn if they are few, else None."""
    if not sampling.min_p or sampling.top_k or sampling.top_p < 1:
        return None
    best = scores.max()
    while True:
        least = best + math.log(sampling.min_p)
        likely = np.flatnonzero(scores >= least)
        if len(likely) > _FEW:
            return None
        allowed = [token for token in likely.tolist() if matcher.validate_tokens([token])]
        if not allowed:
            return None
        if scores[allowed].max() == best:
            return allowed
        best = scores[allowed].max()  # the likeliest are not allowed, so others are likely enough


def take(matcher: LLMatcher, token: int) -> None:
    """Tell the matcher the token that was drawn from what it allows."""
    taken = matcher.consume_token(token)
    assert taken, matcher.get_error()
