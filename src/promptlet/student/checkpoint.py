"""Checkpoints: everything a run needs to go on as if it had never stopped, in safetensors and JSON, never pickle.

A checkpoint is a folder, replaced as a whole: the old one stays until the new one is complete.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from promptlet.errors import RunError
from promptlet.io.atomic import file_digest, replacing_folder, write_json
from promptlet.student.optimizers import Average

_WEIGHTS, _MOMENTS, _AVERAGE, _POSITION = (
    "weights.safetensors",
    "optimizer.safetensors",
    "average.safetensors",
    "position.json",
)


@dataclass
class Position:
    """How far training has come: updates of the weights, place in the data, and the best held-out loss so far."""

    step: int = 0
    epoch: int = 0
    group: int = 0
    tokens: int = 0
    seconds: float = 0.0
    best_loss: float = float("inf")


@dataclass(frozen=True)
class State:
    """What training changes, and what identifies the run: a digest of its settings and data."""

    model: Any
    optimizers: Sequence[torch.optim.Optimizer]
    average: Average | None
    run: str

    def save(self, folder: Path, position: Position) -> None:
        """Write a checkpoint atomically.

        Raises:
            OSError, SafetensorError: if it can't be written; the one before it stays.
        """
        parts = {_WEIGHTS: self._weights(), _MOMENTS: self._moments()}
        if self.average:
            parts[_AVERAGE] = self.average.weights
        with replacing_folder(folder) as temporary:
            for name, tensors in parts.items():
                save_file({key: value.contiguous() for key, value in tensors.items()}, temporary / name)
            digests = {name: file_digest(temporary / name) for name in parts}
            write_json(temporary / _POSITION, {"run": self.run, "digests": digests, "position": asdict(position)})

    def load(self, folder: Path) -> Position | None:
        """Put a checkpoint back and return its position; None where there is none.

        Raises:
            RunError: if it is torn, or of another run.
        """
        if not folder.exists():
            return None
        try:
            about = json.loads((folder / _POSITION).read_text(encoding="utf-8"))
            if about["run"] != self.run:
                raise ValueError("it was made with other settings or data")
            for name, digest in about["digests"].items():
                if file_digest(folder / name) != digest:
                    raise ValueError(f"{name} is damaged")
            self._restore(load_file(folder / _WEIGHTS), load_file(folder / _MOMENTS))
            if self.average:
                _copy(load_file(folder / _AVERAGE), self.average.weights)
            return Position(**about["position"])
        except (OSError, ValueError, KeyError, TypeError, SafetensorError) as error:
            raise RunError(f"the checkpoint {folder} can't be used: {error}; delete it to begin again") from error

    def _weights(self) -> dict[str, torch.Tensor]:
        return {name: parameter.data for name, parameter in self.model.named_parameters()}

    def _moments(self) -> dict[str, torch.Tensor]:
        return {
            f"{name}/{key}": value
            for name, parameter in self.model.named_parameters()
            for optimizer in self.optimizers
            for key, value in optimizer.state.get(parameter, {}).items()
        }

    def _restore(self, weights: dict[str, torch.Tensor], moments: dict[str, torch.Tensor]) -> None:
        _copy(weights, self._weights())
        parameters = dict(self.model.named_parameters())
        owners: dict[Any, torch.optim.Optimizer] = {
            parameter: optimizer
            for optimizer in self.optimizers
            for group in optimizer.param_groups
            for parameter in group["params"]
        }
        for key, value in moments.items():
            name, _, field = key.rpartition("/")
            parameter = parameters[name]
            owners[parameter].state[parameter][field] = value.to(parameter.device)


def _copy(source: dict[str, torch.Tensor], target: dict[str, torch.Tensor]) -> None:
    if source.keys() != target.keys():
        raise ValueError("it was made by another model")
    for name, value in target.items():
        if value.shape != source[name].shape:
            raise ValueError(f"{name} has shape {tuple(source[name].shape)}, not {tuple(value.shape)}")
        value.copy_(source[name])
