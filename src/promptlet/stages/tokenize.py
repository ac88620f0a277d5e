"""Stage 5, tokenize: train the tokenizer, measure every command in hindsight, and encode the training texts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import Field, field_validator
from tokenizers import Tokenizer

from promptlet.commands import Command, make_commands
from promptlet.intents.splits import TRAIN, VALIDATION
from promptlet.io.atomic import replacing, write_json, write_text
from promptlet.io.records import read_samples
from promptlet.lemmas import terms
from promptlet.progress import metering
from promptlet.stages.base import Context, Stage, StageConfig
from promptlet.student.format import TOKENIZER, WORDS
from promptlet.tasks import load_task
from promptlet.tokenizer import DEFAULT_SIZE, Codec, control_tokens, train_tokenizer
from promptlet.types import KINDS, Sample, render_intents
from promptlet.vocabulary import Policy, load_policy

CONTROLS = "controls.json"
ENCODED_SCHEMA = pa.schema([("ids", pa.list_(pa.int32())), ("start", pa.int32())])


class TokenizeConfig(StageConfig):
    """The size of the vocabulary and the commands that the student learns."""

    size: int = Field(default=DEFAULT_SIZE, ge=512, le=200_000)
    commands: dict[str, dict[str, Any]] = Field(default={"words": {"low": 5, "high": 40}})

    @field_validator("commands")
    @classmethod
    def _known(cls, settings: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
        make_commands(settings)
        return settings


class TokenizeStage(Stage):
    """Writes the tokenizer, the controls it holds, the words of the training prompts, and token ids per split."""

    name = "tokenize"
    inputs = ("augment",)
    uses = ("seed", "policy")
    Config = TokenizeConfig

    def run(self, config: TokenizeConfig, context: Context) -> dict[str, Any]:
        samples = list(read_samples(context.inputs["augment"]))
        training = [sample for sample in samples if sample.split == TRAIN]
        commands = {name: each.fitted(training) for name, each in make_commands(config.commands).items()}
        tasks = {name: load_task(name) for name in sorted({sample.task for sample in samples})}
        controls = control_tokens(commands.values(), tasks.values())
        tokenizer = _train(training, config.size, controls, load_policy(context.head.policy))
        with replacing(context.folder / TOKENIZER) as path:
            tokenizer.save(str(path))
        words = {term for sample in training for term in terms(sample.prompt)}
        write_text(context.folder / WORDS, "".join(f"{word}\n" for word in sorted(words)))
        codec = Codec(tokenizer, commands, tasks)
        counts: Counter[str] = Counter({"vocabulary": len(codec), "words": len(words)})
        longest_head = 0
        with metering(self.name, "samples", len(samples)) as meter:
            for split in (TRAIN, VALIDATION):
                rows = []
                for sample in _measured(samples, split, commands, counts):
                    ids, start = codec.encode(sample)
                    rows.append({"ids": ids, "start": start})
                    longest_head = max(longest_head, start)
                    counts[f"{split} tokens"] += len(ids)
                    meter.advance()
                counts[split] = len(rows)
                _write(context.folder / f"{split}.parquet", rows)
        description = {
            "commands": {name: command.settings() for name, command in commands.items()},
            "tasks": {name: task.token for name, task in tasks.items()},
            "longest_head": longest_head,
        }
        write_json(context.folder / CONTROLS, description)
        return dict(counts)


def _train(samples: list[Sample], size: int, controls: list[str], policy: Policy) -> Tokenizer:
    texts = (f" {text}" for sample in samples for text in (render_intents(sample.intents), sample.prompt))
    # The kinds' names make up a part of every text, so that no kind is unknown to the tokenizer.
    return train_tokenizer(
        [*texts, ", ".join(KINDS)], size, controls, lambda text: policy.find_denied(text) is not None
    )


def _measured(
    samples: list[Sample], split: str, commands: dict[str, Command], counts: Counter[str]
) -> Iterator[Sample]:
    """Yield the split's samples labelled with what they achieved; those beyond a command's range are left out."""
    for sample in samples:
        if sample.split != split:
            continue
        achieved = {name: command.measure(sample) for name, command in commands.items()}
        if all(value in commands[name].values() for name, value in achieved.items()):
            yield replace(sample, commands=achieved)
        else:
            counts["out of range"] += 1


def _write(path: Path, rows: list[dict[str, Any]]) -> None:
    with replacing(path) as temporary:
        pq.write_table(pa.Table.from_pylist(rows, ENCODED_SCHEMA), temporary, compression="zstd")


STAGE = TokenizeStage
