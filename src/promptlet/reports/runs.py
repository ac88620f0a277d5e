"""Finding what belongs together in a run's folder: the newest finished curation and the stages that it came from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from promptlet.errors import RunError, UsageError
from promptlet.io.manifest import Manifest

_FROM = {"curate": ("synthesize",), "synthesize": ("intents", "tune")}


@dataclass(frozen=True)
class StageData:
    """A finished stage: its folder and its manifest."""

    folder: Path
    manifest: Manifest

    def shards(self, stem: str) -> list[str]:
        """Return the paths of ``STEM-*.parquet``, in order."""
        return sorted(map(str, self.folder.glob(f"{stem}-*.parquet")))


def find_stages(run: Path) -> Mapping[str, StageData]:
    """Return the newest finished curation of a run, and by its digests the stages before it, as far as they are there
    (and tuned a teacher, if that is theirs).

    Raises:
        UsageError: if the run's folder is missing.
        RunError: if no curation in it is finished.
    """
    if not run.is_dir():
        raise UsageError(f"there is no run's folder at {run}")
    finished = [stage for folder in sorted(run.glob("curate-*")) if (stage := _read(folder))]
    if not finished:
        raise RunError(
            f"no curation in {run} is finished; `promptlet run RECIPE --folder {run} --until curate` makes one"
        )
    found = {"curate": max(finished, key=lambda stage: stage.manifest.finished or "")}
    for name, sources in _FROM.items():
        for before in sources if name in found else ():
            outcome = found[name].manifest.inputs.get(before)
            stages = [stage for folder in run.glob(f"{before}-*") if (stage := _read(folder))]
            stage = next((stage for stage in stages if stage.manifest.outcome == outcome), None)
            if stage is not None and (before != "tune" or stage.manifest.counts):
                found[before] = stage
    return found


def _read(folder: Path) -> StageData | None:
    manifest = Manifest.read(folder)
    return StageData(folder, manifest) if manifest is not None and manifest.finished else None
