"""Stage 3, curate: keep the answers that are fit to learn from; keep the others too, each with its reason."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from promptlet.curation import CHECKS, clean, duplicate_key, expressed
from promptlet.io.records import read_samples, write_rejects, write_samples
from promptlet.progress import metering
from promptlet.stages.base import Context, Stage, StageConfig
from promptlet.types import Sample


class CurateConfig(StageConfig):
    """What curation may change."""

    relabel: bool = True
    """Whether intents that left no trace in the prompt are dropped from its label."""


class CurateStage(Stage):
    """Writes cleaned samples; every reject is kept with the first reason found."""

    name = "curate"
    inputs = ("synthesize",)
    Config = CurateConfig

    def run(self, config: CurateConfig, context: Context) -> dict[str, Any]:
        reasons: Counter[str] = Counter()
        rejects: list[tuple[Sample, str]] = []
        seen: set[bytes] = set()
        raw = list(read_samples(context.inputs["synthesize"]))

        def kept() -> Iterator[Sample]:
            with metering(self.name, "prompts", len(raw)) as meter:
                for answer in raw:
                    sample = replace(answer, prompt=clean(answer.prompt))
                    reason = _objection(sample, seen)
                    meter.advance()
                    if reason:
                        reasons[reason.partition(":")[0]] += 1
                        rejects.append((sample, reason))
                    else:
                        yield replace(sample, intents=expressed(sample)) if config.relabel else sample

        count = write_samples(context.folder, kept())
        write_rejects(context.folder, rejects)
        return {"prompts": count, "rejected": len(rejects), "reasons": dict(reasons.most_common())}


def _objection(sample: Sample, seen: set[bytes]) -> str | None:
    reason = next((reason for check in CHECKS if (reason := check(sample))), None)
    if reason is None:
        key = hashlib.blake2b(duplicate_key(sample).encode(), digest_size=16).digest()
        if key in seen:
            return "duplicate"
        seen.add(key)
    return reason


STAGE = CurateStage
