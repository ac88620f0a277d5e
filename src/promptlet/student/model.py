"""Models: transformers' GPT-2 of a preset (paper, section 3.3), or any causal language model, fresh or pretrained."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer

from promptlet.errors import UsageError, one_line
from promptlet.pretrained import load_pretrained, pretrained_tokenizer
from promptlet.student.config import PRESETS


def make_model(preset: str, vocabulary: int, context: int, dropout: float, end_id: int) -> Any:
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
        # The same function as GPT-2's own, in one kernel instead of eight.
        activation_function="gelu_pytorch_tanh",
        resid_pdrop=dropout,
        embd_pdrop=dropout,
        attn_pdrop=dropout,
        bos_token_id=end_id,
        eos_token_id=end_id,
        use_cache=False,
    )
    return GPT2LMHeadModel(config)


def make_like(folder: Path, vocabulary: int, context: int, end_id: int) -> Any:
    """Return a model with fresh weights after the ``config.json`` in `folder`, for another vocabulary and context.

    Raises:
        UsageError: if the folder describes no causal language model that can be trained here.
    """
    from transformers import AutoConfig, AutoModelForCausalLM

    try:
        config = AutoConfig.from_pretrained(folder, local_files_only=True)
        config.update({"vocab_size": vocabulary, "max_position_embeddings": context, "use_cache": False})
        model = AutoModelForCausalLM.from_config(_ending(config, end_id), dtype=torch.float32)
    except (OSError, ValueError, AttributeError) as error:
        raise UsageError(f"{folder} describes no causal language model: {one_line(error)}") from error
    return _checked(model, folder)


def load_model(path: Path, tokenizer: Tokenizer, context: int, end_id: int) -> Any:
    """Return the pretrained model at `path`, with a place for every token that `tokenizer` adds to its own.

    A new token starts as the mean of the tokens that its name is written with, ``<|19|>`` as "19".

    Raises:
        UsageError: if there is none, or it was trained with other tokens or for a shorter context.
    """
    from transformers import AutoModelForCausalLM

    old = pretrained_tokenizer(path, UsageError)
    theirs, ours = old.get_vocab(), tokenizer.get_vocab()
    if any(ours.get(token) != index for token, index in theirs.items()):
        raise UsageError(
            f"the samples were encoded with other tokens than those of {path}; set tokenize.pretrained to it"
        )
    model = load_pretrained(AutoModelForCausalLM, path, UsageError, dtype=torch.float32)
    if (most := getattr(model.config, "max_position_embeddings", context)) < context:
        raise UsageError(f"train.context is {context}; {path} allows {most} at most")
    known = model.get_input_embeddings().weight.shape[0]
    if len(ours) > known:
        model.resize_token_embeddings(len(ours), mean_resizing=False)
    tables = {id(table.weight): table.weight for table in (model.get_input_embeddings(), model.get_output_embeddings())}
    with torch.no_grad():
        for token in sorted(ours.keys() - theirs.keys()):
            pieces = old.encode(token.strip("<|>"), add_special_tokens=False).ids
            for table in tables.values():
                table[ours[token]] = table[pieces].mean(0)
    _ending(model.config, end_id)
    model.config.use_cache = False
    if model.can_generate():
        model.generation_config = type(model.generation_config).from_model_config(model.config)
    return _checked(model, path)


def _ending(config: Any, end_id: int) -> Any:
    config.bos_token_id = config.eos_token_id = config.pad_token_id = end_id
    return config


@torch.no_grad()
def _checked(model: Any, path: Path) -> Any:
    """Return the model if its logits are its last states through its output layer: the loop computes few of them."""
    ids_BT = torch.arange(8).remainder(model.config.vocab_size)[None]
    model.eval()
    whole = model(input_ids=ids_BT).logits
    parts = model.get_output_embeddings()(model.base_model(input_ids=ids_BT).last_hidden_state)
    if not torch.allclose(whole, parts, rtol=1e-4, atol=1e-4):
        raise UsageError(f"{path} is a '{model.config.model_type}', which changes its logits after the output layer")
    return model
