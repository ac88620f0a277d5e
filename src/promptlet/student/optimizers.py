"""Optimizers: AdamW for all weights, or Muon for the matrices inside the layers and AdamW for the rest."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch.overrides import TorchFunctionMode

from promptlet.student.config import LoopConfig


def make_optimizers(model: torch.nn.Module, config: LoopConfig) -> list[torch.optim.Optimizer]:
    """Return the optimizers that together update every parameter of a causal language model of transformers.

    Weight decay acts on matrices only. Muon (Jordan 2024; `torch.optim.Muon`) makes the updates of a matrix
    orthogonal. Its steps are scaled to the size of AdamW's (Moonshot, arXiv 2502.16982), so that one learning rate
    serves both; token and position embeddings are tables, not maps, and stay with AdamW.
    """
    tables = {id(module.weight) for module in model.modules() if isinstance(module, torch.nn.Embedding)}
    tables.add(id(model.get_output_embeddings().weight))  # type: ignore[operator]
    matrices = [p for p in model.parameters() if p.dim() >= 2]
    vectors = [p for p in model.parameters() if p.dim() < 2]
    if config.optimizer == "adamw":
        return [_adamw(matrices, vectors, config)]
    inner = [p for p in matrices if p.dim() == 2 and id(p) not in tables]
    muon = _Muon(
        inner,
        lr=config.learning_rate,
        weight_decay=config.weight_decay,
        momentum=config.momentum,
        adjust_lr_fn="match_rms_adamw",
    )
    chosen = {id(p) for p in inner}
    return [muon, _adamw([p for p in matrices if id(p) not in chosen], vectors, config)]


class _Muon(torch.optim.Muon):
    """Muon that computes in the weights' precision on a CPU, and on a GPU in torch's, which is bfloat16.

    CPUs without AVX512-BF16 only emulate bfloat16: with AVX2 alone a step of `nano` took 21 seconds, and takes 3.
    """

    def step(self, closure: Any = None) -> Any:
        if self.param_groups[0]["params"][0].device.type != "cpu":
            return super().step(closure)  # type: ignore[no-untyped-call]
        with _Unrounded():
            return super().step(closure)  # type: ignore[no-untyped-call]


class _Unrounded(TorchFunctionMode):
    """Within it, `Tensor.bfloat16` copies a tensor as it is."""

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        return args[0].clone() if func is torch.Tensor.bfloat16 else func(*args, **(kwargs or {}))


def _adamw(
    matrices: list[torch.nn.Parameter], vectors: list[torch.nn.Parameter], config: LoopConfig
) -> torch.optim.Optimizer:
    groups = [
        {"params": matrices, "weight_decay": config.weight_decay},
        {"params": vectors, "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=config.learning_rate, betas=config.betas, fused=True)


class Average:
    """The exponential moving average of a model's weights."""

    def __init__(self, model: torch.nn.Module, decay: float) -> None:
        self.decay = decay
        self.weights = {name: parameter.detach().clone() for name, parameter in model.named_parameters()}

    def update(self, model: torch.nn.Module, step: int) -> None:
        """Take in the weights after a step, counted from 1; early ones count more, so that the start is forgotten."""
        kept = min(self.decay, step / (step + 9))
        new = [parameter.detach() for _, parameter in model.named_parameters()]
        torch._foreach_lerp_(list(self.weights.values()), new, 1 - kept)
