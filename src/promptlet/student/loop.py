"""The training loop: next-token prediction on prompts, read from top to bottom.

AdamW with decoupled weight decay on matrices, linear warm-up, cosine decay to a tenth, gradient clipping; bf16
autocast on a GPU. On a CPU a killed and resumed run gives bitwise the same losses as one that never stopped.
"""

from __future__ import annotations

import json
import math
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch.nn.functional import cross_entropy
from torch.utils.tensorboard import SummaryWriter

from promptlet.errors import RunError
from promptlet.io.atomic import replacing_folder, write_text
from promptlet.io.journal import Journal
from promptlet.progress import metering
from promptlet.student.checkpoint import Position, load_checkpoint, save_checkpoint
from promptlet.student.config import LoopConfig
from promptlet.student.data import IGNORED, Batch, Encoded, batches_from, make_batch, plan_epoch


@dataclass(frozen=True)
class Outcome:
    """What training came to."""

    steps: int
    tokens: int
    seconds: float
    best_loss: float


def train(
    model: Any, training: Encoded, validation: Encoded, config: LoopConfig, pad: int, seed: int, folder: Path
) -> Outcome:
    """Train `model` in place of what `folder` holds of an earlier run, and return what it came to.

    `folder` gets ``checkpoint/`` (to resume), ``best/`` (the weights with the lowest validation loss, as a Hugging
    Face folder), ``metrics.jsonl`` and TensorBoard events.

    Raises:
        RunError: if the loss is no longer a number; the last good checkpoint stays.
    """
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    model.to(device).train()
    optimizer = _make_optimizer(model, config)
    position = load_checkpoint(folder / "checkpoint", model, optimizer) or Position()
    _forget_after(folder / "metrics.jsonl", position.step)
    stream = batches_from(training, config.batch_tokens, seed, pad, position.epoch, position.batch)
    start = time.monotonic() - position.seconds
    with (
        SummaryWriter(str(folder), purge_step=position.step + 1) as board,
        Journal(folder / "metrics.jsonl") as journal,
        metering("train", "steps", config.steps, position.step) as meter,
    ):
        while position.step < config.steps:
            position.epoch, position.batch, batch = next(stream)
            rate = learning_rate(config, position.step)
            for group in optimizer.param_groups:
                group["lr"] = rate
            loss = _loss(model, batch, device)
            if not math.isfinite(loss.item()):
                raise RunError(f"the loss is {loss.item()} at step {position.step + 1}; lower the learning rate")
            loss.backward()  # type: ignore[no-untyped-call]
            norm = torch.nn.utils.clip_grad_norm_(model.parameters(), config.clip)
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
            position.step += 1
            position.tokens += batch.tokens
            metrics = {"step": position.step, "loss": loss.item(), "learning_rate": rate, "norm": norm.item()}
            last = position.step == config.steps
            if last or position.step % config.evaluate_every == 0:
                metrics["validation_loss"] = evaluate_loss(model, validation, config.batch_tokens, pad, device)
                if metrics["validation_loss"] < position.best_loss:
                    position.best_loss = metrics["validation_loss"]
                    with replacing_folder(folder / "best") as best:
                        model.save_pretrained(best)
            journal.append(metrics)
            for name, value in metrics.items():
                board.add_scalar(name, value, position.step)
            position.seconds = time.monotonic() - start
            if last or position.step % config.checkpoint_every == 0:
                journal.sync()
                save_checkpoint(folder / "checkpoint", model, optimizer, position)
            speed = position.tokens / position.seconds
            meter.advance(note=f"loss {loss.item():.3f}, best held-out {position.best_loss:.3f}, {speed:.0f} tokens/s")
    return Outcome(position.step, position.tokens, position.seconds, position.best_loss)


def learning_rate(config: LoopConfig, step: int) -> float:
    """Return the rate of a step (counted from 0): linear warm-up, then a cosine down to a tenth."""
    if step < config.warmup:
        return config.learning_rate * (step + 1) / config.warmup
    share = (step - config.warmup) / max(1, config.steps - config.warmup)
    return config.learning_rate * (0.1 + 0.45 * (1 + math.cos(math.pi * share)))


@torch.no_grad()
def evaluate_loss(model: Any, data: Encoded, batch_tokens: int, pad: int, device: torch.device) -> float:
    """Return the mean loss per learned token over all of `data`, with dropout off."""
    model.eval()
    total, learned = 0.0, 0
    for indices in plan_epoch(data.lengths, batch_tokens, seed=0, epoch=0):
        batch = make_batch(data, indices, pad)
        count = int((batch.labels_BT != IGNORED).sum())
        total += _loss(model, batch, device).item() * count
        learned += count
    model.train()
    return total / max(1, learned)


def _loss(model: Any, batch: Batch, device: torch.device) -> torch.Tensor:
    ids_BT, labels_BT = batch.ids_BT.to(device), batch.labels_BT.to(device)
    with torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda"):
        hidden_BTD = model.transformer(ids_BT).last_hidden_state
        # The vocabulary is the widest part of a small model: only positions that are learned pass through it.
        targets_BT = labels_BT[:, 1:]
        learned_BT = targets_BT != IGNORED
        logits_NV = model.lm_head(hidden_BTD[:, :-1][learned_BT])
    return cross_entropy(logits_NV.float(), targets_BT[learned_BT])


def _make_optimizer(model: torch.nn.Module, config: LoopConfig) -> torch.optim.Optimizer:
    parameters = list(model.parameters())
    groups = [
        {"params": [p for p in parameters if p.dim() >= 2], "weight_decay": config.weight_decay},
        {"params": [p for p in parameters if p.dim() < 2], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=config.learning_rate, betas=config.betas)


def _forget_after(metrics: Path, step: int) -> None:
    """Drop the lines of steps that a resumed run will do again."""
    if metrics.exists():
        lines = metrics.read_text(encoding="utf-8").splitlines(keepends=True)
        kept = [line for line in lines if line.endswith("\n") and json.loads(line)["step"] <= step]
        write_text(metrics, "".join(kept))
