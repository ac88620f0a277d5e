"""Writing a student as GGUF, the format that llama.cpp runs (package `gguf`, MIT, which knows the names of tensors)."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import gguf
import numpy as np
from safetensors import safe_open

from promptlet.errors import StudentError, UsageError
from promptlet.io.atomic import replacing

_ARCHITECTURES = {"gpt2": gguf.MODEL_ARCH.GPT2, "llama": gguf.MODEL_ARCH.LLAMA}
_COMPUTED: Mapping[str, Mapping[str, tuple[Any, ...]]] = {
    "gpt2": {
        "activation_function": ("gelu_new", "gelu_pytorch_tanh"),
        "scale_attn_weights": (True,),
        "scale_attn_by_inverse_layer_idx": (False,),
        "add_cross_attention": (False,),
    },
    "llama": {
        "hidden_act": ("silu",),
        "attention_bias": (False,),
        "mlp_bias": (False,),
        "sliding_window": (None,),
        "rope_scaling": (None,),
    },
}
"""What llama.cpp computes with each architecture, whatever a model's settings say; the first is transformers' default.
Order of computation (`reorder_and_upcast_attn`) changes no text."""
_ROPE: Mapping[str, tuple[Any, ...]] = {"rope_type": ("default",), "partial_rotary_factor": (1.0,)}
_BLOCK = 32
"""Numbers that share a scale in Q8_0 and Q4_0; a row of a matrix is a whole number of blocks."""


def write_gguf(model: Path, tokenizer: Path, target: Path, quantization: str) -> None:
    """Write the Hugging Face GPT-2 or Llama in `model` with `tokenizer` (a ``tokenizer.json``) as one GGUF file.

    Matrices get the precision `quantization`; positions, norms and biases stay in 32 bits.

    Raises:
        StudentError: if the model or its tokenizer is of another kind.
        UsageError: if the model's width does not suit the precision, or llama.cpp would compute something else.
    """
    config = json.loads((model / "config.json").read_text(encoding="utf-8"))
    if config.get("model_type") not in _ARCHITECTURES:
        raise StudentError(f"{model} is a '{config.get('model_type')}'; {' and '.join(_ARCHITECTURES)} can be GGUF")
    check_computed(config, model)
    arch = _ARCHITECTURES[config["model_type"]]
    width = config["n_embd" if arch == gguf.MODEL_ARCH.GPT2 else "hidden_size"]
    if quantization != "F16" and width % _BLOCK:
        raise UsageError(f"export.quantization is {quantization}; a model {width} wide allows F16 only")
    with replacing(target) as temporary:
        writer = gguf.GGUFWriter(temporary, config["model_type"])
        writer.add_name("promptlet student")
        writer.add_file_type(gguf.LlamaFileType[f"MOSTLY_{quantization}"])
        _ADD_SETTINGS[arch](writer, config)
        _add_vocabulary(writer, json.loads(tokenizer.read_text(encoding="utf-8")), config)
        precision = gguf.GGMLQuantizationType[quantization]
        for name, values in _tensors(model, arch, config):
            if values.ndim == 1 or name.startswith("position_embd"):
                writer.add_tensor(name, values)
            else:
                writer.add_tensor(name, gguf.quants.quantize(values, precision), raw_dtype=precision)
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
        writer.close()


def check_computed(config: Mapping[str, Any], model: Path | str) -> None:
    """Refuse a GPT-2 or Llama with settings by which llama.cpp would write other texts; models of other kinds pass.

    Args:
        config: the content of its ``config.json``.
        model: what it is called.

    Raises:
        UsageError: naming the setting, and what is allowed.
    """
    kind = config.get("model_type", "")
    asked = [(name, config, allowed) for name, allowed in _COMPUTED.get(kind, {}).items()]
    if kind == "llama":
        rope = config.get("rope_parameters") or {}
        asked += [(name, rope, allowed) for name, allowed in _ROPE.items()]
    for name, settings, allowed in asked:
        if (value := settings.get(name, allowed[0])) not in allowed:
            told = " or ".join(map(str, allowed))
            raise UsageError(f"{model}: {name} is {value}, which llama.cpp does not compute; {told} is allowed")


def _add_gpt2(writer: gguf.GGUFWriter, config: dict[str, Any]) -> None:
    writer.add_context_length(config["n_positions"])
    writer.add_embedding_length(config["n_embd"])
    writer.add_feed_forward_length(config.get("n_inner") or 4 * config["n_embd"])
    writer.add_block_count(config["n_layer"])
    writer.add_head_count(config["n_head"])
    writer.add_layer_norm_eps(config["layer_norm_epsilon"])


def _add_llama(writer: gguf.GGUFWriter, config: dict[str, Any]) -> None:
    writer.add_context_length(config["max_position_embeddings"])
    writer.add_embedding_length(config["hidden_size"])
    writer.add_feed_forward_length(config["intermediate_size"])
    writer.add_block_count(config["num_hidden_layers"])
    writer.add_head_count(config["num_attention_heads"])
    writer.add_head_count_kv(config["num_key_value_heads"])
    writer.add_key_length(config["head_dim"])
    writer.add_value_length(config["head_dim"])
    writer.add_layer_norm_rms_eps(config["rms_norm_eps"])
    writer.add_rope_dimension_count(config["head_dim"])
    writer.add_rope_freq_base(config["rope_parameters"]["rope_theta"])
    writer.add_vocab_size(config["vocab_size"])


_ADD_SETTINGS = {gguf.MODEL_ARCH.GPT2: _add_gpt2, gguf.MODEL_ARCH.LLAMA: _add_llama}


def _add_vocabulary(writer: gguf.GGUFWriter, tokenizer: dict[str, Any], config: dict[str, Any]) -> None:
    model = tokenizer["model"]
    if model["type"] != "BPE" or "ByteLevel" not in json.dumps(tokenizer["decoder"]):
        raise StudentError(f"a {model['type']} tokenizer can't be written as GGUF; byte-level BPE can")
    controls = {token["id"]: token["content"] for token in tokenizer["added_tokens"]}
    texts = {index: text for text, index in model["vocab"].items()} | controls
    # A pretrained model may have more places than tokens.
    types, tokens = gguf.TokenType, [texts.get(index, f"[unused {index}]") for index in range(config["vocab_size"])]
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("gpt-2")
    writer.add_token_list(tokens)
    writer.add_token_types(
        [
            types.CONTROL if index in controls else types.NORMAL if index in texts else types.UNUSED
            for index in range(len(tokens))
        ]
    )
    writer.add_token_merges([merge if isinstance(merge, str) else " ".join(merge) for merge in model["merges"]])
    writer.add_bos_token_id(config["eos_token_id"])
    writer.add_eos_token_id(config["eos_token_id"])
    writer.add_add_bos_token(False)


def _tensors(model: Path, arch: gguf.MODEL_ARCH, config: dict[str, Any]) -> Iterator[tuple[str, np.ndarray]]:
    """Yield all tensors by llama.cpp's names, as it lays them out, in 32 bits."""
    names = gguf.get_tensor_name_map(arch, config["n_layer" if arch == gguf.MODEL_ARCH.GPT2 else "num_hidden_layers"])
    with safe_open(model / "model.safetensors", "pt") as file:
        for theirs in file.keys():  # noqa: SIM118 (it is no mapping)
            if (ours := names.get_name(theirs, (".weight", ".bias"))) is None:
                raise StudentError(f"{model} holds the tensor {theirs}, which a {config['model_type']} has not")
            values = file.get_tensor(theirs).float().numpy()
            if arch == gguf.MODEL_ARCH.GPT2 and ".h." in theirs:
                values = values.T if values.ndim == 2 else values  # transformers stores them transposed
            elif theirs.endswith(("q_proj.weight", "k_proj.weight")):
                values = _interleaved(values, config["head_dim"])
            yield ours, np.ascontiguousarray(values)


def _interleaved(values: np.ndarray, size: int) -> np.ndarray:
    """Return query or key weights with the two halves of each head interleaved, as llama.cpp rotates them in pairs."""
    return values.reshape(-1, 2, size // 2, values.shape[1]).swapaxes(1, 2).reshape(values.shape)
