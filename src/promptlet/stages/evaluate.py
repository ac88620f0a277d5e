"""Stage 10, evaluate: Table 3 of the paper on held-out combinations, free and exact, with every prompt kept."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from itertools import chain
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, field_validator

from promptlet.commands import make_commands
from promptlet.errors import NoPromptError, RunError, UsageError
from promptlet.evaluation.adherence import Adherence, measure_adherence, table
from promptlet.evaluation.suites import TABLE_3
from promptlet.generation import Generator
from promptlet.generation.generator import Options
from promptlet.intents.splits import TEST
from promptlet.intents.test_sets import DIGESTS, load_test_set
from promptlet.io.atomic import write_json, write_text
from promptlet.io.journal import Journal
from promptlet.io.records import read_samples
from promptlet.progress import metering
from promptlet.stages.base import Context, Stage, StageConfig
from promptlet.stages.export import STUDENT
from promptlet.stages.tokenize import TokenizeConfig
from promptlet.student.format import Student
from promptlet.types import Sample

MODES = ("free", "exact")
"""The student left alone with the command; and as it is used, with the count enforced and the best draw taken."""


class EvaluateConfig(StageConfig):
    """What is asked of the student, how often."""

    targets: tuple[Annotated[int, Field(ge=1)], ...] = Field(default=TABLE_3, min_length=1)
    """Numbers of words that are asked for."""
    prompts_per_target: int = Field(default=100, ge=1, le=100_000)
    """Prompts for each, left alone with the command and exact."""
    test_set: str | None = Field(default=None, exclude_if=lambda name: name is None)
    """A frozen test set, to compare runs by; left out: what the run's own intents and pairs hold out."""

    @field_validator("test_set")
    @classmethod
    def _known(cls, name: str | None) -> str | None:
        if name is not None:
            load_test_set(name)
        return name


class EvaluateStage(Stage):
    """Writes the prompts, the statistics as JSON, and the table as Markdown."""

    name = "evaluate"
    inputs = ("export", "intents", "synthesize")
    Config = EvaluateConfig

    def check(self, config: EvaluateConfig, recipe: Mapping[str, StageConfig]) -> None:
        tokenize = recipe["tokenize"]
        assert isinstance(tokenize, TokenizeConfig)
        words = make_commands(tokenize.commands).get("words")
        if words and "targets" in config.model_fields_set:
            for target in config.targets:
                try:
                    words.parse(target)
                except UsageError as error:
                    raise UsageError(f"evaluate.targets: {error}") from error

    def materials(self, config: EvaluateConfig) -> dict[str, str]:
        return {} if config.test_set is None else {"test set": DIGESTS[config.test_set]}

    def run(self, config: EvaluateConfig, context: Context) -> dict[str, Any]:
        held_out = _held_out(context) if config.test_set is None else load_test_set(config.test_set)
        generator = Generator.load(context.inputs["export"] / STUDENT)
        student = generator.student
        asked = [wish for wish in held_out if student.codec.can_ask(wish, student.description.longest_head)]
        if held_out and not asked:
            raise RunError(_why_none(held_out, student))
        words = student.commands.get("words")
        if words is None:
            return {"nothing to measure": "the student does not obey 'words'"}
        if "targets" not in config.model_fields_set:  # those that nobody chose are as many as it knows
            known_lengths = [target for target in config.targets if target in words.values()]
            config = config.model_copy(update={"targets": tuple(known_lengths or words.values()[-1:])})
        results = evaluate_words(generator, asked, config, context.common.seed, context.folder)
        within = {f"{mode} within 2 at {row.target}": row.within_2[0] for mode, rows in results.items() for row in rows}
        due = len(MODES) * len(config.targets) * config.prompts_per_target
        counts = within | {"not written": due - sum(row.prompts for rows in results.values() for row in rows)}
        return counts | ({"wishes left out": len(held_out) - len(asked)} if len(asked) < len(held_out) else {})


def _held_out(context: Context) -> list[Sample]:
    """Return the wishes of the test split: those drawn, and those of pairs that there were already.

    The drawn ones alone may be too long for a student of pairs that have fewer intents.
    """
    drawn = read_samples(context.inputs["intents"])
    refused = read_samples(context.inputs["synthesize"], "rejected")  # among them the pairs that are held out
    return [sample for sample in chain(drawn, refused) if sample.intents and sample.split == TEST]


def _why_none(held_out: Sequence[Sample], student: Student) -> str:
    """Return why no held-out wish can be put to a student, and what can be done."""
    strange = sum(sample.task not in student.tasks for sample in held_out)
    said = [f"evaluate: none of {len(held_out)} held-out wishes can be put to this student"]
    if strange:
        said.append(
            f"{strange} are of other tasks than its own ({', '.join(student.tasks)}): name those in intents.tasks"
        )
    if longer := len(held_out) - strange:
        most = student.description.longest_head
        said.append(
            f"{longer} take more than {most} tokens with their commands, the most that it was trained on: bring more "
            "pairs (2 of 100 combinations are held out), or some with more intents"
        )
    return "; ".join(said)


def evaluate_words(
    generator: Generator, held_out: list[Sample], config: EvaluateConfig, seed: int, folder: Path
) -> dict[str, list[Adherence]]:
    """Ask for every target in both modes; write the prompts, and the statistics as JSON and Markdown, into `folder`.

    Raises:
        RunError: if nothing is held out.
    """
    if not held_out:
        raise RunError("no combination of intents is held out for the test; draw more of them (intents.count)")
    jobs = [
        (mode, target, index)
        for mode in MODES
        for target in config.targets
        for index in range(config.prompts_per_target)
    ]
    with Journal(folder / "prompts.jsonl") as journal:
        counts = {(entry["mode"], entry["target_words"], entry["index"]): entry["words"] for entry in journal}
        with metering("evaluate", "prompts", len(jobs), len(counts)) as meter:
            for mode, target, index in jobs:
                if (mode, target, index) in counts:
                    continue
                wish = held_out[index % len(held_out)]
                exact, own_seed = mode == "exact", (seed * 100_003 + index) % 2**32
                options: Options = {"exact": True} if exact else {"exact": False, "candidates": 1}
                try:
                    (prompt,) = generator.generate(wish.intents, wish.task, target, seed=own_seed, **options)
                    written = prompt.to_dict()
                except NoPromptError as error:  # a lone candidate may say what is denied
                    written = {"target_words": target, "words": None, "error": str(error)}
                journal.append({"mode": mode, "index": index} | written)
                counts[mode, target, index] = written["words"]
                meter.advance()
    results = {
        mode: [measure_adherence(target, _written(counts, mode, target)) for target in config.targets] for mode in MODES
    }
    write_json(folder / "adherence.json", {mode: [asdict(row) for row in rows] for mode, rows in results.items()})
    text = "\n\n".join(f"### {mode.capitalize()}\n\n{table(rows)}" for mode, rows in results.items())
    write_text(folder / "adherence.md", text + "\n")
    return results


def _written(counts: Mapping[tuple[str, int, int], int | None], mode: str, target: int) -> list[int]:
    """Return the words of each prompt for a target; what could not be written is left out.

    Raises:
        RunError: if nothing could.
    """
    words = [count for key, count in counts.items() if key[:2] == (mode, target) and count is not None]
    if not words:
        raise RunError(f"the student wrote none of the prompts of {target} words; prompts.jsonl says why")
    return words


STAGE = EvaluateStage
