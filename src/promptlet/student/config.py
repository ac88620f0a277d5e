"""Settings of students and of their training, free of torch so that recipes load without it."""

from __future__ import annotations

from dataclasses import dataclass

from pydantic import BaseModel, ConfigDict, Field


@dataclass(frozen=True)
class Preset:
    """Depth, heads and width of a GPT-2."""

    layers: int
    heads: int
    width: int


PRESETS = {
    "tiny": Preset(2, 2, 64),
    "nano": Preset(6, 8, 256),
    "mini": Preset(8, 8, 512),
    "gpt2-104m": Preset(12, 12, 768),
}
"""`gpt2-104m` with 25,600 tokens is the paper's model (section 3.3); `tiny` is for tests."""


class LoopConfig(BaseModel):
    """The settings of training."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    steps: int = Field(default=2000, ge=1, le=10_000_000)
    batch_tokens: int = Field(default=4096, ge=128, le=10_000_000)
    """Tokens per optimizer step, padding included."""
    learning_rate: float = Field(default=1e-3, gt=0, le=1)
    warmup: int = Field(default=100, ge=0)
    """Steps until the full learning rate."""
    weight_decay: float = Field(default=0.1, ge=0, le=1)
    betas: tuple[float, float] = (0.9, 0.95)
    clip: float = Field(default=1.0, gt=0)
    """Largest norm of the gradient."""
    evaluate_every: int = Field(default=200, ge=1)
    checkpoint_every: int = Field(default=100, ge=1)
