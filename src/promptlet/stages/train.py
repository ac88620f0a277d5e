"""Stage 7, train: a student on the encoded samples, from scratch or from a pretrained model."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Self

from pydantic import Field, field_validator, model_validator

from promptlet.errors import RunError, UsageError
from promptlet.extras import needing
from promptlet.intents.splits import TRAIN, VALIDATION
from promptlet.io.atomic import copy_folder, file_digest
from promptlet.pretrained import locate_model, model_digest
from promptlet.registry import unknown
from promptlet.stages.base import CommonConfig, Context, Stage, StageConfig, require_training
from promptlet.stages.tokenize import read_codec
from promptlet.student.config import PRESETS, LoopConfig
from promptlet.student.format import check_commands
from promptlet.student.names import BEST, MODEL
from promptlet.tokenizer import Codec

_DROPOUT = 0.1


class TrainConfig(StageConfig):
    """What is trained - one of `preset`, `config` and `pretrained` - and how."""

    preset: str | None = None
    """A size of GPT-2, from scratch; `nano` if nothing else is said."""
    config: str | None = None
    """A folder with the ``config.json`` of any causal language model of transformers, from scratch."""
    pretrained: str | None = None
    """A model to start from: a Hugging Face folder, a student's folder, a GGUF file, or `smollm2`, the packaged
    SmolLM2-135M-Instruct. `tokenize.pretrained` must name it too."""
    context: int = Field(default=128, ge=32, le=8192)
    """Most tokens in a sequence."""
    dropout: float | None = Field(default=None, ge=0, lt=1)
    """Of a preset, 0.1 by default; other models have their own."""
    seed: int | None = Field(default=None, ge=0, lt=2**31, exclude_if=lambda seed: seed is None)
    """Of the weights and the order of samples, to train on the same data again; left out: the recipe's."""
    loop: LoopConfig = LoopConfig()

    @field_validator("preset")
    @classmethod
    def _known(cls, name: str | None) -> str | None:
        if name is not None and name not in PRESETS:
            raise ValueError(unknown("preset", name, PRESETS))
        return name

    @model_validator(mode="after")
    def _one_model(self) -> Self:
        given = [name for name in ("preset", "config", "pretrained") if getattr(self, name) is not None]
        if len(given) > 1:
            raise ValueError(f"{given[0]} and {given[1]} exclude each other")
        if self.dropout is not None and given not in ([], ["preset"]):
            raise ValueError(f"dropout goes with a preset; a {given[0]} has its own")
        return self


class TrainStage(Stage):
    """Writes the best weights as a Hugging Face folder, metrics, and checkpoints to resume from."""

    name = "train"
    inputs = ("tokenize",)
    Config = TrainConfig
    spread = True

    def materials(self, config: TrainConfig) -> dict[str, str]:
        if config.pretrained:
            return {"pretrained": model_digest(locate_model(config.pretrained))}
        return {"config": file_digest(_config_file(config.config))} if config.config else {}

    def require(self, config: TrainConfig, common: CommonConfig) -> None:  # noqa: ARG002
        require_training("training")

    def run(self, config: TrainConfig, context: Context) -> dict[str, Any]:
        with needing("training", "train"):
            import torch

            from promptlet.student.data import Encoded, padding_share
            from promptlet.student.gguf import check_computed
            from promptlet.student.loop import train
            from promptlet.student.preview import Preview

        source = context.inputs["tokenize"]
        codec = read_codec(source)
        training, validation = (Encoded.read(source / f"{split}.parquet") for split in (TRAIN, VALIDATION))
        _check(training, validation, codec, config, source)
        seed = context.common.seed if config.seed is None else config.seed
        torch.manual_seed(seed)
        model = make_student(config, codec)
        check_computed(model.config.to_dict(), config.pretrained or config.config or config.preset or "nano")
        preview = Preview.of(codec, validation, config.loop.previews)
        outcome = train(model, training, validation, config.loop, codec.end_id, seed, context.folder, preview)
        if context.first:
            copy_folder(context.folder / BEST, context.folder / MODEL)
        return {
            "parameters": sum(parameter.numel() for parameter in model.parameters()),
            "context": config.context,
            "steps": outcome.steps,
            "tokens": outcome.tokens,
            "tokens per second": round(outcome.tokens / outcome.seconds),
            "padding": round(padding_share(training, config.loop.group), 4),
            "best held-out loss": round(outcome.best_loss, 4),
        }


def _config_file(name: str) -> Path:
    """Return the ``config.json`` of the folder that a recipe names.

    Raises:
        UsageError: if it is no folder, or holds none.
    """
    file = Path(name) / "config.json"
    if not file.is_file():
        raise UsageError(f"train.config is {name}; a folder that holds a config.json is needed")
    return file


def _check(training: Any, validation: Any, codec: Codec, config: TrainConfig, source: Path) -> None:
    """Refuse samples that can't be trained on.

    Raises:
        RunError: if there are none, or some hold tokens that the tokenizer lacks.
        UsageError: if the longest is longer than the context.
    """
    if not len(training):
        raise RunError(f"{source} holds no sample to train on")
    if not len(validation):
        raise RunError(
            f"none of {len(training)} samples is one to validate with: 2 of 100 combinations of intents are held out "
            "for that; raise intents.count, or bring more pairs (synthesize.pairs)"
        )
    if (highest := max(int(data.ids.max()) for data in (training, validation))) >= len(codec):
        raise RunError(f"{source} holds the token {highest}; its tokenizer knows {len(codec)} tokens")
    if (longest := max(int(data.lengths.max()) for data in (training, validation))) > config.context:
        raise UsageError(f"train.context is {config.context}; the longest sample has {longest} tokens")


def make_student(config: TrainConfig, codec: Codec) -> Any:
    """Return the transformers model that training starts from.

    Raises:
        UsageError: if a folder that the settings name can't be used, or knows other commands.
    """
    from promptlet.student.model import load_model, make_like, make_model

    if config.pretrained:
        path = locate_model(config.pretrained)
        check_commands(path, codec.commands)
        return load_model(path, codec.tokenizer, config.context, codec.end_id)
    if config.config:
        return make_like(_config_file(config.config).parent, len(codec), config.context, codec.end_id)
    dropout = _DROPOUT if config.dropout is None else config.dropout
    return make_model(config.preset or "nano", len(codec), config.context, dropout, codec.end_id)


STAGE = TrainStage
