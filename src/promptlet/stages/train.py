"""Stage 6, train: a student from scratch on the encoded samples."""

from __future__ import annotations

import shutil
from typing import Any

from pydantic import Field, field_validator

from promptlet.errors import MissingExtraError, RunError, UsageError
from promptlet.io.atomic import replacing_folder
from promptlet.registry import unknown
from promptlet.stages.base import Context, Stage, StageConfig
from promptlet.student.config import PRESETS, LoopConfig
from promptlet.student.format import TOKENIZER
from promptlet.tokenizer import END


class TrainConfig(StageConfig):
    """The student's size and how it is trained."""

    preset: str = "nano"
    context: int = Field(default=128, ge=32, le=1024)
    """Most tokens in a sequence."""
    dropout: float = Field(default=0.1, ge=0, lt=1)
    loop: LoopConfig = LoopConfig()

    @field_validator("preset")
    @classmethod
    def _known(cls, name: str) -> str:
        if name not in PRESETS:
            raise ValueError(unknown("preset", name, PRESETS))
        return name


class TrainStage(Stage):
    """Writes the best weights as a Hugging Face folder, metrics, and checkpoints to resume from."""

    name = "train"
    inputs = ("tokenize",)
    Config = TrainConfig

    def run(self, config: TrainConfig, context: Context) -> dict[str, Any]:
        try:
            import torch
        except ImportError as error:
            raise MissingExtraError("training", "train", "torch") from error
        from tokenizers import Tokenizer

        from promptlet.student.data import Encoded, padding_share
        from promptlet.student.loop import train
        from promptlet.student.model import make_model

        source = context.inputs["tokenize"]
        tokenizer = Tokenizer.from_file(str(source / TOKENIZER))
        end_id = tokenizer.token_to_id(END)
        assert end_id is not None, source
        training, validation = (Encoded.read(source / f"{split}.parquet") for split in ("train", "validation"))
        if not len(training) or not len(validation):
            raise RunError(
                f"{len(training)} samples to train on and {len(validation)} to validate with; both need some"
            )
        longest = int(max(training.lengths.max(), validation.lengths.max()))
        if longest > config.context:
            raise UsageError(f"train.context is {config.context}; the longest sample has {longest} tokens")
        torch.manual_seed(context.head.seed)
        model = make_model(config.preset, tokenizer.get_vocab_size(), config.context, config.dropout, end_id)
        outcome = train(model, training, validation, config.loop, end_id, context.head.seed, context.folder)
        with replacing_folder(context.folder / "model") as folder:
            shutil.copytree(context.folder / "best", folder, dirs_exist_ok=True)
        return {
            "parameters": sum(parameter.numel() for parameter in model.parameters()),
            "steps": outcome.steps,
            "tokens": outcome.tokens,
            "tokens per second": round(outcome.tokens / outcome.seconds),
            "padding": round(padding_share(training, config.loop.batch_tokens), 4),
            "best held-out loss": round(outcome.best_loss, 4),
        }


STAGE = TrainStage
