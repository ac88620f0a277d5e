"""The model: transformers' GPT-2 (Apache-2.0), the architecture of the paper (section 3.3)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from promptlet.student.config import PRESETS

if TYPE_CHECKING:
    from transformers import GPT2LMHeadModel


def make_model(preset: str, vocabulary: int, context: int, dropout: float, end_id: int) -> GPT2LMHeadModel:
    """Return a GPT-2 with fresh weights from torch's current random state.

    Args:
        preset: a name in `PRESETS`.
        vocabulary: number of tokens.
        context: most tokens in a sequence.
        dropout: share of activations dropped in training.
        end_id: id of the end-of-text token.
    """
    from transformers import GPT2Config, GPT2LMHeadModel
    from transformers.utils import logging

    logging.disable_progress_bar()  # the loop has a bar of its own
    size = PRESETS[preset]
    config = GPT2Config(
        vocab_size=vocabulary,
        n_positions=context,
        n_embd=size.width,
        n_layer=size.layers,
        n_head=size.heads,
        resid_pdrop=dropout,
        embd_pdrop=dropout,
        attn_pdrop=dropout,
        bos_token_id=end_id,
        eos_token_id=end_id,
        use_cache=False,
    )
    return GPT2LMHeadModel(config)
