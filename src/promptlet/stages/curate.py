"""Stage 4, curate: keep the answers that are fit to learn from; keep the others too, each with its reason."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pyarrow as pa
from pydantic import Field

from promptlet.curation.checks import DEFAULT_LENGTHS
from promptlet.curation.duplicates import Duplicates
from promptlet.curation.examining import Examiner
from promptlet.curation.openers import Openers
from promptlet.errors import RunError
from promptlet.io.manifest import Manifest
from promptlet.io.records import REJECT_SCHEMA, SAMPLE_SCHEMA, ShardWriter, commonest_reason, count_rows
from promptlet.judges.base import judge_class
from promptlet.progress import metering
from promptlet.runners.base import open_runner
from promptlet.stages.base import CommonConfig, Context, Stage, StageConfig, WordRange

_LENGTHS = (DEFAULT_LENGTHS[0], DEFAULT_LENGTHS[-1])


class CurateConfig(StageConfig):
    """What curation may change."""

    unknown_words: int = Field(default=0, ge=0)
    """Words outside the dictionary that a prompt may have; a strong teacher knows more words than a dictionary."""
    opener_share: float = Field(default=0.03, gt=0, le=1)
    """The largest share of a task's prompts that may begin with the same three words."""
    words: WordRange = Field(default=_LENGTHS, exclude_if=lambda words: words == _LENGTHS)
    """Fewest and most words of a prompt."""

    @property
    def lengths(self) -> range:
        """Which numbers of words are kept."""
        return range(self.words[0], self.words[1] + 1)


def curation_of(folder: Path) -> CurateConfig:
    """Return the settings by which the samples of a finished curate stage were kept."""
    manifest = Manifest.read(folder)
    assert manifest is not None, folder
    known = manifest.configuration.keys() & CurateConfig.model_fields.keys()
    return CurateConfig(**{name: manifest.configuration[name] for name in known})


class CurateStage(Stage):
    """Writes cleaned samples; every reject is kept with the first reason found.

    Rows are examined by a runner, in any process; what compares rows with each other is done here, in their order.
    """

    name = "curate"
    inputs = ("synthesize",)
    uses = ("graph", "judge", "policy")
    Config = CurateConfig

    def require(self, config: CurateConfig, common: CommonConfig) -> None:  # noqa: ARG002
        judge_class(common.judge).require()

    def run(self, config: CurateConfig, context: Context) -> dict[str, Any]:
        source, common = context.inputs["synthesize"], context.common
        rows = count_rows(source)
        duplicates, openers, reasons = Duplicates(rows), Openers(config.opener_share), Counter[str]()
        examine = Examiner(common.graph, common.judge, common.policy, config.unknown_words, config.lengths)
        runner = open_runner(context.runner)
        with (
            metering(self.name, "prompts", rows) as meter,
            ShardWriter(context.folder, "data", SAMPLE_SCHEMA) as kept,
            ShardWriter(context.folder, "rejected", REJECT_SCHEMA) as rejected,
        ):
            for table in runner.map(examine, source):
                final = _compare(table, duplicates, openers)
                reasons.update(reason.partition(":")[0] for reason in final.to_pylist() if reason)
                judged = table.set_column(table.schema.get_field_index("reason"), "reason", final)
                kept.add(judged.filter(final.is_null()))
                rejected.add(judged.filter(final.is_valid()))
                meter.advance(table.num_rows)
        if not kept.rows:
            folder = context.folder if rows else source
            if not (refused := count_rows(folder, "rejected")):
                raise RunError("curate: nothing was asked for, or all of it is held out; raise intents.count")
            why = commonest_reason(folder)
            raise RunError(
                f"curate: none of {refused} prompts is kept, most often because: {why}; {folder} holds the rejected"
            )
        return {"prompts": kept.rows, "rejected": rejected.rows, "reasons": dict(reasons.most_common())}


def _compare(table: pa.Table, duplicates: Duplicates, openers: Openers) -> pa.ChunkedArray:
    """Return the reasons of a table's rows, those for what other rows say too included."""
    columns = (table[name].to_pylist() for name in ("reason", "task", "opening", "sketch"))
    reasons = [
        reason or duplicates.objection(sketch) or openers.objection(task, opening)
        for reason, task, opening, sketch in zip(*columns, strict=True)
    ]
    return pa.chunked_array([pa.array(reasons, pa.string())])


STAGE = CurateStage
