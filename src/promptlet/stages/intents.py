"""Stage 1, intents: draw combinations from the creative graph, each with its task and split."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from itertools import zip_longest
from typing import Any

from pydantic import Field, field_validator

from promptlet.intents.graph import load_graph
from promptlet.intents.sampling import Sampler
from promptlet.intents.splits import split_of
from promptlet.io.records import write_samples
from promptlet.progress import metering
from promptlet.stages.base import Context, Stage, StageConfig
from promptlet.tasks import load_task
from promptlet.types import Sample


class IntentsConfig(StageConfig):
    """How many combinations, of which tasks."""

    tasks: tuple[str, ...] = ("t2i", "t2t")
    count: int = Field(default=3000, ge=1, le=100_000_000)
    """Combinations per task."""

    @field_validator("tasks")
    @classmethod
    def _known(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        for name in names:
            load_task(name)
        return names


class IntentsStage(Stage):
    """Writes samples without a prompt."""

    name = "intents"
    uses = ("seed", "graph")
    Config = IntentsConfig

    def run(self, config: IntentsConfig, context: Context) -> dict[str, Any]:
        graph = load_graph(context.head.graph)
        splits: Counter[str] = Counter()

        def draw() -> Iterator[Sample]:
            with metering(self.name, "intents", config.count * len(config.tasks)) as meter:
                tasks = [load_task(name) for name in config.tasks]
                streams = [Sampler(graph, task).stream(config.count, context.head.seed) for task in tasks]
                # Task by task in turn: the beginning of a longer run is the whole of a shorter one.
                for row in zip_longest(*streams):
                    for task, intents in zip(tasks, row, strict=True):
                        if intents is None:
                            continue
                        split = split_of(graph, intents)
                        splits[split] += 1
                        yield Sample(intents, task.name, "", source="creative graph", split=split)
                        meter.advance()

        rows = write_samples(context.folder, draw())
        return {"intents": rows} | dict(splits)


STAGE = IntentsStage
