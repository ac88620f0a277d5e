"""Stage 6, tokenize: train the tokenizer, measure every command in hindsight, and encode the training texts."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Self

import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import Field, field_validator, model_validator
from tokenizers import Tokenizer

from promptlet.commands import Command, label, make_commands
from promptlet.errors import RunError, UsageError
from promptlet.extras import needing, require
from promptlet.intents.splits import TRAIN, VALIDATION
from promptlet.io.atomic import replacing, write_json, write_text
from promptlet.io.records import read_samples
from promptlet.pretrained import locate_model, model_digest, pretrained_tokenizer
from promptlet.progress import metering, warn
from promptlet.stages.base import CommonConfig, Context, Stage, StageConfig
from promptlet.stages.curate import CurateConfig
from promptlet.stemming import terms
from promptlet.student.format import TOKENIZER, WORDS_FILE
from promptlet.tasks import load_task
from promptlet.tokenizer import DEFAULT_SIZE, Codec, control_tokens, extend_tokenizer, train_tokenizer
from promptlet.types import KINDS, Sample, render_intents
from promptlet.vocabulary import Policy, load_policy

_COARSE_JUDGE = "words"
_ANOTHERS = "another model's tokenizer"
CONTROLS = "controls.json"
ENCODED_SCHEMA = pa.schema([("ids", pa.list_(pa.int32())), ("start", pa.int32())])


class TokenizeConfig(StageConfig):
    """The size of the vocabulary and the commands that the student learns."""

    size: int = Field(default=DEFAULT_SIZE, ge=512, le=200_000)
    """Tokens of a tokenizer trained on the samples."""
    pretrained: str | None = None
    """The model whose tokenizer is used instead, as in `train.pretrained`; controls that it lacks are added."""
    commands: dict[str, dict[str, Any]] = Field(default={"words": {"low": 5, "high": 40}})
    """What the student obeys."""

    @field_validator("commands")
    @classmethod
    def _known(cls, settings: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
        make_commands(settings)
        return settings

    @model_validator(mode="after")
    def _one_tokenizer(self) -> Self:
        if self.pretrained and "size" in self.model_fields_set:
            raise ValueError("size and pretrained exclude each other")
        return self


class TokenizeStage(Stage):
    """Writes the tokenizer, the controls it holds, the words of the training prompts, and token ids per split."""

    name = "tokenize"
    inputs = ("augment",)
    uses = ("seed", "policy")
    Config = TokenizeConfig

    def materials(self, config: TokenizeConfig) -> dict[str, str]:
        return {"pretrained": model_digest(locate_model(config.pretrained))} if config.pretrained else {}

    def check(self, config: TokenizeConfig, recipe: Mapping[str, StageConfig]) -> None:
        curate, words = recipe["curate"], make_commands(config.commands).get("words")
        assert isinstance(curate, CurateConfig)
        if words and words.values()[-1] not in curate.lengths:
            message = f"words up to {words.values()[-1]}, but curate.words keeps {curate.words[0]} to {curate.words[1]}"
            raise UsageError(f"tokenize.commands: {message}; a student is not taught the others")

    def require(self, config: TokenizeConfig, common: CommonConfig) -> None:  # noqa: ARG002
        if config.pretrained is not None:
            require(_ANOTHERS, "train", "torch", "transformers")

    def run(self, config: TokenizeConfig, context: Context) -> dict[str, Any]:
        samples = list(read_samples(context.inputs["augment"]))
        commands = make_commands(config.commands)
        # What can't be asked for teaches nothing: no word, and no fifth of relevance.
        measured = {name: each for name, each in commands.items() if not each.judged}
        training = [sample for sample in samples if sample.split == TRAIN and label(measured, sample)]
        commands = {name: each.fitted(training) for name, each in commands.items()}
        tasks = {name: load_task(name) for name in sorted({sample.task for sample in samples})}
        controls = control_tokens(commands.values(), tasks.values())
        if config.pretrained:
            tokenizer = extend_tokenizer(_pretrained(config.pretrained), controls)
        else:
            tokenizer = _train(training, config.size, controls, load_policy(context.common.policy))
        with replacing(context.folder / TOKENIZER) as path:
            tokenizer.save(str(path))
        words = {term for sample in training for term in terms(sample.prompt)}
        write_text(context.folder / WORDS_FILE, "".join(f"{word}\n" for word in sorted(words)))
        codec = Codec(tokenizer, commands, tasks)
        counts: Counter[str] = Counter({"vocabulary": len(codec), "words": len(words)})
        longest_head, trained = 0, set[tuple[str, str, int]]()
        with metering(self.name, "samples", len(samples)) as meter:
            for split in (TRAIN, VALIDATION):
                rows = []
                for sample in samples:
                    if sample.split != split:
                        continue
                    if labelled := label(commands, sample):
                        rows.append(codec.encode(labelled))
                        if split == TRAIN:
                            trained.update((sample.task, *achieved) for achieved in labelled.commands.items())
                    else:
                        counts["out of range"] += 1
                    meter.advance()
                longest_head = max(longest_head, *(start for _, start in rows), 0)
                counts[f"{split} tokens"] = sum(len(ids) for ids, _ in rows)
                counts[split] = len(rows)
                _write(context.folder / f"{split}.parquet", rows)
        if not counts[TRAIN]:
            raise RunError(
                f"tokenize: no sample to train on among {len(samples)}; {counts['out of range']} are out of the range "
                f"of tokenize.commands, {len(samples) - counts['out of range']} are held out"
            )
        for line in _untrained(trained, commands, tasks, context.common.judge):
            warn(f"tokenize: {line}")
        description = {
            "commands": {name: command.settings() for name, command in commands.items()},
            "tasks": {name: task.token for name, task in tasks.items()},
            "longest_head": longest_head,
        }
        write_json(context.folder / CONTROLS, description)
        return dict(counts)


def read_codec(folder: Path) -> Codec:
    """Return the codec of a finished tokenize stage.

    Raises:
        StudentError: if its tokenizer is damaged or lacks a token of a command or task.
    """
    controls = json.loads((folder / CONTROLS).read_text(encoding="utf-8"))
    tasks = {name: load_task(name) for name in controls["tasks"]}
    return Codec.load(folder / TOKENIZER, make_commands(controls["commands"]), tasks)


def _untrained(
    trained: set[tuple[str, str, int]], commands: Mapping[str, Command], tasks: Iterable[str], judge: str
) -> Iterator[str]:
    """Yield what can be asked for by a judge's scores though no training sample is an example of it."""
    advice = f" The judge '{judge}' gives few different scores; try 'embedding'." if judge == _COARSE_JUDGE else ""
    for name, command in commands.items():
        for task in tasks if command.judged else ():
            if empty := [str(value) for value in command.values() if (task, name, value) not in trained]:
                notice = f"no sample of {task} has {name} {', '.join(empty)}: a student is not taught what that means."
                yield notice + advice


def _pretrained(name: str) -> Tokenizer:
    with needing(_ANOTHERS, "train"):
        return pretrained_tokenizer(locate_model(name), UsageError)


def _train(samples: list[Sample], size: int, controls: list[str], policy: Policy) -> Tokenizer:
    texts = (f" {text}" for sample in samples for text in (render_intents(sample.intents), sample.prompt))
    # The kinds' names make up a part of every text, so that no kind is unknown to the tokenizer.
    return train_tokenizer(
        [*texts, ", ".join(KINDS)], size, controls, lambda text: policy.find_denied(text) is not None
    )


def _write(path: Path, rows: list[tuple[list[int], int]]) -> None:
    columns = {"ids": [ids for ids, _ in rows], "start": [start for _, start in rows]}
    with replacing(path) as temporary:
        # A dictionary of token ids is nearly as long as they are: without one, files are a sixth smaller.
        pq.write_table(
            pa.Table.from_pydict(columns, ENCODED_SCHEMA), temporary, compression="zstd", use_dictionary=False
        )


STAGE = TokenizeStage
