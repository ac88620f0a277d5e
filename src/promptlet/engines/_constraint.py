"""Grammars over tokens, for engines that compute logits themselves (library llguidance, MIT).

The grammar is the same GBNF text that llama.cpp is given, so there is one definition of what is allowed.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from llguidance import LLMatcher, LLTokenizer
from llguidance.gbnf_to_lark import gbnf_to_lark
from llguidance.numpy import fill_next_token_bitmask
from numpy.typing import NDArray

from promptlet.tokenizer import Codec

Bits = NDArray[np.int32]
"""One bit per token, set where it is allowed, in words of 32."""
_GRAMMARS = 64
"""How many are kept. The drafts of a wish share theirs, and many wishes are written side by side."""


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


def take(matcher: LLMatcher, token: int) -> None:
    """Tell the matcher the token that was drawn from what it allows."""
    taken = matcher.consume_token(token)
    assert taken, matcher.get_error()
