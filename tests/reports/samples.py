"""A small run's folder, made by hand: what its pairs and rejects are is known to the last one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from promptlet.intents.graph import graph_digest
from promptlet.io.manifest import Manifest
from promptlet.io.records import write_rejects, write_samples
from promptlet.types import Intent, Sample

BIRTHDAY, TEA = Intent("Topic", "birthday"), Intent("Topic", "tea ceremony")
POSTER = Intent("Design type", "poster")
EVIL = "<script>alert('x')</script> | a **bold** [link](http://evil.example) & more"


def sample(prompt: str, *intents: Intent, task: str = "t2i", split: str = "train", **scores: float) -> Sample:
    return Sample(intents or (BIRTHDAY,), task, prompt, "teacher", split, scores=scores)


PAIRS = [
    sample("a calm birthday cake by the sea", BIRTHDAY, relevance=0.9, lemmas=0.5),
    sample("a calm birthday card by the sea", BIRTHDAY, relevance=0.1, lemmas=0.5),
    sample("tea by the window in soft morning light", TEA, split="validation", relevance=1.0, lemmas=1.0),
    sample("a poster for a birthday", POSTER, BIRTHDAY, task="t2t", relevance=0.0, lemmas=0.0),
]
REJECTS = [
    *[(sample(f"answer {number}"), "repetition") for number in range(5)],
    (sample(EVIL), "denied: evil (offensive)"),
    (sample("another"), "denied: bad (violent)"),
]


def make_run(
    folder: Path,
    pairs: Sequence[Sample] = PAIRS,
    rejects: Sequence[tuple[Sample, str]] = REJECTS,
    counts: Mapping[str, Any] | None = None,
    asked: Mapping[str, Any] | None = None,
) -> Path:
    """Write what the three stages of the data leave behind; `asked` is the configuration of synthesize."""
    teacher = {"teacher": "fake:0.1"} if counts is None else counts
    before: dict[str, str] = {}
    for name in ("intents", "synthesize", "curate"):
        told = {"intents": {"graph": graph_digest()}, "synthesize": asked or {}}.get(name, {})
        planned = Manifest.planned(name, {"seed": 1, **told}, before)
        place = folder / f"{name}-{planned.digest[:8]}"
        place.mkdir(parents=True)
        write_samples(place, pairs)
        if name == "curate":
            write_rejects(place, rejects)
        planned.done(teacher if name == "synthesize" else {}, 1.0).write(place)
        before = {name: planned.digest}
    return folder
