"""What training writes: metrics, previews, TensorBoard events, checkpoints and the best weights."""

from __future__ import annotations

import copy
import json
import math
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path

import torch
from torch.utils.tensorboard import SummaryWriter

from promptlet.errors import RunError
from promptlet.io.atomic import replacing_folder, write_text
from promptlet.io.journal import Journal
from promptlet.progress import metering
from promptlet.student.checkpoint import Position, State
from promptlet.student.config import LoopConfig
from promptlet.student.data import Encoded
from promptlet.student.names import BEST, CHECKPOINT, METRICS, PREVIEWS
from promptlet.student.objective import evaluate_loss
from promptlet.student.preview import Preview
from promptlet.student.processes import Processes


class Log:
    """What the first process writes: metrics, previews, TensorBoard events, checkpoints and the best weights."""

    def __init__(self, folder: Path, config: LoopConfig, position: Position, processes: Processes) -> None:
        self.folder, self.config = folder, config
        # One process evaluates, and has room for as many samples as it trains on.
        self._rows = processes.share(config.group)
        for name in (METRICS, PREVIEWS):
            _forget_after(folder / name, position.step)
        with ExitStack() as stack:
            self.board = stack.enter_context(SummaryWriter(str(folder), purge_step=position.step + 1))
            self.metrics = stack.enter_context(Journal(folder / METRICS))
            self.previews = stack.enter_context(Journal(folder / PREVIEWS))
            self.meter = stack.enter_context(metering("train", "steps", config.steps, position.step))
            self._stack = stack.pop_all()

    def __enter__(self) -> Log:
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
        best = f"best held-out {position.best_loss:.3f}, " if math.isfinite(position.best_loss) else ""
        self.meter.advance(note=f"loss {metrics['loss']:.3f}, {best}{speed:.0f} tokens/s")

    def evaluate(
        self, state: State, validation: Encoded, pad: int, preview: Preview | None, position: Position
    ) -> dict[str, float]:
        """Return the held-out metrics of the weights, or of their mean; save them if they are the best so far."""
        model = copy.deepcopy(state.model)
        if state.average:
            with torch.no_grad():
                for name, parameter in model.named_parameters():
                    parameter.copy_(state.average.weights[name])
        metrics = {"validation_loss": evaluate_loss(model, validation, self._rows, self.config, pad)}
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


def _forget_after(journal: Path, step: int) -> None:
    """Drop the lines of steps that a resumed run will do again."""
    if journal.exists():
        kept = []
        # Bytes that are no text spoil their line alone.
        for number, line in enumerate(journal.read_text(encoding="utf-8", errors="replace").split("\n")[:-1], start=1):
            try:
                if json.loads(line)["step"] <= step:
                    kept.append(f"{line}\n")
            except (ValueError, KeyError, TypeError) as error:
                raise RunError(
                    f"{journal}, line {number}, is none of a step: {line[:60]!r}; delete it and run again to go on"
                ) from error
        write_text(journal, "".join(kept))
