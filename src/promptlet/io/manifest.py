"""A stage's folder: made under one digest, resumed only under the same, finished when its manifest says so."""

from __future__ import annotations

import json
import platform
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from importlib import metadata
from pathlib import Path
from typing import Any

from promptlet.errors import RunError
from promptlet.io.atomic import value_digest, write_json

NAME = "manifest.json"
_VERSIONS_OF = ("pyarrow", "tokenizers", "torch", "transformers", "xllamacpp")


@dataclass(frozen=True)
class Manifest:
    """What a stage did: enough to tell whether it is up to date and to do it again."""

    stage: str
    digest: str
    configuration: Mapping[str, Any]
    inputs: Mapping[str, str]
    counts: Mapping[str, Any] = field(default_factory=dict)
    seconds: float = 0.0
    finished: str | None = None
    versions: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def planned(cls, stage: str, configuration: Mapping[str, Any], inputs: Mapping[str, str]) -> Manifest:
        """Return the manifest of work not done yet; its digest covers configuration and inputs."""
        digest = value_digest({"stage": stage, "configuration": configuration, "inputs": inputs})
        return cls(stage, digest, configuration, inputs)

    @classmethod
    def read(cls, folder: Path) -> Manifest | None:
        """Return the folder's manifest, or None where there is none."""
        path = folder / NAME
        if not path.exists():
            return None
        try:
            return cls(**json.loads(path.read_text(encoding="utf-8")))
        except (ValueError, TypeError) as error:
            raise RunError(f"{path} is not a manifest: {error}") from error

    def write(self, folder: Path) -> None:
        """Write the manifest into the folder, atomically."""
        write_json(folder / NAME, asdict(self))

    @property
    def failed(self) -> int:
        """How many rows failed that may be tried again."""
        return int(self.counts.get("failed", 0))

    @property
    def outcome(self) -> str:
        """The digest of what the finished stage holds, for the stages that read it.

        Finished rows stay, failed ones may be there after they were tried again: how many are still missing tells the
        outcomes of one configuration apart.
        """
        return value_digest([self.digest, self.failed]) if self.failed else self.digest

    def interrupted(self, seconds: float) -> Manifest:
        """Return this manifest as that of work that goes on, after so much more time."""
        return replace(self, seconds=round(self.seconds + seconds, 3), finished=None)

    def done(self, counts: Mapping[str, Any], seconds: float) -> Manifest:
        """Return this manifest as that of finished work."""
        return replace(
            self,
            counts=counts,
            seconds=round(self.seconds + seconds, 3),
            finished=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            versions=_versions(),
        )


def _versions() -> dict[str, str]:
    found = {"python": platform.python_version()}
    for name in ("promptlet", *_VERSIONS_OF):
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found
