"""Stage 5, augment: what else the curated training samples are good examples of, in hindsight."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pyarrow.compute as pc
from pydantic import Field

from promptlet.curation.hindsight import MADE, Hindsight
from promptlet.io.records import SAMPLE_SCHEMA, ShardWriter, count_rows
from promptlet.progress import metering
from promptlet.runners.base import open_runner
from promptlet.stages.base import Context, Stage, StageConfig
from promptlet.stages.curate import curation_of


class AugmentConfig(StageConfig):
    """For which share of the training samples, where it can be done, a further one is made."""

    drop: float = Field(default=1.0, ge=0, le=1)
    """One without the intents that left no trace in its prompt."""
    add: float = Field(default=0.3, ge=0, le=1)
    """One with an intent more that its prompt speaks of."""
    cut: float = Field(default=0.3, ge=0, le=1)
    """One whose prompt ends with an earlier clause."""


class AugmentStage(Stage):
    """Writes the curated samples, each followed by those made of it; held-out ones are left as they are."""

    name = "augment"
    inputs = ("curate",)
    uses = ("seed", "graph", "judge", "policy")
    Config = AugmentConfig

    def run(self, config: AugmentConfig, context: Context) -> dict[str, Any]:
        source, common = context.inputs["curate"], context.common
        shortest = curation_of(source).lengths.start
        hindsight = Hindsight(common.seed, common.graph, common.judge, common.policy, shortest, **config.model_dump())
        runner = open_runner(context.runner)
        made: Counter[str] = Counter()
        with (
            metering(self.name, "samples", count_rows(source)) as meter,
            ShardWriter(context.folder, "data", SAMPLE_SCHEMA) as kept,
        ):
            for table in runner.map(hindsight, source):
                kept.add(table)
                # Imported intents name their row: icons.json#7.
                sources = pc.value_counts(pc.replace_substring_regex(table["source"], r"#\d+", "")).to_pylist()
                found = {each["values"]: each["counts"] for each in sources}
                made.update(found)
                meter.advance(sum(count for source, count in found.items() if not source.endswith(MADE)))
        return {"samples": kept.rows} | dict(made)


STAGE = AugmentStage
