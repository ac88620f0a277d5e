"""One round after the other: a student writes, its outcomes are measured, and it learns from them."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import torch
from transformers import AutoModelForCausalLM

from promptlet.batch_decoding.sampling import TokenSampling
from promptlet.commands import label, with_defaults
from promptlet.curation.duplicates import Duplicates, sketch
from promptlet.errors import RunError
from promptlet.improvement.config import OWN, RoundConfig
from promptlet.improvement.metrics import RoundMetrics
from promptlet.intents.splits import TRAIN, VALIDATION
from promptlet.io.atomic import copy_folder, replacing_folder, write_json
from promptlet.io.journal import Journal
from promptlet.io.records import SAMPLE_SCHEMA, count_rows, from_row, read_samples, to_row, write_rejects, write_samples
from promptlet.pretrained import load_pretrained
from promptlet.progress import metering
from promptlet.student.data import Encoded
from promptlet.student.loop import train
from promptlet.student.names import BEST, MODEL
from promptlet.student.writing import SAMPLING, SPARE_TOKENS, write
from promptlet.tokenizer import Codec
from promptlet.types import Sample

RESULT = "standing.json"
WRITTEN, JUDGED = "writing.jsonl", "judging.jsonl"
"""The texts of a round, and those that it is judged by, one by one as they are written."""
_DEVICE = torch.device("cuda" if torch.cuda.is_available() else "cpu")


class Rounds:
    """One round after the other. Whatever a round is made of comes from the seed and its number."""

    def __init__(
        self,
        config: RoundConfig,
        codec: Codec,
        examine: Callable[[pa.Table], pa.Table],
        training: Encoded,
        validation: Encoded,
        wishes: Sequence[Sample],
        seed: int,
    ) -> None:
        """Prepare rounds.

        Args:
            config: how rounds go.
            codec: the student's.
            examine: finds what curation has against prompts, and their scores (`promptlet.curation.examining`).
            training: the teacher's samples.
            validation: those of its samples that are held out.
            wishes: samples without a prompt: the student writes for those of the training split and is judged on those
                of the validation split.
            seed: whatever chance there is comes from it and the round's number.

        Raises:
            RunError: if no wish is held out, or none can be put to the student.
        """
        self.config, self.codec, self.examine, self.seed = config, codec, examine, seed
        self.training, self.validation = training, validation
        longest_head = max(int(data.starts.max()) for data in (training, validation))
        drawn = [wish for wish in wishes if wish.split in (TRAIN, VALIDATION)]
        asked = [wish for wish in drawn if codec.can_ask(wish, longest_head)]
        self.left_out = len(drawn) - len(asked)
        """Wishes of tasks that the student does not know, or longer than it was trained on."""
        self.known, self.held_out = ([wish for wish in asked if wish.split == name] for name in (TRAIN, VALIDATION))
        if not self.known or not self.held_out:
            raise RunError(
                f"{len(self.held_out)} combinations of intents to judge a round by, {len(self.known)} to learn from, "
                f"of the student's tasks ({', '.join(codec.tasks)}) and no longer than it was trained on; "
                f"{self.left_out} others are left out. Draw more of them (intents.count, intents.tasks)"
            )
        self.room = training.longest_prompt + SPARE_TOKENS

    def evaluate(self, model: Path, folder: Path) -> RoundMetrics:
        """Return how a model does on the held-out wishes; `folder` keeps it."""
        result = folder / RESULT
        if not result.exists():
            held_out = (self.held_out[index % len(self.held_out)] for index in range(self.config.wishes))
            wishes = [replace(wish, commands=self._ask(index)) for index, wish in enumerate(held_out)]
            samples, reasons = self._outcomes(model, wishes, self.seed, SAMPLING, folder / JUDGED)
            write_json(result, asdict(RoundMetrics.of(samples, reasons, self.codec.commands)))
        return RoundMetrics(**json.loads(result.read_text(encoding="utf-8")))

    def run(self, number: int, folder: Path, before: Path) -> RoundMetrics | None:
        """Do what is left of a round that goes on from the model in `before`; None if it gave nothing to learn from."""
        folder.mkdir(exist_ok=True)
        if not (folder / MODEL).exists():
            if not (folder / OWN).exists():
                self._explore(number, folder, before)
            if not count_rows(folder / OWN):
                return None
            self._learn(number, folder, before)
        return self.evaluate(folder / MODEL, folder)

    def _explore(self, number: int, folder: Path, before: Path) -> None:
        """Write the student's prompts for commands of all values, labelled with what they achieved."""
        rng = random.Random(f"{self.seed}:{number}")
        wishes = [
            replace(rng.choice(self.known), commands=self._ask(rng.getrandbits(30)), source=f"student, round {number}")
            for _ in range(self.config.prompts)
        ]
        sampling = replace(SAMPLING, temperature=self.config.temperature)
        samples, reasons = self._outcomes(before, wishes, rng.getrandbits(31), sampling, folder / WRITTEN)
        duplicates = Duplicates(len(samples))
        kept, rejected = [], []
        for sample, reason in zip(samples, reasons, strict=True):
            why = reason or duplicates.objection(sketch(sample.task, sample.terms))
            labelled = None if why else label(self.codec.commands, sample)
            if labelled:
                kept.append(labelled)
            else:
                rejected.append((sample, why or "out of range"))
        with replacing_folder(folder / OWN) as own:
            write_rejects(own, rejected)
            write_samples(own, kept)

    def _learn(self, number: int, folder: Path, before: Path) -> None:
        """Train on the teacher's and the student's samples, from the weights of the round before."""
        rng = random.Random(f"{self.seed}:{number}:mix")
        own = list(read_samples(folder / OWN))
        for earlier in range(1, number):
            old = list(read_samples(folder.parent / f"round-{earlier}" / OWN))
            own += rng.sample(old, round(self.config.replay * len(old)))
        count = round(len(own) * (1 - self.config.share) / self.config.share)
        if count > len(self.training):  # the teacher's are too few: the share holds, with fewer of its own
            count = len(self.training)
            most = max(1, round(count * self.config.share / (1 - self.config.share)))
            own = [own[index] for index in sorted(rng.sample(range(len(own)), most))]
        chosen = sorted(rng.sample(range(len(self.training)), count))
        rows = [self.codec.encode(sample) for sample in own]
        rows += [(self.training.sample(index).tolist(), int(self.training.starts[index])) for index in chosen]
        # A round is judged as a whole, by what its last weights write.
        loop = self.config.loop.model_copy(update={"evaluate_every": self.config.loop.steps, "previews": 0})
        torch.manual_seed(rng.getrandbits(31))
        train(_load(before), Encoded.of(rows), self.validation, loop, self.codec.end_id, self.seed, folder)
        copy_folder(folder / BEST, folder / MODEL)

    def _outcomes(
        self, model: Path, wishes: Sequence[Sample], seed: int, sampling: TokenSampling, kept: Path
    ) -> tuple[list[Sample], list[str | None]]:
        """Return the wishes with what the student writes, scored, and what curation has against each.

        `kept` is the journal of its texts, from which a round that was killed goes on.
        """
        heads = [self.codec.head(wish.intents, wish.task, wish.commands) for wish in wishes]
        seeds = [seed + index for index in range(len(wishes))]
        with Journal(kept) as journal:
            prompts = {entry["place"]: entry["text"] for entry in journal}
            with metering(f"improve, {kept.stem}", "prompts", len(wishes), len(prompts)) as meter:
                student = _load(model).to(_DEVICE)
                for index, text in write(student, self.codec, heads, seeds, self.room, sampling, frozenset(prompts)):
                    journal.append({"place": index, "text": text})
                    meter.advance(index not in prompts)
                    prompts[index] = text
        samples = [replace(wish, prompt=prompts[index]) for index, wish in enumerate(wishes)]
        examined = self.examine(pa.Table.from_pylist(list(map(to_row, samples)), SAMPLE_SCHEMA))
        return list(map(from_row, examined.to_pylist())), examined["reason"].to_pylist()

    def _ask(self, index: int) -> dict[str, int]:
        """Return values to ask for: the best of a command that has one, of the others all in turn."""
        commands = self.codec.commands
        return with_defaults(
            commands,
            {
                name: each.values()[index % len(each.values())]
                for name, each in commands.items()
                if each.default() is None
            },
        )


def _load(folder: Path) -> Any:
    return load_pretrained(AutoModelForCausalLM, folder, RunError)
