"""Writing a student as GGUF, the format that llama.cpp runs (package `gguf`, MIT)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import gguf
import numpy as np
from safetensors.numpy import load_file

from promptlet.errors import StudentError
from promptlet.io.atomic import replacing

QUANTIZATIONS = ("F16", "Q8_0", "Q4_0")

# transformers' name of a GPT-2 tensor -> llama.cpp's; transformers stores the matrices of GPT-2 transposed.
_LAYER = {
    "ln_1": "attn_norm",
    "attn.c_attn": "attn_qkv",
    "attn.c_proj": "attn_output",
    "ln_2": "ffn_norm",
    "mlp.c_fc": "ffn_up",
    "mlp.c_proj": "ffn_down",
}
_OUTER = {"wte": "token_embd", "wpe": "position_embd", "ln_f": "output_norm"}


def write_gguf(model: Path, tokenizer: Path, target: Path, quantization: str) -> None:
    """Write the Hugging Face GPT-2 in `model` with `tokenizer` (a ``tokenizer.json``) as one GGUF file.

    Matrices get the precision `quantization`; positions, norms and biases stay in 32 bits.

    Raises:
        StudentError: if the model is no GPT-2.
    """
    config = json.loads((model / "config.json").read_text(encoding="utf-8"))
    if config.get("model_type") != "gpt2":
        raise StudentError(f"{model} is a '{config.get('model_type')}'; only gpt2 can be written as GGUF")
    with replacing(target) as temporary:
        writer = gguf.GGUFWriter(temporary, "gpt2")
        _add_settings(writer, config, quantization)
        _add_vocabulary(writer, json.loads(tokenizer.read_text(encoding="utf-8")), config["eos_token_id"])
        for name, weights in load_file(model / "model.safetensors").items():
            _add_tensor(writer, name.removeprefix("transformer."), weights, gguf.GGMLQuantizationType[quantization])
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
        writer.close()


def _add_settings(writer: gguf.GGUFWriter, config: dict[str, Any], quantization: str) -> None:
    writer.add_name("promptlet student")
    writer.add_context_length(config["n_positions"])
    writer.add_embedding_length(config["n_embd"])
    writer.add_feed_forward_length(config.get("n_inner") or 4 * config["n_embd"])
    writer.add_block_count(config["n_layer"])
    writer.add_head_count(config["n_head"])
    writer.add_layer_norm_eps(config["layer_norm_epsilon"])
    writer.add_file_type(gguf.LlamaFileType[f"MOSTLY_{quantization}"])


def _add_vocabulary(writer: gguf.GGUFWriter, tokenizer: dict[str, Any], end_id: int) -> None:
    model = tokenizer["model"]
    tokens = sorted(model["vocab"], key=model["vocab"].__getitem__)
    controls = {token["id"] for token in tokenizer["added_tokens"]}
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("gpt-2")
    writer.add_token_list(tokens)
    types = (gguf.TokenType.CONTROL if index in controls else gguf.TokenType.NORMAL for index in range(len(tokens)))
    writer.add_token_types(list(types))
    writer.add_token_merges([merge if isinstance(merge, str) else " ".join(merge) for merge in model["merges"]])
    writer.add_bos_token_id(end_id)
    writer.add_eos_token_id(end_id)
    writer.add_add_bos_token(False)


def _add_tensor(writer: gguf.GGUFWriter, name: str, weights: np.ndarray, precision: gguf.GGMLQuantizationType) -> None:
    stem, _, part = name.rpartition(".")
    if stem == "lm_head":
        return  # tied to the token embedding; llama.cpp does the same
    if stem.startswith("h."):
        _, layer, inner = stem.split(".", 2)
        new, transposed = f"blk.{layer}.{_LAYER[inner]}.{part}", weights.ndim == 2
    else:
        new, transposed = f"{_OUTER[stem]}.{part}", False
    values = np.ascontiguousarray(weights.T if transposed else weights, dtype=np.float32)
    if values.ndim == 1 or stem == "wpe":
        writer.add_tensor(new, values)
    else:
        writer.add_tensor(new, gguf.quants.quantize(values, precision), raw_dtype=precision)
