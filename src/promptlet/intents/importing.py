"""`promptlet intents import`: metadata in, a folder of intents with their source and proposals for new nodes out.

Rows that give no intents are kept too, each with its reason. Memory does not grow with the rows.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import IO, Any

import yaml

from promptlet.errors import RunError, UsageError
from promptlet.intents.graph import Graph
from promptlet.intents.linking import Linker
from promptlet.intents.metadata import Asset, Bad, Metadata
from promptlet.intents.splits import split_of
from promptlet.io.atomic import replacing, write_json, write_text
from promptlet.io.records import write_samples
from promptlet.progress import metering
from promptlet.tasks import load_task
from promptlet.types import Sample
from promptlet.vocabulary import load_policy

PROPOSALS, REJECTS, REPORT = "new_nodes.yaml", "rejects.jsonl", "report.json"
_PROPOSED, _LEAST_COUNT = 500, 2
"""So many unknown keywords are proposed, the most frequent ones, if they came so often."""
_REMEMBERED, _SHOWN = 1 << 16, 300
_HEAD = """# Keywords that the graph does not know: how often they came, and which node is nearest in meaning.
# Move the good ones into the file of their kind.
"""


class Import:
    """Turns the rows of metadata into intents; rows with a denied term, but in the description, are rejected.

    The task of all intents is `task`, or text-to-template where there is a design type, else text-to-image.
    """

    def __init__(self, metadata: Metadata, graph: Graph, linker: Linker, task: str | None = None) -> None:
        self._metadata, self._graph, self._linker, self._task = metadata, graph, linker, task
        self._kinds = {name: load_task(name).kinds for name in ((task,) if task else ("t2i", "t2t"))}
        self._find_denied = lru_cache(_REMEMBERED)(load_policy().find_denied)
        self._reasons: Counter[str] = Counter()

    def run(self, folder: Path) -> dict[str, Any]:
        """Write ``data-*.parquet``, ``rejects.jsonl``, ``new_nodes.yaml``, last ``report.json``; return the report.

        Raises:
            UsageError: if the metadata turns out to be damaged, or `folder` is a file.
            RunError: once all is written, if no row gave intents.
        """
        if folder.exists() and not folder.is_dir():
            raise UsageError(f"{folder} is a file; a folder for the intents is expected")
        (folder / REPORT).unlink(missing_ok=True)
        with replacing(folder / REJECTS) as temporary, temporary.open("w", encoding="utf-8") as rejects:
            rows = write_samples(folder, self._samples(rejects))
        write_text(folder / PROPOSALS, _HEAD + yaml.safe_dump(self._proposals(), allow_unicode=True, sort_keys=False))
        report = {
            "file": self._metadata.path.name,
            "columns": {name: list(columns) for name, columns in self._metadata.mapping.items()},
            "intents": rows,
            "rejected": self._reasons.total(),
            "reasons": dict(self._reasons.most_common()),
        }
        write_json(folder / REPORT, report)
        if not rows:
            raise RunError(f"no row of {self._metadata.path} gave intents; {folder / REJECTS} says why")
        return report

    def _proposals(self) -> dict[str, dict[str, Any]]:
        """Return keyword -> how often it came, and the node that is nearest in meaning: it tells the kind."""
        often = {word: n for word, n in self._linker.unknown.most_common(_PROPOSED) if n >= _LEAST_COUNT}
        nearest = self._linker.nearest(list(often)) if often else None
        return {
            word: {"count": n} | ({"near": str(nearest[index][0])} if nearest else {})
            for index, (word, n) in enumerate(often.items())
        }

    def _samples(self, rejects: IO[str]) -> Iterator[Sample]:
        with metering("import", "rows", None) as meter:
            for asset, found in self._linker.link(self._usable(rejects)):
                meter.advance()
                task = self._task or ("t2t" if any(intent.kind == "Design type" for intent in found) else "t2i")
                intents = tuple(intent for intent in found if intent.kind in self._kinds[task])
                if len(intents) < 2:
                    self._reject(rejects, Bad("too little known", asset.title, asset.row))
                    continue
                source = f"{self._metadata.path.name}#{asset.row}"
                yield Sample(intents, task, "", source=source, split=split_of(self._graph, intents))

    def _usable(self, rejects: IO[str]) -> Iterator[Asset]:
        for row in self._metadata.assets():
            if isinstance(row, Bad):
                self._reject(rejects, row)
                continue
            said = (phrase for name, phrase in row.phrases() if name != "description")
            if finding := next(filter(None, map(self._find_denied, said)), None):
                self._reject(rejects, Bad(f"denied: {finding}", row.title, row.row))
            else:
                yield row

    def _reject(self, rejects: IO[str], bad: Bad) -> None:
        self._reasons[bad.reason.partition(":")[0]] += 1
        row = {"row": bad.row, "reason": bad.reason[:_SHOWN], "text": bad.text[:_SHOWN]}
        rejects.write(json.dumps(row) + "\n")
