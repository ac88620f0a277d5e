"""Models small enough to be made in a test."""

from __future__ import annotations

from typing import Any

from transformers import LlamaConfig


def llama_config(**others: Any) -> LlamaConfig:
    sizes = {"hidden_size": 64, "intermediate_size": 96, "num_hidden_layers": 2, "num_attention_heads": 4}
    positions = {"num_key_value_heads": 2, "max_position_embeddings": 512, "rope_theta": 5000.0}
    return LlamaConfig(**(sizes | positions | {"initializer_range": 0.3} | others))
