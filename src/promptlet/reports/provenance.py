"""Where a run's data came from: its stages with their digests, configurations and versions, as their manifests say."""

from __future__ import annotations

import json
from collections.abc import Mapping

from promptlet.reports.document import Block, Code, Section, Table, Text
from promptlet.reports.runs import StageData


def provenance(stages: Mapping[str, StageData]) -> Section:
    """Return the section about a run's manifests."""
    ordered = [stages[name] for name in ("intents", "tune", "synthesize", "curate") if name in stages]
    rows = [
        (stage.manifest.stage, stage.manifest.finished or "", round(stage.manifest.seconds), stage.manifest.digest)
        for stage in ordered
    ]
    blocks: list[Block] = [
        Text(f"Teacher: {teacher_of(stages)}."),
        Table(("Stage", "Finished", "Seconds", "Digest of configuration and inputs"), rows),
    ]
    for stage in ordered:
        manifest = stage.manifest
        told = {
            "configuration": manifest.configuration,
            "inputs": manifest.inputs,
            "counts": manifest.counts,
            "versions": manifest.versions,
        }
        blocks.append(Code(json.dumps(told, indent=2, ensure_ascii=False), f"Manifest of {stage.folder.name}"))
    return Section("Provenance", blocks)


def teacher_of(stages: Mapping[str, StageData]) -> str:
    """Return the identity of the teacher: model, digest and the settings that change its answers."""
    asked = stages.get("synthesize")
    return str(asked.manifest.counts.get("teacher", "not recorded")) if asked else "not recorded"
