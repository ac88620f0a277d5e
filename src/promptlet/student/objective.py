"""What training computes: the loss of a batch, its gradients, and the loss of held-out samples."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import numpy as np
import torch
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.nn.functional import cross_entropy
from torch.nn.parallel import DistributedDataParallel

from promptlet.student.config import LoopConfig
from promptlet.student.data import Batch, Encoded, make_batch, plan_epoch
from promptlet.student.processes import Processes


class Objective(torch.nn.Module):
    """The sum of a batch's losses. B samples, T tokens, D values, N learned positions, V tokens of the vocabulary."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.model = model
        self._loss = _summed_loss

    def forward(self, ids_BT: torch.Tensor, places_N: torch.Tensor, targets_N: torch.Tensor) -> torch.Tensor:
        hidden_BTD = self.model.base_model(input_ids=ids_BT, use_cache=False).last_hidden_state
        # The vocabulary is the widest part of a small model: only positions that are learned pass through it.
        learned_ND = hidden_BTD.flatten(0, 1).index_select(0, places_N)
        return self._loss(self.model.get_output_embeddings(), learned_ND, targets_N)

    def compile_parts(self) -> None:
        """Compile the layers and the loss: most of the work, ready in a fraction of the time that all of it takes."""
        compile_layers(self.model)
        # One pass over the logits, which are larger than all else, instead of six.
        self._loss = torch.compile(_summed_loss, dynamic=True)


def _summed_loss(output: torch.nn.Module, learned_ND: torch.Tensor, targets_N: torch.Tensor) -> torch.Tensor:
    logits_NV = output(learned_ND)
    return cross_entropy(logits_NV.float(), targets_N, reduction="sum")


def compile_layers(model: Any, dynamic: bool = True) -> None:
    """Compile the layers of a transformers model one by one: they share one graph, for all widths if it is dynamic."""
    layers = set(model._no_split_modules)
    for module in model.modules():
        if type(module).__name__ in layers:
            module.compile(dynamic=dynamic)


def add_gradients(
    objective: torch.nn.Module,
    data: Encoded,
    groups: Sequence[np.ndarray],
    pad: int,
    processes: Processes,
    config: LoopConfig,
) -> torch.Tensor:
    """Add up the gradients of a step's groups, this process's rows of each; return the mean loss per learned token."""
    learned = sum(data.learned(indices) for indices in groups)
    total = torch.zeros((), device=processes.device)
    for index, indices in enumerate(groups):
        # A group with fewer rows than processes: the others take its first row, and learn nothing from it.
        own = indices[processes.rank :: processes.world]
        batch = make_batch(data, own if len(own) else indices[:1], pad).to(processes.device)
        if not len(own):
            batch = Batch(batch.ids_BT, batch.places_N[:0], batch.targets_N[:0])
        with _unsynced(objective, index < len(groups) - 1), _attending(processes.device):
            with _autocast(processes.device, config):
                loss = _apply(objective, batch)
            # Processes' gradients are averaged, and are to be added.
            (loss * (processes.world / learned)).backward()  # type: ignore[no-untyped-call]
        total += loss.detach()
    return processes.sum(total) / learned


def _attending(device: torch.device) -> AbstractContextManager[None]:
    """Leave out cuDNN's attention: it plans anew for every width (on an H100 a step of 512 takes 59 ms with it, 51
    without)."""
    if device.type != "cuda":
        return nullcontext()
    kernel: AbstractContextManager[None] = sdpa_kernel(
        [SDPBackend.FLASH_ATTENTION, SDPBackend.EFFICIENT_ATTENTION, SDPBackend.MATH]
    )
    return kernel


def _unsynced(objective: torch.nn.Module, more: bool) -> AbstractContextManager[None]:
    """Put off exchanging gradients while more groups come."""
    if more and isinstance(objective, DistributedDataParallel):
        return objective.no_sync()
    return nullcontext()


@torch.no_grad()
def evaluate_loss(model: Any, data: Encoded, rows: int, config: LoopConfig, pad: int) -> float:
    """Return the mean loss per learned token over all of `data`, `rows` samples at a time, with dropout off."""
    objective, device = Objective(model.eval()), next(model.parameters()).device
    total = 0.0
    for indices in plan_epoch(data.lengths, rows, seed=0, epoch=0):
        with _autocast(device, config):
            total += _apply(objective, make_batch(data, indices, pad).to(device)).item()
    return total / max(1, data.learned(np.arange(len(data))))


def _apply(objective: torch.nn.Module, batch: Batch) -> torch.Tensor:
    loss: torch.Tensor = objective(batch.ids_BT, batch.places_N, batch.targets_N)
    return loss


def _autocast(device: torch.device, config: LoopConfig) -> torch.autocast:
    wanted = "bfloat16" if config.precision == "auto" and device.type == "cuda" else config.precision
    return torch.autocast(device.type, torch.bfloat16, enabled=wanted == "bfloat16")
