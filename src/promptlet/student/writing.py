"""A student that writes many prompts at once while it is still a torch model: for looks ahead and for its own samples.

What is shipped is asked through an engine; here nothing is enforced, the student is left alone with its commands.
"""

from __future__ import annotations

import sys
from collections.abc import Container, Iterator, Sequence
from typing import Any

from promptlet.batch_decoding.decoder import BatchDecoder
from promptlet.batch_decoding.sampling import TokenSampling
from promptlet.tokenizer import Codec

SAMPLING = TokenSampling(temperature=0.8, min_p=0.1)
"""As a student is asked by default."""
SPARE_TOKENS = 8
"""So much longer than any prompt that it learned from may be what a student writes."""
_ROWS = {"cpu": 128, "cuda": 2048}
"""Prompts that are written together, by the device."""


def write(
    model: Any,
    codec: Codec,
    heads: Sequence[list[int]],
    seeds: Sequence[int],
    room: int,
    sampling: TokenSampling = SAMPLING,
    done: Container[int] = (),
) -> Iterator[tuple[int, str]]:
    """Yield (index of the head, text) as texts end; each depends on its head and seed alone, up to rounding.

    Args:
        model: a transformers causal language model; its attention is replaced, so it is not to be trained afterwards.
        codec: the student's.
        heads: token ids that ask for a prompt each.
        seeds: one for each head.
        room: most tokens of a prompt; fewer where the model has no positions for them behind the head.
        sampling: how tokens are drawn.
        done: heads that were written for before. Texts that are written together are left out together: in another
            batch a text might be rounded to another one.
    """
    never = set(codec.unwritable_ids)
    decoder = BatchDecoder(model.eval(), [codec.end_id], [index for index in range(len(codec)) if index not in never])
    most, positions = _ROWS[model.device.type], getattr(model.config, "max_position_embeddings", sys.maxsize)
    for first in range(0, len(heads), most):
        rows = range(first, min(first + most, len(heads)))
        if all(row in done for row in rows):
            continue
        asked = [heads[row] for row in rows]
        limits = [min(room, positions - len(head)) for head in asked]
        for written in decoder.write(asked, limits, [seeds[row] for row in rows], sampling):
            yield rows[written.row], codec.decode(written.tokens)
