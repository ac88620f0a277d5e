"""`promptlet intents import`: metadata in, a folder of intents with their source and proposals for new nodes out.

Rows that give no intents are kept too, each with its reason. Memory does not grow with the rows.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import IO, Any

import yaml

from promptlet.embedding import load_embedder
from promptlet.errors import UsageError
from promptlet.intents.graph import Graph, load_graph
from promptlet.intents.linking import Linked, Linker
from promptlet.intents.metadata import Asset, BadRow, Reading, open_metadata
from promptlet.intents.splits import split_of
from promptlet.io.atomic import replacing, write_json, write_text
from promptlet.io.records import write_samples
from promptlet.progress import metering
from promptlet.tasks import load_task
from promptlet.types import Sample
from promptlet.vocabulary import Policy, load_policy

PROPOSALS, REPORT, REJECTS = "new_nodes.yaml", "report.json", "rejects.jsonl"
_PROPOSED = 500
"""The most frequent unknown keywords are proposed."""
_LEAST_COUNT = 2
_LEAST_INTENTS = 2
_REMEMBERED = 1 << 16


@dataclass(frozen=True)
class ImportConfig:
    """How metadata becomes intents."""

    mapping: Mapping[str, str]
    """Field -> column, for unusual names."""
    task: str | None = None
    """The task of all intents; None is text-to-template where there is a design type, else text-to-image."""
    threshold: float | None = None
    """Likeness from which a keyword means a node; None links by names alone."""
    graph: Path | None = None
    policy: Path | None = None
    encoding: str = "utf-8"


def import_file(path: Path, folder: Path, config: ImportConfig) -> list[str]:
    """Write the intents of a metadata file into `folder`; return lines that say what was found.

    The folder gets ``data-*.parquet``, ``new_nodes.yaml``, ``rejects.jsonl`` and ``report.json``.

    Raises:
        UsageError: for a file, mapping or folder that can't be used.
    """
    reading = open_metadata(path, config.mapping, config.encoding)
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"{folder} is a file; a folder for the intents is expected")
    folder.mkdir(parents=True, exist_ok=True)
    graph = load_graph(config.graph)
    embedder = None if config.threshold is None else load_embedder()
    linker = Linker(graph, embedder, config.threshold or 1.0)
    with replacing(folder / REJECTS) as temporary, temporary.open("w", encoding="utf-8") as rejects:
        work = _Import(reading, graph, linker, load_policy(config.policy), config.task, rejects)
        rows = write_samples(folder, work.samples())
    proposals = {keyword: count for keyword, count in linker.unknown.most_common(_PROPOSED) if count >= _LEAST_COUNT}
    head = "# Keywords that the graph does not know, and how often they came. Move the good ones into the graph.\n"
    write_text(folder / PROPOSALS, head + yaml.safe_dump(proposals, allow_unicode=True, sort_keys=False))
    report: dict[str, Any] = {
        "file": path.name,
        "columns": reading.mapping,
        "intents": rows,
        "tasks": dict(work.tasks),
        "rejected": sum(work.reasons.values()),
        "reasons": dict(work.reasons.most_common()),
        "proposals": len(proposals),
    }
    write_json(folder / REPORT, report)
    return [f"{key}: {_said(value)}" for key, value in report.items()]


class _Import:
    """One pass over a file; what it could not use goes to `rejects`, and is counted in `reasons`."""

    def __init__(
        self, reading: Reading, graph: Graph, linker: Linker, policy: Policy, task: str | None, rejects: IO[str]
    ) -> None:
        self._reading, self._graph, self._linker, self._task, self._rejects = reading, graph, linker, task, rejects
        self._kinds = {name: load_task(name).kinds for name in ((task,) if task else ("t2i", "t2t"))}
        self._find_denied = lru_cache(_REMEMBERED)(policy.find_denied)
        self.tasks: Counter[str] = Counter()
        self.reasons: Counter[str] = Counter()

    def samples(self) -> Iterator[Sample]:
        with metering("import", "rows", None) as meter:
            for linked in self._linker.link(self._assets()):
                meter.advance()
                sample = self._sample(linked)
                if sample is None:
                    self._reject(linked.asset, "too little known")
                    continue
                self.tasks[sample.task] += 1
                yield sample

    def _assets(self) -> Iterator[Asset]:
        """Yield the rows that can be read and hold no denied term in what intents are made of."""
        for row in self._reading.assets():
            if isinstance(row, BadRow):
                self._reject(row, row.reason)
                continue
            said = (row.title, *row.keywords, *row.category, *row.design_type, *row.colors)
            finding = next((found for text in said if text and (found := self._find_denied(text))), None)
            if finding:
                self._reject(row, f"denied: {finding}")
            else:
                yield row

    def _sample(self, linked: Linked) -> Sample | None:
        kinds = {intent.kind for intent in linked.intents}
        task = self._task or ("t2t" if "Design type" in kinds else "t2i")
        intents = tuple(intent for intent in linked.intents if intent.kind in self._kinds[task])
        if len(intents) < _LEAST_INTENTS:
            return None
        source = f"{self._reading.path.name}#{linked.asset.row}"
        return Sample(intents, task, "", source=source, split=split_of(self._graph, intents))

    def _reject(self, row: Asset | BadRow, reason: str) -> None:
        self.reasons[reason.partition(":")[0]] += 1
        fields = {key: value for key, value in asdict(row).items() if value}
        self._rejects.write(json.dumps(fields | {"reason": reason}, ensure_ascii=False) + "\n")


def _said(value: Any) -> str:
    if not isinstance(value, dict):
        return str(value)
    return ", ".join(f"{key} {count}" for key, count in value.items()) or "none"
