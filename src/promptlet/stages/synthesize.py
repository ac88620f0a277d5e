"""Stage 3, synthesize: ask the teacher for prompts, several per combination, of lengths from short to long.

Every answer goes to a journal under the identity of its request before anything else happens to it. A killed run
loses no finished answer, and a run with other counts or a changed curation asks for nothing twice.
"""

from __future__ import annotations

import math
import random
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, suppress
from dataclasses import asdict, dataclass, replace
from itertools import count, groupby, islice
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, model_validator

from promptlet.errors import UsageError
from promptlet.intents.graph import SOURCE, load_graph
from promptlet.intents.splits import HELD_OUT, split_of
from promptlet.io.atomic import file_digest, value_digest
from promptlet.io.journal import Journal
from promptlet.io.pairs import pair_files, read_pairs
from promptlet.io.records import read_samples, write_rejects, write_samples
from promptlet.pretrained import model_digest
from promptlet.progress import metering
from promptlet.prompting import Choice, chat_messages, choose_exemplars
from promptlet.registry import unknown
from promptlet.runners.base import GivenUpError, Run, ask_all, open_runner
from promptlet.spending import Estimate, Price
from promptlet.stages.base import Context, Stage, StageConfig, WordRange
from promptlet.stages.tune import origin, tuned
from promptlet.tasks import load_task, task_names
from promptlet.teachers.base import TeacherChoice, TeacherRequest
from promptlet.types import LIKELIHOOD, Sample, intents_key

NOT_ASKED = "not asked"
"""What stands for the teacher of a run that only has pairs."""
_BLOCK = 8192
"""Requests that are ordered by their exemplars at a time; what an interrupted run has is balanced up to a block."""
_TOKENS_PER_WORD, _SPARE_TOKENS = 2.0, 12
"""An answer may be longer than asked, but what goes on far beyond would be rejected anyway."""
_SAMPLE, _SAMPLE_SECONDS, _SMALLEST_SAMPLE = 256, 30.0, 16
"""An estimate takes so many answers, or those of so many seconds."""


class Manner(BaseModel):
    """How all prompts of a run should be; what is left out is left open."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)
    tone: str | None = Field(default=None, min_length=1, max_length=200)
    """Such as "warm"."""
    style: str | None = Field(default=None, min_length=1, max_length=200)
    """Such as "plain words, short sentences"."""
    context: str | None = Field(default=None, min_length=1, max_length=500)
    """What the prompts are for."""


class SynthesizeConfig(StageConfig):
    """Which teacher, asked how often and how."""

    teacher: TeacherChoice = TeacherChoice()
    """Who is asked."""
    prompts_per_intents: int = Field(default=2, ge=0, le=1000)
    """How often the teacher is asked for each combination; 0 asks for nothing and needs `pairs`."""
    pairs: Path | None = Field(default=None, exclude_if=lambda path: path is None)
    """Pairs that there are already, to take along: a .jsonl or .parquet file, or a published data set's folder."""
    words: WordRange = (5, 40)
    """Shortest and longest length that is asked for."""
    shots: int = Field(default=5, ge=0, le=32)
    """Exemplars shown with each request."""
    exemplars: Choice = "shared"
    """How they are chosen: the same for many requests of a task and length, diverse ones for each, or the nearest."""
    manner: Manner = Manner()
    """What is asked of all prompts, beside their intents."""
    temperature: float = Field(default=0.6, ge=0, le=2)
    """How much chance there is in an answer; 0: none."""
    top_p: float = Field(default=1.0, gt=0, le=1)
    """Only the likeliest tokens of so much probability are drawn."""
    max_tokens: int = Field(default=80, ge=8, le=4096)
    """Most tokens of an answer; one of N words gets 2N + 12 at most."""
    price: Price | None = Field(default=None, exclude=True)
    """What a million tokens cost, to say what a run costs; it does not make it another one."""

    @model_validator(mode="after")
    def _asks_for_something(self) -> SynthesizeConfig:
        if not self.prompts_per_intents and self.pairs is None:
            raise ValueError("prompts_per_intents is 0, and there are no pairs")
        return self


@dataclass(frozen=True, slots=True)
class _Job:
    sample: Sample
    request: TeacherRequest
    identity: str


class SynthesizeStage(Stage):
    """Writes samples with the teacher's raw answers; rejected are failed requests and answers cut off."""

    name = "synthesize"
    inputs = ("intents", "tune")
    uses = ("seed", "graph")
    Config = SynthesizeConfig

    def materials(self, config: SynthesizeConfig) -> dict[str, str]:
        found = {}
        if config.pairs:
            try:
                files = pair_files(config.pairs)
            except UsageError as error:
                raise UsageError(f"synthesize.pairs: {error}") from error
            found["pairs"] = value_digest([*map(file_digest, files)])
        weights = config.teacher.settings().weights() if config.prompts_per_intents else None
        if weights and weights.exists():  # a teacher without weights says so itself
            found["teacher"] = model_digest(weights)
        return found

    def run(self, config: SynthesizeConfig, context: Context) -> dict[str, Any]:
        given = _given(config.pairs, context.common.graph) if config.pairs else iter(())
        if not config.prompts_per_intents:
            return _write([], {}, given, context) | {"teacher": NOT_ASKED}
        runner = open_runner(context.runner)
        with config.teacher.open(tuned(context.inputs["tune"])) as teacher, _journal(context) as journal:
            jobs, answers = list(_plan(config, context, teacher.identity)), journal.latest()
            new = [job for job in jobs if job.identity not in answers]
            failed = [job for job in jobs if "error" in answers.get(job.identity, ())]
            with metering(self.name, "prompts", len(jobs), len(jobs) - len(new) - len(failed)) as meter:

                def ask(due: Iterable[_Job]) -> None:
                    for entry in ask_all(runner, teacher, _runs(due, teacher.batch), journal):
                        answers[entry["id"]] = entry
                        meter.advance()

                ask(new)
                with suppress(GivenUpError):  # what failed before may fail forever, and does not hold up the rest
                    ask(failed)
        counts = _write(jobs, answers, given, context)
        if config.price:
            counts["cost"] = round(config.price.of(counts["prompt tokens"], counts["completion tokens"]), 6)
        return counts | {"teacher": origin(context.inputs["tune"]) + teacher.identity}

    def estimate(self, config: SynthesizeConfig, context: Context) -> Estimate:
        """Return what the stage takes, judged by a short sample, whose answers are kept as those of a run are.

        Raises:
            TeacherError: if the teacher can't be reached or answers nothing.
        """
        runner = open_runner(context.runner)
        sampled, failed, seconds = 0, 0, 0.0
        with config.teacher.open(tuned(context.inputs["tune"])) as teacher, _journal(context) as journal:
            jobs, answers = list(_plan(config, context, teacher.identity)), journal.latest()
            runs = list(_runs((job for job in jobs if job.identity not in answers), teacher.batch))
            # Whole runs, evenly from all lengths and tasks, and one for every worker: the teacher is as busy as later.
            spread = runs[:: max(1, len(runs) // max(_SMALLEST_SAMPLE, teacher.concurrency))]
            start, size = time.monotonic(), max(_SAMPLE, 2 * teacher.batch)
            with (
                metering("estimate", "prompts", min(size, sum(map(len, spread)))) as meter,
                closing(ask_all(runner, teacher, spread, journal)) as entries,
            ):
                for entry in entries:
                    answers[entry["id"]] = entry
                    sampled, failed, seconds = sampled + 1, failed + ("error" in entry), time.monotonic() - start
                    meter.advance()
                    if sampled >= size or (seconds > _SAMPLE_SECONDS and sampled >= _SMALLEST_SAMPLE):
                        break
        known = [answers[job.identity] for job in jobs if job.identity in answers]
        return Estimate.of(len(jobs), known, sampled, failed, seconds, config.price)


def _journal(context: Context) -> Journal:
    return Journal(context.shared / "answers.jsonl")


def _plan(config: SynthesizeConfig, context: Context, identity: str) -> Iterator[_Job]:
    """Yield all requests; within a block those of one task and length stand together, for the engines' caches."""
    samples = (sample for sample in read_samples(context.inputs["intents"]) if sample.split not in HELD_OUT)
    wanted = ((sample, repetition) for sample in samples for repetition in range(config.prompts_per_intents))
    manner = config.manner.model_dump(exclude_none=True)
    for number in count():
        block = []
        for sample, repetition in islice(wanted, _BLOCK):
            rng = random.Random(f"{context.common.seed}:{sample.task}:{intents_key(sample.intents)}:{repetition}")
            block.append((sample.task, rng.randint(*config.words), rng.getrandbits(31), sample))
        if not block:
            return
        for name, words, seed, sample in sorted(block, key=lambda item: item[:2]):
            task = load_task(name)
            shown = choose_exemplars(task, sample.intents, words, config.shots, config.exemplars, number, seed)
            chat = chat_messages(task, shown, sample.intents, words, manner)
            limit = room_for(words, config.max_tokens)
            request = TeacherRequest(chat, limit, config.temperature, config.top_p, seed)
            yield _Job(sample, request, value_digest([identity, asdict(request)])[:32])


def room_for(words: int, most: int) -> int:
    """Return how many tokens an answer of about so many words may have, `most` at most."""
    return min(most, math.ceil(words * _TOKENS_PER_WORD) + _SPARE_TOKENS)


def _runs(jobs: Iterable[_Job], size: int) -> Iterator[Run]:
    """Yield requests with the same exemplars, as many together as the teacher likes."""
    for _, group in groupby(jobs, key=lambda job: job.request.messages[:-1]):
        while run := list(islice(group, size)):
            yield [(job.identity, job.request) for job in run]


def _given(pairs: Path, graph: Path | None) -> Iterator[tuple[Sample, str | None]]:
    """Yield the pairs that there are already, each in the split of its intents, with the reason against it."""
    known, whole = task_names(), load_graph(graph)
    for sample, reason in read_pairs(pair_files(pairs)):
        split = split_of(whole, sample.intents)
        strange = None if sample.task in known else unknown("task", sample.task, known)
        tested = "held out for tests" if split in HELD_OUT else None
        yield replace(sample, split=split), reason or strange or tested


def _write(
    jobs: Sequence[_Job],
    answers: dict[str, dict[str, Any]],
    given: Iterable[tuple[Sample, str | None]],
    context: Context,
) -> dict[str, Any]:
    counts = Counter({"requests": len(jobs), "failed": 0, "prompt tokens": 0, "completion tokens": 0})
    rejects: list[tuple[Sample, str]] = []

    def accepted() -> Iterator[Sample]:
        for job in jobs:
            answer = answers[job.identity]
            if "error" in answer:
                counts["failed"] += 1
                rejects.append((job.sample, f"failed: {answer['error']}"))
                continue
            counts["prompt tokens"] += answer["prompt_tokens"]
            counts["completion tokens"] += answer["completion_tokens"]
            likelihood = answer.get("likelihood")
            scores = {} if likelihood is None else {LIKELIHOOD: likelihood}
            wish = job.sample.source
            source = "teacher" if wish == SOURCE else f"teacher for {wish}"
            sample = replace(job.sample, prompt=answer["text"], source=source, scores=scores)
            if answer["finished"]:
                yield sample
            else:
                rejects.append((sample, "cut off"))
        for sample, reason in given:
            counts["pairs"] += 1
            if reason is None:
                yield sample
            else:
                rejects.append((sample, reason))

    counts["prompts"] = write_samples(context.folder, accepted())
    counts["rejected"] = write_rejects(context.folder, rejects)
    return dict(counts)


STAGE = SynthesizeStage
