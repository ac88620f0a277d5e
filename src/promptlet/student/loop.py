"""The training loop: next-token prediction on prompts, read from top to bottom.

AdamW or Muon, linear warm-up, cosine decay to a tenth, gradient clipping; bf16 autocast and a compiled model on a
GPU; torchrun's processes share each step's samples. On a CPU a killed and resumed run gives bitwise the same losses
as one that never stopped, if both have as many threads: whatever chance a step needs comes from the seed and the
step's number.
"""

from __future__ import annotations

import copy
import json
import math
import random
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.nn.functional import cross_entropy
from torch.nn.parallel import DistributedDataParallel
from torch.utils.tensorboard import SummaryWriter

from promptlet.errors import RunError
from promptlet.io.atomic import recover_folder, replacing_folder, value_digest, write_text
from promptlet.io.journal import Journal
from promptlet.progress import metering
from promptlet.student.checkpoint import Position, State
from promptlet.student.config import LoopConfig
from promptlet.student.data import Batch, Encoded, make_batch, plan_epoch, stream_groups
from promptlet.student.optimizers import Average, make_optimizers
from promptlet.student.preview import Preview
from promptlet.student.processes import Processes, joined

CHECKPOINT, BEST, METRICS, PREVIEWS = "checkpoint", "best", "metrics.jsonl", "previews.jsonl"
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
        RunError: if the loss explodes, memory or disk runs out; the last good checkpoint stays.
    """
    with joined() as processes, _explaining(folder, config):
        device = processes.device
        model.to(device).train()
        optimizers = make_optimizers(model, config)
        average = Average(model, config.ema) if config.ema else None
        run = value_digest({"loop": config.model_dump(), "seed": seed, "samples": [training.digest, validation.digest]})
        state = State(model, optimizers, average, run)
        position = _resume(state, folder, processes)
        objective = _spread(Objective(model), config, processes)
        limit = _EXPLODED * math.log(model.config.vocab_size)
        stream = stream_groups(training, config.group, seed, position.epoch, position.group)
        start, resumed_at = time.monotonic() - position.seconds, position.step
        with _Log(folder, config, position) if processes.first else nullcontext() as log:
            last: _Step | None = None
            while position.step < config.steps:
                groups = [next(stream) for _ in range(config.accumulate)]
                samples = [indices for _, _, indices in groups]
                torch.manual_seed(random.Random(f"{seed}:{position.step}:{processes.rank}").getrandbits(63))
                loss = add_gradients(objective, training, samples, pad, processes, config)
                norm = torch.nn.utils.clip_grad_norm_(model.parameters(), config.clip)
                step = _Step(position.step + 1, loss, norm, learning_rate(config, position.step))
                # A GPU is asked for what it has done only when it has more to do: it never waits for the next step.
                if last:
                    _finish(last, log, limit, position, time.monotonic() - start)
                if position.step > resumed_at and position.step % config.checkpoint_every == 0:
                    step.read(limit)  # the loss that these weights give: now they are known to be sound
                    if log:
                        log.save(state, position, time.monotonic() - start)
                for optimizer in optimizers:
                    for settings in optimizer.param_groups:
                        settings["lr"] = step.rate
                    optimizer.step()
                    optimizer.zero_grad(set_to_none=True)
                position.epoch, position.group, _ = groups[-1]
                position.step += 1
                position.tokens += sum(int(training.lengths[indices].sum()) for indices in samples)
                if average:
                    average.update(model, position.step)
                if log and (position.step == config.steps or position.step % config.evaluate_every == 0):
                    step.found |= log.evaluate(state, validation, pad, preview, position)
                last = step
            if last:
                _finish(last, log, limit, position, time.monotonic() - start)
            if log and position.step > resumed_at:
                log.save(state, position, time.monotonic() - start)
        # While the processes are connected: who lets go of a Gloo group last may wait for it forever (PyTorch 2.13).
        del objective
        return Outcome(position.step, position.tokens, position.seconds, position.best_loss)


@dataclass
class _Step:
    """A step: its loss and the norm of its gradient, which may still be on their way, and what was found after it."""

    number: int
    loss: torch.Tensor
    norm: torch.Tensor
    rate: float
    found: dict[str, float] = field(default_factory=dict)

    def read(self, limit: float) -> dict[str, float]:
        """Return what there is to say of the step.

        Raises:
            RunError: if its loss is no number below `limit`, or its gradient none at all.
        """
        loss, norm = self.loss.item(), self.norm.item()
        if not (loss < limit and math.isfinite(norm)):
            raise RunError(
                f"the loss is {loss:.4g} and its gradient {norm:.4g} at step {self.number}; "
                f"lower the learning rate. The last good checkpoint is kept"
            )
        return {"step": self.number, "loss": loss, "learning_rate": self.rate, "norm": norm} | self.found


def _finish(step: _Step, log: _Log | None, limit: float, position: Position, seconds: float) -> None:
    """Check a step in all processes, and record it in the first."""
    metrics = step.read(limit)
    if log:
        log.append(metrics, position, seconds)


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


def learning_rate(config: LoopConfig, step: int) -> float:
    """Return the rate of a step (counted from 0): linear warm-up, then a cosine down to a tenth."""
    if step < config.warmup:
        return config.learning_rate * (step + 1) / config.warmup
    share = (step - config.warmup) / max(1, config.steps - config.warmup)
    return config.learning_rate * (0.1 + 0.45 * (1 + math.cos(math.pi * share)))


@torch.no_grad()
def evaluate_loss(model: Any, data: Encoded, config: LoopConfig, pad: int) -> float:
    """Return the mean loss per learned token over all of `data`, with dropout off."""
    objective, device = Objective(model.eval()), next(model.parameters()).device
    total = 0.0
    for indices in plan_epoch(data.lengths, config.group, seed=0, epoch=0):
        with _autocast(device, config):
            total += _apply(objective, make_batch(data, indices, pad).to(device)).item()
    return total / max(1, data.learned(np.arange(len(data))))


def _apply(objective: torch.nn.Module, batch: Batch) -> torch.Tensor:
    loss: torch.Tensor = objective(batch.ids_BT, batch.places_N, batch.targets_N)
    return loss


def _autocast(device: torch.device, config: LoopConfig) -> torch.autocast:
    wanted = "bfloat16" if config.precision == "auto" and device.type == "cuda" else config.precision
    return torch.autocast(device.type, torch.bfloat16, enabled=wanted == "bfloat16")


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
    for place, indices in enumerate(groups):
        # A group with fewer rows than processes: the others take its first row, and learn nothing from it.
        own = indices[processes.rank :: processes.world]
        batch = make_batch(data, own if len(own) else indices[:1], pad).to(processes.device)
        if not len(own):
            batch = Batch(batch.ids_BT, batch.places_N[:0], batch.targets_N[:0])
        with _unsynced(objective, place < len(groups) - 1), _attending(processes.device):
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


def _spread(objective: Objective, config: LoopConfig, processes: Processes) -> torch.nn.Module:
    if config.compile and processes.device.type == "cuda":
        objective.compile_parts()
    return DistributedDataParallel(objective) if processes.world > 1 else objective


def compile_layers(model: Any, dynamic: bool = True) -> None:
    """Compile the layers of a transformers model one by one: they share one graph, for all widths if it is dynamic."""
    layers = set(model._no_split_modules)
    for module in model.modules():
        if type(module).__name__ in layers:
            module.compile(dynamic=dynamic)


def _resume(state: State, folder: Path, processes: Processes) -> Position:
    if processes.first:
        recover_folder(folder / CHECKPOINT)
    processes.wait()
    position = state.load(folder / CHECKPOINT) or Position()
    processes.wait()
    return position


class _Log:
    """What the first process writes: metrics, previews, TensorBoard events, checkpoints and the best weights."""

    def __init__(self, folder: Path, config: LoopConfig, position: Position) -> None:
        self.folder, self.config = folder, config
        for name in (METRICS, PREVIEWS):
            _forget_after(folder / name, position.step)
        with ExitStack() as stack:
            self.board = stack.enter_context(SummaryWriter(str(folder), purge_step=position.step + 1))
            self.metrics = stack.enter_context(Journal(folder / METRICS))
            self.previews = stack.enter_context(Journal(folder / PREVIEWS))
            self.meter = stack.enter_context(metering("train", "steps", config.steps, position.step))
            self._stack = stack.pop_all()

    def __enter__(self) -> _Log:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def append(self, metrics: Mapping[str, float], position: Position, seconds: float) -> None:
        """Record a step."""
        self.metrics.append(dict(metrics))
        position.seconds = seconds
        speed = position.tokens / seconds
        for name, value in (*metrics.items(), ("tokens_per_second", speed)):
            self.board.add_scalar(name, value, position.step)
        self.meter.advance(
            note=f"loss {metrics['loss']:.3f}, best held-out {position.best_loss:.3f}, {speed:.0f} tokens/s"
        )

    def evaluate(
        self, state: State, validation: Encoded, pad: int, preview: Preview | None, position: Position
    ) -> dict[str, float]:
        """Return the held-out metrics of the weights, or of their mean; save them if they are the best so far."""
        model = copy.deepcopy(state.model)
        if state.average:
            with torch.no_grad():
                for name, parameter in model.named_parameters():
                    parameter.copy_(state.average.weights[name])
        metrics = {"validation_loss": evaluate_loss(model, validation, self.config, pad)}
        if metrics["validation_loss"] < position.best_loss:
            position.best_loss = metrics["validation_loss"]
            with replacing_folder(self.folder / BEST) as best:
                model.save_pretrained(best)
        if preview:
            errors, texts = preview.look(model)
            metrics |= errors
            for text in texts:
                self.previews.append({"step": position.step} | text)
                self.board.add_text(text["wish"], text["text"], position.step)
        return metrics

    def save(self, state: State, position: Position, seconds: float) -> None:
        """Write a checkpoint, after everything that it makes certain."""
        position.seconds = seconds
        self.metrics.sync()
        self.previews.sync()
        state.save(self.folder / CHECKPOINT, position)


@contextmanager
def _explaining(folder: Path, config: LoopConfig) -> Iterator[None]:
    """Turn what the machine lacks into one line."""
    try:
        yield
    except (OSError, SafetensorError) as error:  # the latter is how safetensors says that a disk is full
        why = getattr(error, "strerror", None) or error
        raise RunError(f"can't write to {folder}: {why}; the last good checkpoint is kept") from error
    except RuntimeError as error:
        if not isinstance(error, torch.OutOfMemoryError) and "can't allocate memory" not in str(error):
            raise
        raise RunError(
            f"out of memory with {config.group} samples at once; "
            f"raise train.loop.accumulate (now {config.accumulate}). The last good checkpoint is kept"
        ) from error


def _forget_after(journal: Path, step: int) -> None:
    """Drop the lines of steps that a resumed run will do again."""
    if journal.exists():
        lines = journal.read_text(encoding="utf-8").splitlines(keepends=True)
        kept = [line for line in lines if line.endswith("\n") and json.loads(line)["step"] <= step]
        write_text(journal, "".join(kept))
