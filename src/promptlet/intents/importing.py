"""`promptlet intents import`: metadata in, a folder of intents with their source and proposals for new nodes out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from promptlet.embedding import load_embedder
from promptlet.intents.graph import load_graph
from promptlet.intents.linking import Linker
from promptlet.intents.metadata import open_metadata
from promptlet.intents.splits import split_of
from promptlet.io.atomic import write_json, write_text
from promptlet.io.records import write_samples
from promptlet.progress import metering
from promptlet.tasks import load_task
from promptlet.types import Sample

PROPOSALS, REPORT = "new_nodes.yaml", "report.json"
_PROPOSED = 500
"""The most frequent unknown keywords are proposed."""
_LEAST_COUNT = 2


def import_file(
    path: Path,
    folder: Path,
    mapping: Mapping[str, str],
    task: str | None,
    threshold: float | None,
    graph_folder: Path | None = None,
) -> list[str]:
    """Write the intents of a metadata file into `folder`; return lines that say what was found.

    Args:
        path: the metadata.
        folder: where ``data-*.parquet``, ``new_nodes.yaml`` and ``report.json`` go.
        mapping: field -> column, for unusual names.
        task: the task of all intents; None is text-to-template where there is a design type, else text-to-image.
        threshold: likeness from which a keyword means a node; None links by names alone.
        graph_folder: another graph than the packaged one.

    Raises:
        UsageError: for a file or mapping that can't be used.
    """
    reading = open_metadata(path, mapping)
    graph = load_graph(graph_folder)
    linker = Linker(graph, None if threshold is None else load_embedder(), threshold or 1.0)
    counts: Counter[str] = Counter()
    tasks = {task: load_task(task)} if task else {name: load_task(name) for name in ("t2i", "t2t")}

    def samples() -> Iterator[Sample]:
        with metering("import", "rows", None) as meter:
            for linked in linker.link(reading.assets()):
                meter.advance()
                kinds = {intent.kind for intent in linked.intents}
                name = task or ("t2t" if "Design type" in kinds else "t2i")
                fitting = tuple(intent for intent in linked.intents if intent.kind in tasks[name].kinds)
                if len(fitting) < 2:
                    counts["too little known"] += 1
                    continue
                source = f"{path.name}#{linked.asset.row}"
                yield Sample(fitting, name, "", source=source, split=split_of(graph, fitting))
                counts[name] += 1

    rows = write_samples(folder, samples())
    proposals = {keyword: count for keyword, count in linker.unknown.most_common(_PROPOSED) if count >= _LEAST_COUNT}
    head = "# Keywords that the graph does not know, and how often they came. Move the good ones into the graph.\n"
    write_text(folder / PROPOSALS, head + yaml.safe_dump(proposals, allow_unicode=True, sort_keys=False))
    report: dict[str, Any] = {
        "file": path.name,
        "columns": reading.mapping,
        "intents": rows,
        "tasks": dict(counts),
        "unreadable": reading.bad,
        "proposals": len(proposals),
    }
    write_json(folder / REPORT, report)
    return [f"{key}: {value}" for key, value in report.items()]
