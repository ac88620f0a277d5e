"""Stage 1, intents: combinations drawn from the creative graph, and imported ones, each with its task and split."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import chain, zip_longest
from pathlib import Path
from typing import Any

from pydantic import Field

from promptlet.errors import UsageError
from promptlet.intents.graph import SOURCE, Graph, load_graph
from promptlet.intents.importing import REPORT
from promptlet.intents.sampling import Sampler
from promptlet.intents.splits import split_of
from promptlet.io.atomic import file_digest, value_digest
from promptlet.io.records import count_rows, read_samples, shards, write_samples
from promptlet.progress import metering, warn
from promptlet.stages.base import Context, Stage, StageConfig, TaskNames, task_digests
from promptlet.tasks import load_task
from promptlet.types import Sample, intents_key


class IntentsConfig(StageConfig):
    """How many combinations, of which tasks."""

    tasks: TaskNames = ("t2i", "t2t")
    """Kinds of prompts that the student learns."""
    count: int = Field(default=3000, ge=1, le=100_000_000)
    """Combinations per task."""
    imported: Path | None = Field(default=None, exclude_if=lambda folder: folder is None)
    """A folder that `promptlet intents import` made; its intents of these tasks are used, too."""


class IntentsStage(Stage):
    """Writes samples without a prompt."""

    name = "intents"
    uses = ("seed", "graph")
    Config = IntentsConfig

    def materials(self, config: IntentsConfig) -> dict[str, str]:
        tasks = task_digests(config.tasks)  # so that all stages are made anew for another text of a task
        if config.imported is None:
            return tasks
        if not (config.imported / REPORT).is_file():
            raise UsageError(
                f"intents.imported: {config.imported} holds nothing that promptlet intents import finished"
            )
        return tasks | {"imported": value_digest([*map(file_digest, shards(config.imported))])}

    def run(self, config: IntentsConfig, context: Context) -> dict[str, Any]:
        graph = load_graph(context.common.graph)
        samples = _drawn(graph, config, context.common.seed)
        total = config.count * len(config.tasks)
        if config.imported is not None:
            samples = _different(chain(samples, _imported(graph, config.imported, config.tasks)))
            total += count_rows(config.imported)
        splits: Counter[str] = Counter()
        drawn: Counter[str] = Counter()

        def counted() -> Iterator[Sample]:
            with metering(self.name, "intents", total) as meter:
                for sample in samples:
                    splits[sample.split] += 1
                    drawn[sample.task] += sample.source == SOURCE
                    yield sample
                    meter.advance()

        rows = write_samples(context.folder, counted())
        for task in config.tasks:
            if drawn[task] < config.count:
                warn(
                    f"{self.name}: the graph has no more than {drawn[task]} combinations for {task}, not {config.count}"
                )
        return {"intents": rows} | dict(splits)


def _drawn(graph: Graph, config: IntentsConfig, seed: int) -> Iterator[Sample]:
    tasks = [load_task(name) for name in config.tasks]
    streams = [Sampler(graph, task).stream(config.count, seed) for task in tasks]
    # Task by task in turn: the beginning of a longer run is the whole of a shorter one.
    for row in zip_longest(*streams):
        for task, intents in zip(tasks, row, strict=True):
            if intents is not None:
                yield Sample(intents, task.name, "", source=SOURCE, split=split_of(graph, intents))


def _imported(graph: Graph, folder: Path, tasks: tuple[str, ...]) -> Iterator[Sample]:
    for sample in read_samples(folder):
        if sample.task in tasks:
            # They may have been imported with another graph.
            yield replace(sample, split=split_of(graph, sample.intents))


def _different(samples: Iterable[Sample]) -> Iterator[Sample]:
    """Yield the first sample of each task and combination: many a picture is of the same."""
    seen = set()
    for sample in samples:
        key = sample.task, intents_key(sample.intents)
        if key not in seen:
            seen.add(key)
            yield sample


STAGE = IntentsStage
