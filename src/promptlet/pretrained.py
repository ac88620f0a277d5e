"""Pretrained models, teachers and starting points alike: a Hugging Face folder, or a GGUF file that is dequantized."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from promptlet.errors import PromptletError, UsageError
from promptlet.io.atomic import file_digest, value_digest

if TYPE_CHECKING:
    from tokenizers import Tokenizer

_CONFIG, _WEIGHTS = "config.json", "model.safetensors"
_INDEX = f"{_WEIGHTS}.index.json"
"""Names the files of weights that are too large for one."""
_TOKENIZER = (
    "tokenizer.json",
    "tokenizer_config.json",
    "tokenizer.model",
    "vocab.json",
    "merges.txt",
    "added_tokens.json",
    "special_tokens_map.json",
    "chat_template.jinja",
)
"""Files by which transformers makes a tokenizer, as far as a model has them."""


def load_pretrained(kind: Any, path: Path, failure: type[PromptletError], **options: Any) -> Any:
    """Return what ``kind.from_pretrained`` makes of the model at `path`; nothing is fetched, and pickle is not read.

    Args:
        kind: ``AutoTokenizer``, ``AutoModelForCausalLM`` or another class of transformers.
        path: a folder or a GGUF file.
        failure: the error to raise.
        options: what else it is told.
    """
    from transformers import modeling_gguf_pytorch_utils as gguf_reader
    from transformers.utils import logging

    logging.disable_progress_bar()
    gguf_reader.tqdm = logging.tqdm  # its own bar does not ask whether bars are wanted
    if not path.exists():
        raise failure(f"there is no model at {path}")
    source = {"gguf_file": path.name} if path.is_file() else {"use_safetensors": True}
    folder = path.parent if path.is_file() else path
    try:
        return kind.from_pretrained(folder, local_files_only=True, **source, **options)
    except (OSError, ValueError, RuntimeError) as error:
        raise failure(f"transformers can't load {path}: {' '.join(str(error).split())[:200]}") from error


def trainable(model: Any) -> Any:
    """Return a model that can be saved: one from a GGUF file counts as quantized, though its weights are floats."""
    if not hasattr(model.config, "quantization_config"):
        return model
    weights = model.state_dict()
    del model.config.quantization_config
    plain = type(model)(model.config)
    plain.load_state_dict(weights)
    return plain


def pretrained_tokenizer(path: Path, failure: type[PromptletError]) -> Tokenizer:
    """Return the tokenizer of the model at `path`, as the library `tokenizers` has it.

    Raises:
        PromptletError: of the type `failure`, if there is none.
    """
    from transformers import AutoTokenizer

    loaded = load_pretrained(AutoTokenizer, path, failure)
    if not loaded.is_fast:
        raise failure(f"the tokenizer of {path} can't be written as tokenizer.json")
    tokenizer: Tokenizer = loaded.backend_tokenizer
    return tokenizer


def model_digest(path: Path) -> str:
    """Return what identifies the model at `path`: the SHA-256 of a GGUF file, or that of all that makes up a folder's
    model - shape, tokenizer and weights.

    Raises:
        UsageError: if it is no file, and no folder with ``model.safetensors`` or its shards.
    """
    if path.is_file():
        return file_digest(path)
    there = [name for name in (_CONFIG, *_TOKENIZER) if (path / name).is_file()]
    return value_digest({name: file_digest(path / name) for name in (*there, *_weights(path))})


def _weights(folder: Path) -> list[str]:
    """Return the names of the files of a model's weights, and that of their index, if they are several."""
    if (folder / _WEIGHTS).is_file():
        return [_WEIGHTS]
    if not (folder / _INDEX).is_file():
        raise UsageError(f"{folder} has no {_WEIGHTS}")
    try:
        shards = sorted(set(json.loads((folder / _INDEX).read_text(encoding="utf-8"))["weight_map"].values()))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise UsageError(f"{folder / _INDEX} names no files of weights: {error}") from error
    for name in shards:
        if not (folder / name).is_file():
            raise UsageError(f"{folder} has no {name}, which its {_INDEX} names")
    return [_INDEX, *shards]
