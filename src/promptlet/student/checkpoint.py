"""Checkpoints: everything a run needs to go on as if it had never stopped, in safetensors and JSON, never pickle.

A checkpoint is a folder, replaced as a whole: the old one stays until the new one is complete.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from promptlet.errors import RunError
from promptlet.io.atomic import recover_folder, replacing_folder, write_json

_WEIGHTS, _OPTIMIZER, _POSITION = "weights.safetensors", "optimizer.safetensors", "position.json"
_RANDOM = "random state"


@dataclass
class Position:
    """How far training has come: optimizer steps, place in the data, and the best validation loss so far."""

    step: int = 0
    epoch: int = 0
    batch: int = 0
    tokens: int = 0
    seconds: float = 0.0
    best_loss: float = float("inf")


def save_checkpoint(folder: Path, model: torch.nn.Module, optimizer: torch.optim.Optimizer, position: Position) -> None:
    """Write a checkpoint atomically."""
    moments = {
        f"{name}/{key}": value.contiguous()
        for name, parameter in model.named_parameters()
        for key, value in optimizer.state[parameter].items()
    }
    with replacing_folder(folder) as temporary:
        save_file({name: parameter.data for name, parameter in model.named_parameters()}, temporary / _WEIGHTS)
        save_file(moments | {_RANDOM: torch.get_rng_state()}, temporary / _OPTIMIZER)
        write_json(temporary / _POSITION, asdict(position))


def load_checkpoint(folder: Path, model: torch.nn.Module, optimizer: torch.optim.Optimizer) -> Position | None:
    """Put a checkpoint back into model, optimizer and torch's random state; None where there is none.

    Raises:
        RunError: if it is torn, or belongs to another model.
    """
    recover_folder(folder)
    if not folder.exists():
        return None
    try:
        weights = load_file(folder / _WEIGHTS)
        moments = load_file(folder / _OPTIMIZER)
        position = Position(**json.loads((folder / _POSITION).read_text(encoding="utf-8")))
        torch.set_rng_state(moments.pop(_RANDOM))
        _restore(model, optimizer, weights, moments)
    except (OSError, ValueError, KeyError, TypeError, RuntimeError, SafetensorError) as error:
        raise RunError(f"the checkpoint {folder} can't be used: {error}; delete it to begin again") from error
    return position


def _restore(
    model: torch.nn.Module,
    optimizer: torch.optim.Optimizer,
    weights: dict[str, torch.Tensor],
    moments: dict[str, torch.Tensor],
) -> None:
    parameters = dict(model.named_parameters())
    if parameters.keys() != weights.keys():
        raise ValueError("it was made by another model")
    with torch.no_grad():
        for name, parameter in parameters.items():
            if parameter.shape != weights[name].shape:
                raise ValueError(f"{name} has shape {tuple(weights[name].shape)}, not {tuple(parameter.shape)}")
            parameter.copy_(weights[name])
    for key, value in moments.items():
        name, _, field = key.rpartition("/")
        parameter = parameters[name]
        optimizer.state[parameter][field] = value if field == "step" else value.to(parameter.device)
