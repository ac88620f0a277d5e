"""Pretrained models, teachers and starting points alike: a Hugging Face folder, or a GGUF file that is dequantized."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from promptlet.errors import PromptletError, UsageError

if TYPE_CHECKING:
    from tokenizers import Tokenizer


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


def weights_file(path: Path) -> Path:
    """Return the file that identifies the model at `path`: itself, or the folder's weights (or their index).

    Raises:
        UsageError: for a folder without weights that transformers reads.
    """
    if path.is_file():
        return path
    for name in ("model.safetensors", "model.safetensors.index.json"):
        if (path / name).is_file():
            return path / name
    raise UsageError(f"{path} has no model.safetensors")
