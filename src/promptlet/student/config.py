"""Settings of students and of their training, free of torch so that recipes load without it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator


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
"""`gpt2-104m` with 25,600 tokens is the paper's model (section 3.3); with 8,192 tokens `nano` has 7 and `mini` 30
million parameters; `tiny` is for tests."""


_Beta = Annotated[float, Field(ge=0, lt=1)]


def defaulting(own: Mapping[str, Any]) -> BeforeValidator:
    """Return what lets settings that are not given be these, and not the usual ones."""
    return BeforeValidator(lambda given: {**own, **given} if isinstance(given, Mapping) else given)


class LoopConfig(BaseModel):
    """The settings of training."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)
    steps: int = Field(default=2000, ge=1, le=10_000_000)
    """Updates of the weights."""
    batch: int = Field(default=64, ge=1, le=1_000_000)
    """Samples per step, over all processes."""
    accumulate: int = Field(default=1, ge=1, le=1_000_000)
    """Groups that a step's samples go through the model in, one after the other. Samples of a group have about the
    same length; more groups take less memory and mix lengths within a step."""
    optimizer: Literal["adamw", "muon"] = "adamw"
    """Muon is for the matrices inside the layers; embeddings, norms and biases stay with AdamW."""
    learning_rate: float = Field(default=1e-3, gt=0, le=1)
    """Its highest; behind the warm-up it falls along a cosine, to a tenth. Muon's steps are scaled to AdamW's size."""
    warmup: int = Field(default=100, ge=0)
    """Steps until the full learning rate."""
    weight_decay: float = Field(default=0.1, ge=0, le=1)
    """Of matrices only."""
    betas: tuple[_Beta, _Beta] = (0.9, 0.95)
    """Of AdamW."""
    momentum: float = Field(default=0.95, ge=0, lt=1)
    """Of Muon."""
    clip: float = Field(default=1.0, gt=0)
    """Largest norm of the gradient."""
    ema: float = Field(default=0.0, ge=0, lt=1)
    """How much of the running mean of the weights a step keeps; the mean is what is evaluated and saved. 0: no mean."""
    precision: Literal["auto", "float32", "bfloat16"] = "auto"
    """What matrices are multiplied in; weights stay floats. auto is bfloat16 on a GPU and float32 on a CPU: only CPUs
    that know bfloat16 (AVX512-BF16, AMX) are quicker with it."""
    compile: bool = True
    """Whether the model's layers are compiled, on a GPU; they share one graph, which takes some 20 s."""
    evaluate_every: int = Field(default=200, ge=1)
    """Steps from one look at the held-out samples to the next; the best weights are kept."""
    checkpoint_every: int = Field(default=100, ge=1)
    """Steps from one checkpoint to the next, from which a killed training goes on."""
    previews: int = Field(default=24, ge=0, le=10_000)
    """Held-out wishes for which the student writes, free running, at every evaluation: their mean length error is
    logged, the first four texts are kept."""

    @property
    def group(self) -> int:
        """Samples that go through the model together, over all processes."""
        return self.batch // self.accumulate

    @model_validator(mode="after")
    def _groups_are_whole(self) -> Self:
        if self.batch % self.accumulate:
            raise ValueError(f"a batch of {self.batch} samples does not divide into {self.accumulate} groups")
        return self
