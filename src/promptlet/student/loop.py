"""The training loop: next-token prediction on prompts, read from top to bottom.

AdamW or Muon, linear warm-up, cosine decay to a tenth, gradient clipping; bf16 autocast and a compiled model on a
GPU; torchrun's processes share each step's samples. On a CPU a killed and resumed run gives bitwise the same losses
as one that never stopped, if both have as many threads: whatever chance a step needs comes from the seed and the
step's number.
"""

from __future__ import annotations

import math
import random
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from torch.nn.parallel import DistributedDataParallel

from promptlet.errors import RunError
from promptlet.io.atomic import recover_folder, value_digest
from promptlet.student.checkpoint import Position, State
from promptlet.student.config import LoopConfig
from promptlet.student.data import Encoded, stream_groups
from promptlet.student.interruption import interrupts_put_off
from promptlet.student.log import Log
from promptlet.student.names import BEST, CHECKPOINT
from promptlet.student.objective import Objective, add_gradients
from promptlet.student.optimizers import Average, make_optimizers
from promptlet.student.preview import Preview
from promptlet.student.processes import Processes, joined

_EXPLODED = 3.0
"""A loss so many times that of guessing among all tokens will not come down again."""


@dataclass(frozen=True)
class Outcome:
    """What training came to."""

    steps: int
    tokens: int
    seconds: float
    best_loss: float


def train(
    model: Any,
    training: Encoded,
    validation: Encoded,
    config: LoopConfig,
    pad: int,
    seed: int,
    folder: Path,
    preview: Preview | None = None,
) -> Outcome:
    """Train a transformers causal language model, going on from what `folder` holds, and return what it came to.

    `folder` gets ``checkpoint/`` (to resume), ``best/`` (the weights with the lowest held-out loss, as a Hugging Face
    folder), ``metrics.jsonl``, ``previews.jsonl`` and TensorBoard events. Started by torchrun, all processes call
    this; the first one writes.

    Raises:
        RunError: if the loss explodes, memory or disk runs out; the last good checkpoint stays, if there is one.
    """
    with (
        joined() as processes,
        _explaining(folder, config),
        interrupts_put_off(processes.world == 1) as interrupted,
    ):
        run = value_digest({"loop": config.model_dump(), "seed": seed, "samples": [training.digest, validation.digest]})
        work = _Work(model, training, config, pad, seed, run, processes, folder)
        state, position = work.state, work.position
        start, resumed_at = time.monotonic() - position.seconds, position.step
        with Log(folder, config, position, processes) if processes.first else nullcontext() as log:
            last: _Step | None = None
            while position.step < config.steps:
                step = work.compute()
                # A GPU is asked for what it has done only when it has more to do: it never waits for the next step.
                if last:
                    _finish(work, last, log, time.monotonic() - start)
                due = (ending := interrupted()) or position.step % config.checkpoint_every == 0
                if due and position.step > resumed_at:
                    work.read(step)  # the loss that these weights give: now they are known to be sound
                    if log:
                        log.save(state, position, time.monotonic() - start)
                if ending:
                    raise KeyboardInterrupt
                work.update(step)
                if position.step == config.steps or position.step % config.evaluate_every == 0:
                    work.read(step)  # weights that are no numbers have nothing to say
                    if log:
                        step.found |= log.evaluate(state, validation, pad, preview, position)
                last = step
            if last:
                _finish(work, last, log, time.monotonic() - start)
            if log and position.step > resumed_at:
                log.save(state, position, time.monotonic() - start)
        # While the processes are connected: who lets go of a Gloo group last may wait for it forever (PyTorch 2.13).
        del work
        position.seconds = time.monotonic() - start  # the log keeps them, and only one process has it
        return Outcome(position.step, position.tokens, position.seconds, position.best_loss)


class _LossError(RunError):
    """The loss exploded."""


@dataclass
class _Step:
    """A step: its loss and the norm of its gradient, which may still be on their way, and what was found after it."""

    number: int
    loss: torch.Tensor
    norm: torch.Tensor
    rate: float
    groups: Sequence[tuple[int, int, np.ndarray]]
    """The samples: epoch, next group, and indices."""
    found: dict[str, float] = field(default_factory=dict)


class _Work:
    """What steps change: the weights, the optimizers, and how far both have come; begun, or resumed from a folder."""

    def __init__(
        self,
        model: Any,
        data: Encoded,
        config: LoopConfig,
        pad: int,
        seed: int,
        run: str,
        processes: Processes,
        folder: Path,
    ) -> None:
        self.data, self.config, self.pad, self.seed, self.processes = data, config, pad, seed, processes
        model.to(processes.device).train()
        average = Average(model, config.ema) if config.ema else None
        self.state = State(model, make_optimizers(model, config), average, run)
        self.position = _resume(self.state, folder, processes)
        self._limit = _EXPLODED * math.log(model.config.vocab_size)
        self._objective = _spread(Objective(model), config, processes)
        self._stream = stream_groups(data, config.group, seed, self.position.epoch, self.position.group)

    def compute(self) -> _Step:
        """Compute the gradients of the next samples, clipped."""
        step = self.position.step
        groups = [next(self._stream) for _ in range(self.config.accumulate)]
        torch.manual_seed(random.Random(f"{self.seed}:{step}:{self.processes.rank}").getrandbits(63))
        samples = [indices for _, _, indices in groups]
        loss = add_gradients(self._objective, self.data, samples, self.pad, self.processes, self.config)
        norm = torch.nn.utils.clip_grad_norm_(self.state.model.parameters(), self.config.clip)
        return _Step(step + 1, loss, norm, learning_rate(self.config, step), groups)

    def read(self, step: _Step) -> dict[str, float]:
        """Return what there is to say of a step.

        Raises:
            _LossError: if its loss is no number below the limit, or its gradient none at all.
        """
        loss, norm = step.loss.item(), step.norm.item()
        if not (loss < self._limit and math.isfinite(norm)):
            raise _LossError(
                f"the loss is {loss:.4g} and its gradient {norm:.4g} at step {step.number}; lower the learning rate"
            )
        return {"step": step.number, "loss": loss, "learning_rate": step.rate, "norm": norm} | step.found

    def update(self, step: _Step) -> None:
        """Change the weights by their gradients, forget these, and count the step."""
        for optimizer in self.state.optimizers:
            for settings in optimizer.param_groups:
                settings["lr"] = step.rate
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
        position = self.position
        position.epoch, position.group, _ = step.groups[-1]
        position.step += 1
        position.tokens += sum(int(self.data.lengths[indices].sum()) for _, _, indices in step.groups)
        if self.state.average:
            self.state.average.update(self.state.model, position.step)


def _finish(work: _Work, step: _Step, log: Log | None, seconds: float) -> None:
    """Check a step in all processes, and record it in the first."""
    metrics = work.read(step)
    if log:
        log.append(metrics, work.position, seconds)


def learning_rate(config: LoopConfig, step: int) -> float:
    """Return the rate of a step (counted from 0): linear warm-up, then a cosine down to a tenth."""
    if step < config.warmup:
        return config.learning_rate * (step + 1) / config.warmup
    share = (step - config.warmup) / max(1, config.steps - config.warmup)
    return config.learning_rate * (0.1 + 0.45 * (1 + math.cos(math.pi * share)))


def _spread(objective: Objective, config: LoopConfig, processes: Processes) -> torch.nn.Module:
    if config.compile and processes.device.type == "cuda":
        objective.compile_parts()
    return DistributedDataParallel(objective) if processes.world > 1 else objective


def _resume(state: State, folder: Path, processes: Processes) -> Position:
    if processes.first:
        # The best weights too: a GPU may find them no better a second time, and then does not write them again.
        for name in (CHECKPOINT, BEST):
            recover_folder(folder / name)
    processes.wait()
    position = state.load(folder / CHECKPOINT) or Position()
    processes.wait()
    return position


@contextmanager
def _explaining(folder: Path, config: LoopConfig) -> Iterator[None]:
    """Turn what the machine lacks into one line, and say what is left of a training that failed."""
    try:
        yield
    except _LossError as error:
        raise RunError(f"{error}{_kept(folder)}") from error
    except (OSError, SafetensorError) as error:  # the latter is how safetensors says that a disk is full
        why = getattr(error, "strerror", None) or error
        raise RunError(f"can't write to {folder}: {why}{_kept(folder)}") from error
    except RuntimeError as error:
        if not isinstance(error, torch.OutOfMemoryError) and "can't allocate memory" not in str(error):
            raise
        raise RunError(
            f"out of memory with {config.group} samples at once; "
            f"raise train.loop.accumulate (now {config.accumulate}){_kept(folder)}"
        ) from error


def _kept(folder: Path) -> str:
    return "; the last good checkpoint is kept" if (folder / CHECKPOINT).exists() else ""
